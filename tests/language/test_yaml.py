"""YAML 1.2 core, JSON values only, bounded: what the builder takes, and what it refuses."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError
from sieve_jobs.spec.scalars import typed

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc", "Cs", "Zl", "Zp"]))
# A key on one line has at most 1,024 characters in YAML; written as JSON, one may take six of them.
KEYS = PRINTABLE.filter(lambda text: len(text) <= 120)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | PRINTABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


def read(text: str, *, marks: bool = False) -> Any:
    documents = [*read_documents(text, marks=marks)]
    assert len(documents) == 1
    return documents[0].value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("No", "No"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"),
        ("null", None), ("~", None), ("Null", None), ("NULL", None), ("nULL", "nULL"), ("''", ""),
        ("0", 0), ("10", 10), ("010", 10), ("-7", -7), ("+7", 7), ("0o17", 15), ("0x1f", 31), ("0b11", "0b11"),
        ("1_000", "1_000"), ("1:30", "1:30"), ("22:22:22", "22:22:22"), ("2024-01-01", "2024-01-01"),
        ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("1.10", 1.1), ("-1.5e-3", -0.0015), ("1.2.3", "1.2.3"),
        ("9007199254740992", 2**53), ("-9007199254740992", -(2**53)), ("'10'", "10"), ('"true"', "true"),
        ("=", "="), ("1e", "1e"), ("e3", "e3"), ("+", "+"), ("-", "-"), (".", "."), ("nan", "nan"), ("inf", "inf"),
        ("!!str 10", "10"), ("!!int '10'", 10), ("!!float 1", 1.0), ("!!bool 'true'", True), ("! 10", "10"),
        ("|\n  a\n  b\n", "a\nb\n"), (">-\n  a\n  b\n", "a b"), ('"\\u00fc\\x1b"', "ü\x1b"),
    ],
)  # fmt: skip
def test_scalars_are_yaml_1_2(written: str, value: object) -> None:
    if written == "-":
        written = "'-'"
    found = read(f"a: {written}\n")["a"]
    assert json.dumps(found) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("640", 640), ("true", True), ("false", False), ("null", None), ("1.5", 1.5), ("-3", -3),
        ("00123", "00123"), ("", ""), ("1.50", "1.50"), ("True", "True"), ("~", "~"), ("1e3", "1e3"), ("+7", "+7"),
        ("9007199254740993", "9007199254740993"), (".nan", ".nan"), ("0x1f", "0x1f"), ("spanish", "spanish"),
    ],
)  # fmt: skip
def test_a_variable_takes_a_type_where_that_round_trips(text: str, value: object) -> None:
    assert json.dumps(typed(text)) == json.dumps(value)


@given(JSON, st.booleans())
@settings(max_examples=60, deadline=None)
def test_json_is_read_back_as_it_is(value: Any, marks: bool) -> None:
    assert read("- " + json.dumps(value) + "\n", marks=marks) == [value]


@given(JSON, st.sampled_from([True, False, None]), st.sampled_from("'\""))
@settings(max_examples=60, deadline=None)
def test_what_another_writer_dumps_is_read_back(value: Any, flow: bool | None, quote: str) -> None:
    # Quoted, with a tag on what is no text: that writer takes 0E0 for text, as YAML 1.1 has it.
    text = yaml.safe_dump({"a": value}, default_flow_style=flow, default_style=quote, allow_unicode=True)
    assert read(text) == {"a": value}


@given(
    st.text(st.sampled_from("ab:-?[]{},&*!|>'\"%@`#<~ \n\t$0.\\"), max_size=60) | st.text(max_size=40), st.booleans()
)
@example("a: &a [*a]", False)
@example("<<: *a", True)
@example("%YAML 9.9\n---\na", False)
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_document_or_a_build_error(text: str, marks: bool) -> None:
    with contextlib.suppress(BuildError):
        for document in read_documents(text, marks=marks):
            json.dumps(document.value, allow_nan=False)


MERGED = """\
base: &base {a: 1, b: {c: "${X}"}}
other: &other {b: 3, d: 4}
one: {<<: *base, a: 2}
two: {<<: [*base, *other], e: 5}
alias: *base
list: [*other, *other]
"""


def test_anchors_aliases_and_merges() -> None:
    (document,) = read_documents(MERGED)
    value: Any = document.value
    assert value["one"] == {"a": 2, "b": {"c": "${X}"}}
    assert value["two"] == {"e": 5, "a": 1, "b": {"c": "${X}"}, "d": 4}
    assert value["list"] == [{"b": 3, "d": 4}] * 2
    assert value["list"][0] is not value["list"][1]
    places = {template.pointer for template in document.templates}
    assert places == {(name, "b", "c") for name in ("base", "one", "two", "alias")}
    for template in document.templates:
        template.container[template.key] = ".".join(map(str, template.pointer))  # type: ignore[index]
    assert value["one"]["b"]["c"] == "one.b.c"
    assert value["alias"]["b"]["c"] == "alias.b.c"


def test_marks_say_where_every_node_stands() -> None:
    (document,) = read_documents('a: 1\nb:\n  - x\n  - {c: "d"}\n', marks=True)
    keys = {pointer: (span.line, span.column) for pointer, span in document.keys.items()}
    assert keys == {("a",): (0, 0), ("b",): (1, 0), ("b", 1, "c"): (3, 5)}
    assert (document.values["b", 1, "c"].line, document.values["b", 1, "c"].column) == (3, 8)


@pytest.mark.parametrize("depth", [64, 65])
def test_depth_is_bounded(depth: int) -> None:
    text = "[" * depth + "]" * depth
    if depth == 64:
        assert str(read(text)) == text
    else:
        with pytest.raises(BuildError, match="deeper than 64"):
            read(text)
