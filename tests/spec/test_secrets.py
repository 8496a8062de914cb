"""A secret's value is in the request alone: not in what is stored, shown, compared or thrown."""

from __future__ import annotations

import dataclasses
import traceback
from pathlib import Path

import pytest

from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.digest import canonical
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.request import MASK, masked_body, push_body
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec.loading import KEY, detail, parse, settings

CANARY = "c4n4ry-Zürich"
VARIABLES = Variables(environ={"A_KEY": CANARY, "MASKED": f"masked-{CANARY}", "OPEN": "n0-secret"})
SPEC = """\
function: a/b
description: ${OPEN}
inputs:
  whole: ${A_KEY}
  part: "x ${A_KEY} ${OPEN}"
  url: {url: "https://${A_KEY}@h.example/${OPEN}?k=${A_KEY}"}
  nested: [{deep: "${UNSET:-${A_KEY}}"}, "${A_KEY:+given}"]
  data: {$file: {more: ["${A_KEY}", {$file: "${A_KEY}"}]}}
  literal: $${A_KEY}
  merged: {<<: {a: "${A_KEY}"}}
  alias: &alias "${A_KEY}"
  again: *alias
env: {K: "${A_KEY}", M: "${MASKED}", L: literal, B: "b-${MASKED}"}
webhooks:
  - {type: job.complete, url: "https://h.example/${A_KEY}"}
"""


def everything(found: Detail) -> str:
    """All of a Detail that is stored or may be printed."""
    spec = found.spec
    return "\n".join([
        repr(found), repr(spec), repr(spec.leaves), str(spec.leaves), repr(spec.webhooks), repr(found.tags), repr(KEY),
        canonical(dict(found.parts)), found.digest, found.fingerprint, repr(masked_body(spec)),
        *(leaf.reference(spec.variables) for leaf in spec.leaves.values() if leaf.is_secret(spec.variables)),
    ])  # fmt: skip


def test_no_form_of_a_spec_holds_a_secret(tmp_path: Path) -> None:
    found = detail(tmp_path, SPEC, variables=VARIABLES)
    shown = everything(found)
    assert CANARY not in shown
    assert KEY.secret.decode() not in shown
    assert CANARY not in "".join(str(getattr(found.tags, field.name)) for field in dataclasses.fields(found.tags))


def test_the_request_holds_it_where_it_was_asked_for(tmp_path: Path) -> None:
    body = push_body(detail(tmp_path, SPEC, variables=VARIABLES).spec, file_url=lambda file: "")
    assert body == {
        "function": "a/b",
        "inputs": {
            "whole": CANARY, "part": f"x {CANARY} n0-secret",
            "url": {"url": f"https://{CANARY}@h.example/n0-secret?k={CANARY}"},
            "nested": [{"deep": CANARY}, "given"],
            "data": {"file": {"more": [CANARY, {"file": CANARY}]}},
            "literal": "${A_KEY}", "merged": {"a": CANARY}, "alias": CANARY, "again": CANARY,
        },
        "env": {"K": CANARY, "M": f"masked-{CANARY}", "L": "literal", "B": f"b-masked-{CANARY}"},
        "webhooks": [{"type": "job.complete", "url": f"https://h.example/{CANARY}"}],
    }  # fmt: skip


def test_the_masked_request_holds_references(tmp_path: Path) -> None:
    body = masked_body(detail(tmp_path, SPEC, variables=VARIABLES).spec)
    assert body == {
        "function": "a/b",
        "inputs": {
            "whole": "${A_KEY}", "part": "x ${A_KEY} n0-secret",
            "url": {"url": "https://${A_KEY}@h.example/n0-secret?k=${A_KEY}"},
            "nested": [{"deep": "${UNSET:-${A_KEY}}"}, "${A_KEY:+given}"],
            "data": {"file": {"more": ["${A_KEY}", {"file": "${A_KEY}"}]}},
            "literal": "${A_KEY}", "merged": {"a": "${A_KEY}"}, "alias": "${A_KEY}", "again": "${A_KEY}",
        },
        "env": {"K": "${A_KEY}", "M": MASK, "L": "literal", "B": MASK},
        "webhooks": [{"type": "job.complete", "url": "https://h.example/${A_KEY}"}],
    }  # fmt: skip


