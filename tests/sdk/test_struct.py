"""Struct: a bundle of fields, as an argument, as a result and between processes."""

from __future__ import annotations

import pickle

import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk.bind import InputError, bind, describe
from sieve_jobs.sdk.encode import as_json
from sieve_jobs.sdk.files import from_json


def test_a_struct_is_its_fields():
    class Span(sieve.Struct):
        start: float
        end: float = 1.0

    span = Span(start=0.5, note="kept")
    assert repr(span) == "Span(start=0.5, end=1.0, note='kept')"
    assert vars(sieve.Struct(self=1, name=2)) == {"self": 1, "name": 2}
    assert (span == Span(start=0.5, note="kept"), span == Span(start=0.5)) == (True, False)
    assert pickle.loads(pickle.dumps(sieve.Struct(a=1))) == sieve.Struct(a=1)  # noqa: S301
    file = sieve.File(path="x")
    assert isinstance(file, sieve.Struct)
    assert len({file, file, sieve.File(path="x")}) == 2


class Inner(sieve.Struct):
    at: sieve.Video


class Outer(sieve.Struct):
    inner: Inner
    count: int = 3


def takes(outer: Outer, plain: sieve.Struct | None = None): ...


def test_an_input_becomes_one_as_its_class_annotates_it():
    inputs = {"outer": {"inner": {"at": "https://h/x.mp4"}, "further": [1], "_hidden": 1}, "plain": {"a": {"b": 1}}}
    given = bind(takes, inputs, open_file=from_json)
    outer, plain = given["outer"], given["plain"]
    assert (type(outer.inner.at), outer.inner.at.url) == (sieve.Video, "https://h/x.mp4")
    assert (outer.count, outer.further, plain.a) == (3, [1], {"b": 1})
    assert as_json(outer) == {
        "inner": {"at": {"url": "https://h/x.mp4", "_path": None}},
        "count": 3,
        "further": [1],
    }
    assert [item["type"] for item in describe(takes)[0]] == ["Outer", "Struct"]


@pytest.mark.parametrize(
    ("outer", "said"),
    [
        pytest.param([1], "Invalid input type: <class 'list'>. Expected <class '.*Outer'> .input 'outer'", id="list"),
        pytest.param({"count": "x"}, "Expected <class 'int'> .input 'outer.count'", id="field"),
        pytest.param({"inner": {"at": 3}}, "Expected <class 'sieve.Video'> .input 'outer.inner.at'", id="deep"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(outer: object, said: str):
    with pytest.raises(InputError, match=said):
        bind(takes, {"outer": outer}, open_file=from_json)
