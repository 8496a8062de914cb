"""The JSON Schema takes what the loader takes, and refuses what it refuses."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from sieve_jobs.spec.schema import jobspec_schema
from sieve_jobs.spec.variables import Variables
from tests.spec.documents import one
from tests.spec.loading import parse

VARIABLES = Variables(environ={"FN": "a/b", "T": "true", "WHEN": "job.start", "HOST": "h.example", "WORD": "secrets"})

TAKEN = [
    "function: a/b", "function: a/b:v2", "id: x", "function: ~\nid: x", "id: ~\nfunction: a/b", "function: ${FN}",
    "function: a/b\nname: shows/intro-2_x.y", "function: a/b\nname: größe", "function: a/b\nname: n-${HOST}",
    "function: a/b\nname: ~", "function: a/b\ninputs: {}", "function: a/b\ninputs: []", "function: a/b\ninputs: ~",
    "function: a/b\ninputs: [1, {a: b}, ~]", "function: a/b\ninputs: {a: {file: x.yaml}, b: {$file: y}}",
    "function: a/b\nenv: {A: x, _b2: ''}", "function: a/b\nenv: ~", "function: a/b\nenv: {}",
    "function: a/b\nenv: {A: '${T}'}", "function: a/b\nwebhooks: ~", "function: a/b\nwebhooks: []",
    "function: a/b\nwebhooks: [{type: job.complete, url: 'https://h/x'}]",
    "function: a/b\nwebhooks: [{type: job_start, url: 'HTTP://h'}]",
    "function: a/b\nwebhooks: [{type: '${WHEN}', url: 'https://${HOST}'}]",
    "function: a/b\nwebhooks: [{type: job.start, url: '${HOOK_TOKEN}'}]",
    "function: a/b\ndescription: x\nlabels: {a: b}", "function: a/b\ndescription: ~\nlabels: ~",
    "function: a/b\nsave: out/x", "function: a/b\nsave: ~", "function: a/b\nsave: {to: 'out/${HOST}/'}",
    "function: a/b\nsave: {to: o, as: '{name}/{job}-{index}-{stem}{ext}'}", "function: a/b\nsave: {to: o, as: a.mp4}",
    "function: a/b\nrerun: x", "function: a/b\nrerun: 7", "function: a/b\nrerun: ~",
    "function: a/b\nrerun_on: [secrets, webhooks]", "function: a/b\nrerun_on: []", "function: a/b\nrerun_on: ~",
    "function: a/b\nrerun_on: ['${WORD}']", "function: a/b\nprotect: true", "function: a/b\non_change: keep",
    "function: a/b\non_change: cancel", "function: a/b\nprotect: ${T}",
]  # fmt: skip
REFUSED = [
    "{}", "[]", "text", "5", "function: ~", "id: ~", "function: a/b\nid: x", "function: a", "function: a/b/c",
    "function: /b", "function: a/", "function: 'a/b:'", "function: 'a b/c'", "function: 5", "function: [a/b]", "id: 5",
    "id: ''", "id: ' '", "function: a/b\nname: ''", "function: a/b\nname: a b", "function: a/b\nname: 'dub[x]'",
    "function: a/b\nname: 5", "function: a/b\nname: 'a:b'", "function: a/b\nname: " + "x" * 201,
    "function: a/b\ninputs: x", "function: a/b\ninputs: 5", "function: a/b\nenv: []", "function: a/b\nenv: {A: 5}",
    "function: a/b\nenv: {A: ~}", "function: a/b\nenv: {A-B: x}", "function: a/b\nenv: {5A: x}",
    "function: a/b\nenv: {'': x}", "function: a/b\nwebhooks: {}", "function: a/b\nwebhooks: [x]",
    "function: a/b\nwebhooks: [{type: job.start}]", "function: a/b\nwebhooks: [{url: 'https://h'}]",
    "function: a/b\nwebhooks: [{type: job.done, url: 'https://h'}]",
    "function: a/b\nwebhooks: [{type: job.start, url: 'ftp://h'}]",
    "function: a/b\nwebhooks: [{type: job.start, url: 'https://'}]",
    "function: a/b\nwebhooks: [{type: job.start, url: 'https://h x'}]",
    "function: a/b\nwebhooks: [{type: job.start, url: 'https://h', x: 1}]", "function: a/b\ndescription: 5",
    "function: a/b\nlabels: {a: 5}", "function: a/b\nlabels: [a]", "function: a/b\nrerun: 1.5",
    "function: a/b\nrerun: true", "function: a/b\nrerun: [x]", "function: a/b\nrerun_on: secrets",
    "function: a/b\nrerun_on: [x]", "function: a/b\nprotect: 'yes'", "function: a/b\nprotect: 1",
    "function: a/b\nprotect: ~", "function: a/b\non_change: wait", "function: a/b\non_change: [keep]",
    "function: a/b\nunknown: x", "function: a/b\nmatrix: {a: [1]}",
    "function: a/b\nsave: {}", "function: a/b\nsave: {as: x}", "function: a/b\nsave: [x]", "function: a/b\nsave: 5",
    "function: a/b\nsave: {to: x, at: y}", "function: a/b\nsave: {to: x, as: 5}", "function: a/b\nsave: /x",
    "function: a/b\nsave: {to: ~/x}", "function: a/b\nsave: {to: 'x/{index}'}", "function: a/b\nsave: ''",
    "function: a/b\nsave: {to: x, as: '{n}'}", "function: a/b\nsave: {to: x, as: '{index'}", "Function: a/b",
]  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = jobspec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        *(pytest.param(text, True, id=f"takes {text[:60]!r}") for text in TAKEN),
        *(pytest.param(text, False, id=f"refuses {text[:60]!r}") for text in REFUSED),
    ],
)
def test_schema_and_loader_agree(
    tmp_path: Path, validator: jsonschema.Draft202012Validator, text: str, taken: bool
) -> None:
    (tmp_path / "x.yaml").touch()
    found = parse(tmp_path, text + "\n", variables=VARIABLES)
    assert (not found.problems, validator.is_valid(one(text))) == (taken, taken), found.problems


def test_every_key_of_the_language_is_described() -> None:
    schema = jobspec_schema()
    keys = {**schema["properties"], **schema["$defs"]["WebhookModel"]["properties"]}
    assert all(form.get("description") for form in keys.values())
    assert all("title" not in form for form in keys.values())