def test_every_secret_leaf_is_known_by_its_place_in_the_request(tmp_path: Path) -> None:
    found = detail(tmp_path, SPEC, variables=VARIABLES)
    assert set(found.tags.secrets) == {
        "inputs.whole", "inputs.part", "inputs.url.url", "inputs.nested[0].deep", "inputs.nested[1]",
        "inputs.data.file.more[0]", "inputs.data.file.more[1].file", "inputs.merged.a", "inputs.alias", "inputs.again",
        "env.K", "webhooks[0].url",
    }  # fmt: skip
    assert found.parts["secrets"] == sorted(pointer for pointer in found.tags.secrets if pointer.startswith("inputs"))


BAD = [
    "name: ${A_KEY}", "name: 'x ${A_KEY}'", "description: ${A_KEY}", "rerun: ${A_KEY}", "protect: ${A_KEY}",
    "rerun_on: ['${A_KEY}']", "rerun_on: ${A_KEY}", "labels: {x: '${A_KEY}'}", "labels: ${A_KEY}", "inputs: ${A_KEY}",
    "env: ${A_KEY}", "env: {'5': '${A_KEY}'}", "env: {A: ['${A_KEY}']}", "webhooks: ${A_KEY}",
    "webhooks: [{type: '${A_KEY}', url: '${A_KEY}'}]", "webhooks: [{type: job.start, url: '${A_KEY}', x: '${A_KEY}'}]",
    "webhooks: ['${A_KEY}']", "inputs: {a: {file: '${A_KEY}'}}", "inputs: {a: {file: ['${A_KEY}']}}",
    "inputs: {a: '${UNSET:?see ${A_KEY}}'}", "inputs: {a: '${UNSET?${A_KEY}}'}", "save: ${A_KEY}", "unknown: ${A_KEY}",
    "matrix: {a: ['${A_KEY}']}", "inputs: {a: '${A_KEY} ${UNSET}'}", "id: ${A_KEY}", "inputs: {a: '${A_KEY} ${'}",
]  # fmt: skip


@pytest.mark.parametrize("text", [pytest.param(text, id=text) for text in BAD])
def test_no_error_quotes_a_secret(tmp_path: Path, text: str) -> None:
    found = parse(tmp_path, f"function: a/b\n{text}\n", variables=VARIABLES)
    assert found.problems
    assert CANARY not in repr(found)


def test_a_function_that_is_a_secret_is_not_quoted(tmp_path: Path) -> None:
    found = parse(tmp_path, "function: ${A_KEY}\n", variables=VARIABLES)
    assert [problem.code for problem in found.problems] == ["SJ170"]
    assert CANARY not in repr(found)


def test_pydantic_never_sees_a_printer(tmp_path: Path) -> None:
    from pydantic import ValidationError

    from sieve_jobs.spec.model import SpecModel

    with pytest.raises(ValidationError) as caught:
        SpecModel.model_validate({"function": "a/b", "env": {"K": [CANARY]}, "protect": CANARY})
    assert CANARY not in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_the_cache_holds_no_value_of_a_variable(tmp_path: Path) -> None:
    write(tmp_path, {"jobspecs/a.yaml": SPEC, "jobspecs/b.yaml": "function: a/b\ninputs: {v: '${MASKED} ${OPEN}'}\n"})
    for key in (KEY, None):
        given = settings(tmp_path, variables=VARIABLES, key=key)
        path = tmp_path / f"cache-{key is None}.db"
        tree = load_tree(given, ParseCache(path, basis=given.basis()))
        assert not tree.problems
        written = path.read_bytes()
        assert len(written) > 100
        for form in (CANARY.encode(), CANARY.encode("utf-16-le"), b"c4n4ry", b"n0-secret", KEY.secret):
            assert form not in written
