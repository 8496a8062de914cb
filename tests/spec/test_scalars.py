"""Plain scalars are YAML 1.2's core schema, and what comes of them is JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError
from sieve_jobs.spec.scalars import NotJsonError, is_text, resolve, typed

AS_JSON = [
    # null and booleans: the core words, in three cases each, and nothing else
    ("", "null"), ("~", "null"), ("null", "null"), ("Null", "null"), ("NULL", "null"), ("nULL", '"nULL"'),
    ("true", "true"), ("True", "true"), ("TRUE", "true"), ("tRUE", '"tRUE"'),
    ("false", "false"), ("False", "false"), ("FALSE", "false"),
    # the words of YAML 1.1 are text
    ("yes", '"yes"'), ("Yes", '"Yes"'), ("no", '"no"'), ("NO", '"NO"'), ("on", '"on"'), ("off", '"off"'),
    ("y", '"y"'), ("n", '"n"'), ("N", '"N"'), ("=", '"="'), ("none", '"none"'), ("nil", '"nil"'),
    ("No", '"No"'), ("nan", '"nan"'), ("inf", '"inf"'), ("e3", '"e3"'),
    # integers: no octal by a leading zero, no sexagesimals, no underscores, no binary
    ("0", "0"), ("-0", "0"), ("+0", "0"), ("12", "12"), ("-12", "-12"), ("+12", "12"), ("010", "10"), ("08", "8"),
    ("0o14", "12"), ("0o18", '"0o18"'), ("0O14", '"0O14"'), ("0x1F", "31"), ("0xff", "255"), ("-0x1F", '"-0x1F"'),
    ("0x", '"0x"'), ("0b11", '"0b11"'), ("1_000", '"1_000"'), ("1,000", '"1,000"'),
    ("1:30", '"1:30"'), ("22:22", '"22:22"'), ("190:20:30", '"190:20:30"'), ("22:22:22", '"22:22:22"'),
    ("9007199254740992", "9007199254740992"), ("-9007199254740992", "-9007199254740992"),
    # floats
    ("1.0", "1.0"), ("1.", "1.0"), (".5", "0.5"), ("-.5", "-0.5"), ("+1.5", "1.5"), ("1e3", "1000.0"),
    ("1E+3", "1000.0"), ("1e-7", "1e-07"), ("12e03", "12000.0"), ("1.10", "1.1"), ("-0.0", "-0.0"), ("0.1", "0.1"),
    ("6.02e23", "6.02e+23"), ("1e", '"1e"'), (".e3", '".e3"'), (".", '"."'), ("-", '"-"'), ("+", '"+"'),
    ("1.2.3", '"1.2.3"'), ("1e3.5", '"1e3.5"'), ("١٢", '"١٢"'), ("1e-400", "0.0"), ("-1.5e-3", "-0.0015"),
    # text that other readers take for something else
    ("2024-01-01", '"2024-01-01"'), ("2001-12-14t21:59:43.10-05:00", '"2001-12-14t21:59:43.10-05:00"'),
    ("0.0.0.0", '"0.0.0.0"'), (".NaN.", '".NaN."'), (".infx", '".infx"'), ("+.nan", '"+.nan"'), ("${", '"${"'),
]  # fmt: skip

REFUSED = [
    ".inf", "-.inf", "+.inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", "9007199254740993", "-9007199254740993",
    "0x20000000000001", "0o400000000000000001", "1" * 400, "1" * 5000, "1e400", "-1e400",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*row, id=row[0] or "empty") for row in AS_JSON])
def test_resolve(text: str, expected: str) -> None:
    assert json.dumps(resolve(text), ensure_ascii=False) == expected
    assert is_text(text) == expected.startswith('"')


@pytest.mark.parametrize(
    ("text", "expected"), [pytest.param(*row, id=row[0] or "empty") for row in AS_JSON if row[0] not in {"", "-"}]
)
def test_the_builder_agrees(text: str, expected: str) -> None:
    (document,) = read_documents(f"v: {text}")
    (quoted,) = read_documents(f"v: '{text}'")
    assert json.dumps(document.value, ensure_ascii=False) == f'{{"v": {expected}}}'
    assert quoted.value == {"v": text}


@pytest.mark.parametrize("text", [pytest.param(text, id=text[:20]) for text in REFUSED])
def test_what_json_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(NotJsonError) as caught:
        resolve(text)
    assert len(str(caught.value)) < 120
    assert not is_text(text)
    with pytest.raises(BuildError) as built:
        list(read_documents(f"a:\n  - {text}"))
    assert (built.value.code, built.value.span.line, built.value.span.column) == ("SJ106", 1, 4)
    assert typed(text) == text


TYPED = [
    ("640", 640), ("-5", -5), ("0", 0), ("true", True), ("false", False), ("null", None), ("1.5", 1.5),
    ("-0.25", -0.25), ("1e-07", 1e-07), ("1e+16", 1e16), ("9007199254740992", 2**53),
    ("00123", "00123"), ("", ""), ("+5", "+5"), ("1.50", "1.50"), ("True", "True"), ("NULL", "NULL"), ("~", "~"),
    ("0x10", "0x10"), ("0o7", "0o7"), ("1e3", "1e3"), ("-0", "-0"), (".5", ".5"), ("5.", "5."), (" 5", " 5"),
    ("9007199254740993", "9007199254740993"), (".inf", ".inf"), (".nan", ".nan"), ("5\n", "5\n"), ("no", "no"),
    ("spanish", "spanish"), ("9007199254740993.0", "9007199254740993.0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*row, id=repr(row[0])) for row in TYPED])
def test_an_interpolated_scalar_takes_a_type_where_that_round_trips(text: str, expected: object) -> None:
    value = typed(text)
    assert (type(value), value) == (type(expected), expected)


@given(st.one_of(st.text(), st.from_regex(r"[-+]?[0-9.eExo_:]{1,12}", fullmatch=True)))
def test_typed_never_loses_a_character(text: str) -> None:
    value = typed(text)
    assert (isinstance(value, str) and value == text) or json.dumps(value) == text or repr(value) == text


@given(st.text())
def test_resolve_gives_json_or_refuses(text: str) -> None:
    try:
        value = resolve(text)
    except NotJsonError:
        return
    json.dumps(value, allow_nan=False)
    assert value is None or isinstance(value, bool | int | float) or value == text


@given(st.integers(-(2**53), 2**53))
def test_every_integer_a_reader_keeps_is_kept(number: int) -> None:
    assert resolve(str(number)) == number
    assert typed(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_kept(number: float) -> None:
    value = typed(repr(number))
    assert (type(value), repr(value)) == (float, repr(number))
