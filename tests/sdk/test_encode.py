"""Results as outputs: every row of the encoding table, and what has no JSON form."""

from __future__ import annotations

import enum
import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as some

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk.encode import OutputError, as_json, encode
from sieve_jobs.wire import Json


@dataclass
class Kept:
    """Stands where the engine does: remembers what it was handed and names it."""

    paths: list[Path] = field(default_factory=list)

    def keep(self, path: Path) -> dict[str, Json]:
        self.paths.append(path)
        return {"url": f"http://engine/{path.name}"}


class Color(enum.Enum):
    RED = "red"


class Speaker(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, extra="allow")
    name: str
    face: sieve.File


@dataclass
class Box:
    width: int


class Pair(NamedTuple):
    a: int
    b: str


class Array:
    """What numpy's arrays offer, of which the encoder knows no more than this."""

    dtype = "float32"

    def __init__(self, rows: object) -> None:
        self.rows = rows

    def tolist(self) -> object:
        return self.rows


class Scalar(Array):
    shape = ()


@pytest.mark.parametrize(
    ("value", "kind", "data"),
    [
        pytest.param(Scalar(2.5), "float", 2.5, id="scalar-of-an-array"),
        pytest.param("ä", "str", "ä", id="str"),
        pytest.param(3, "int", 3, id="int"),
        pytest.param(2.5, "float", 2.5, id="float"),
        pytest.param(True, "bool", True, id="bool"),
        pytest.param(None, "any", None, id="none"),
        pytest.param({"a": {"b": [1, None]}}, "dict", {"a": {"b": [1, None]}}, id="dict"),
        pytest.param([1, "a"], "list", [1, "a"], id="list"),
        pytest.param((1, "a"), "tuple", [1, "a"], id="tuple"),
        pytest.param(Pair(1, "a"), "Pair", [1, "a"], id="named-tuple"),
        pytest.param(OrderedDict(a=1), "OrderedDict", {"a": 1}, id="mapping"),
        pytest.param({1: "a", 2: "b"}, "dict", {"1": "a", "2": "b"}, id="int-keys"),
        pytest.param(Color.RED, "Color", "red", id="enum"),
        pytest.param(Box(3), "Box", {"width": 3}, id="dataclass"),
        pytest.param(Array([[1.5], [2.5]]), "Array", [[1.5], [2.5]], id="array"),
    ],
)
def test_plain_values(value, kind, data):
    output = encode(value, keep_file=Kept().keep)
    assert (output["type"], output["data"]) == (kind, data)
    assert list(output) == ["type", "name", "data", "description", "schema", "run_id", "is_optional"]
    json.dumps(output, allow_nan=False)


@pytest.mark.parametrize("kind", [sieve.File, sieve.Video, sieve.Audio, sieve.Image])
def test_a_file_is_kept_and_named_by_its_url(tmp_path, kind):
    (tmp_path / "a.bin").write_bytes(b"x")
    kept = Kept()
    output = encode(kind(path=tmp_path / "a.bin", fps=25), keep_file=kept.keep)
    assert output["type"] == f"sieve.{kind.__name__}"
    assert output["data"] == {"_path": None, "url": "http://engine/a.bin", "fps": 25}
    assert kept.paths == [tmp_path / "a.bin"]


def test_files_anywhere_in_a_value_are_kept_once_each(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x")
    kept = Kept()
    file = sieve.File(path=tmp_path / "a.bin")
    url = {"_path": None, "url": "http://engine/a.bin"}
    output = encode((file, {"en": {"again": sieve.Image(path=tmp_path / "a.bin")}}), keep_file=kept.keep)
    assert output["data"] == [url, {"en": {"again": url}}]
    assert kept.paths == [tmp_path / "a.bin"]


def test_a_model_by_its_class_name_with_files_and_extra_fields(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    speaker = Speaker(name="x", face=sieve.File(path=tmp_path / "a.png"), extra=1)
    output = encode(speaker, keep_file=Kept().keep)
    assert output["type"] == "Speaker"
    assert output["data"] == {"name": "x", "face": {"_path": None, "url": "http://engine/a.png"}, "extra": 1}


def test_a_file_elsewhere_goes_by_its_own_url_and_is_not_fetched():
    kept = Kept()
    output = encode(sieve.Video("https://h.invalid/a.mp4?sig=1", fps=3), keep_file=kept.keep)
    assert output["data"] == {"url": "https://h.invalid/a.mp4?sig=1", "_path": None, "fps": 3}
    assert kept.paths == []


def test_a_data_url_becomes_a_file():
    kept = Kept()
    encode(sieve.File("data:text/plain,hello"), keep_file=kept.keep)
    (path,) = kept.paths
    assert path.read_bytes() == b"hello"
    path.unlink()


def test_a_subclass_of_a_file_goes_by_the_kind_it_extends(tmp_path):
    class Portrait(sieve.Image):
        pass

    (tmp_path / "a.png").write_bytes(b"x")
    assert encode(Portrait(path=tmp_path / "a.png"), keep_file=Kept().keep)["type"] == "sieve.Image"


def endless() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param({"scores": [1.0, math.nan]}, "output.scores[1] is nan", id="nan"),
        pytest.param(-math.inf, "output is -inf", id="infinity"),
        pytest.param(Array([math.nan]), "output[0] is nan", id="nan-in-an-array"),
        pytest.param(b"x", "bytes; write them to a file and return sieve.File(path=…)", id="bytes"),
        pytest.param({"a": {1, 2}}, "output.a has no JSON form: a set; return a list", id="set"),
        pytest.param([Path("a")], "output[0] has no JSON form: a path; return sieve.File", id="path"),
        pytest.param(datetime(2026, 1, 1, tzinfo=UTC), "output has no JSON form: datetime.datetime", id="datetime"),
        pytest.param(Box, "output has no JSON form: builtins.type", id="class"),
        pytest.param({(1, 2): 3}, "output has a key that is no text: builtins.tuple", id="tuple-key"),
        pytest.param({1: "a", "1": "b"}, "output has two keys that both read '1'", id="keys-that-meet"),
        pytest.param({"a": "\ud800"}, "output.a is text with half a surrogate pair", id="surrogate"),
        pytest.param(1 << 5000, "output is an integer of more than 4096 bits", id="huge-int"),
        pytest.param(endless(), "nested more than 100 levels deep, or holds itself", id="cycle"),
        pytest.param({"f": sieve.File(path="/no/such/file.wav")}, "output.f is a file that is not there", id="missing"),
        pytest.param(sieve.File(path="/"), "output is no regular file: /", id="folder"),
        pytest.param(sieve.File("https://h/a", rate=math.nan), "output.rate is nan", id="attribute"),
        pytest.param((yielded for yielded in ()), "output has no JSON form: builtins.generator", id="generator"),
    ],
)
def test_what_has_no_json_form(value, message):
    with pytest.raises(OutputError) as caught:
        encode(value, keep_file=Kept().keep)
    assert message in str(caught.value)


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_is_its_own_form(value):
    assert json.loads(json.dumps(as_json(value), allow_nan=False)) == value


def test_a_file_has_no_json_form_where_none_can_be_kept(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(OutputError):
        as_json([sieve.File(path=tmp_path / "a.bin")])
