"""A job's inputs against signatures: what becomes of them, and what is said of those that do not fit."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, Optional, TypedDict, Union

import pydantic
import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk.bind import InputError, bind, describe
from sieve_jobs.sdk.convert import convert
from sieve_jobs.sdk.files import from_json

if TYPE_CHECKING:
    from decimal import Decimal

URL = "https://h/a.mp4"


class Mode(enum.Enum):
    FAST = "fast"
    BEST = 2


class Voice(pydantic.BaseModel):
    name: str
    pitch: float = 1.0


class Box(TypedDict):
    width: int


class Plain:
    pass


Width = NewType("Width", int)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        pytest.param("a", str, "a", id="str"),
        pytest.param(3, int, 3, id="int"),
        pytest.param(3.5, float, 3.5, id="float"),
        pytest.param(True, bool, True, id="bool"),
        pytest.param({"a": 1}, dict, {"a": 1}, id="dict"),
        pytest.param([1, "a"], list, [1, "a"], id="list"),
        pytest.param(None, int, None, id="none-passes-any-type"),
        pytest.param({"url": URL}, Any, {"url": URL}, id="untyped"),
        pytest.param([1], object, [1], id="object"),
        pytest.param(3, Optional[int], 3, id="optional"),  # noqa: UP045 -- the older spelling is what is tested
        pytest.param("a", Union[int, str], "a", id="union"),  # noqa: UP007 -- as above
        pytest.param(3, float | int, 3, id="union-own-type-first"),
        pytest.param(["a"], str | list[str], ["a"], id="union-of-containers"),
        pytest.param("a", Literal["a", 1], "a", id="literal"),
        pytest.param("fast", Mode, Mode.FAST, id="enum"),
        pytest.param(2, Mode, Mode.BEST, id="enum-number"),
        pytest.param(3, Width, 3, id="newtype"),
        pytest.param(3, Annotated[int, "pixels"], 3, id="annotated"),
        pytest.param([1, 2], tuple[int, int], (1, 2), id="tuple"),
        pytest.param([1, 2], tuple[int, ...], (1, 2), id="tuple-of-any-length"),
        pytest.param(["a", "a"], set[str], {"a"}, id="set"),
        pytest.param([["a"]], Sequence[Iterable[str]], [["a"]], id="sequence"),
        pytest.param({"a": {"b": 1}}, Mapping[str, dict[str, int]], {"a": {"b": 1}}, id="mapping"),
        pytest.param({"width": 3}, Box, {"width": 3}, id="typed-dict"),
        pytest.param({"name": "x"}, Voice, Voice(name="x"), id="pydantic"),
        pytest.param(3, "no annotation at all", 3, id="no-type"),
    ],
)
def test_what_a_value_becomes(value, hint, expected):
    assert convert(value, hint, from_json, "x") == expected


def test_an_int_serves_as_a_float():
    assert type(convert(3, float, from_json, "x")) is float


@pytest.mark.parametrize(
    ("value", "hint", "message"),
    [
        pytest.param("a", int, "Invalid input type: <class 'str'>. Expected <class 'int'> (input 'x')", id="family"),
        pytest.param(1, str, "Invalid input type: <class 'int'>. Expected <class 'str'>", id="int-for-str"),
        pytest.param(True, int, "Invalid input type: <class 'bool'>. Expected <class 'int'>", id="bool-for-int"),
        pytest.param(True, float, "Invalid input type: <class 'bool'>. Expected <class 'float'>", id="bool-for-float"),
        pytest.param(1.0, int, "Invalid input type: <class 'float'>. Expected <class 'int'>", id="float-for-int"),
        pytest.param(10**400, float, "too large for a float", id="int-too-large-for-float"),
        pytest.param("c", Literal["a", "b"], "Invalid input: c. Expected one of ('a', 'b') (input 'x')", id="literal"),
        pytest.param(True, Literal[1], "Invalid input: True. Expected one of (1)", id="literal-of-another-type"),
        pytest.param("FAST", Mode, "Invalid input: FAST. Expected one of ('fast', 2)", id="enum"),
        pytest.param([1, "a"], list[int], "(input 'x[1]')", id="place-in-a-list"),
        pytest.param({"a": ["b"]}, dict[str, list[int]], "(input 'x.a[0]')", id="place-in-a-dict"),
        pytest.param([], int | str, "Invalid input type: <class 'list'>. Expected int | str", id="union"),
        pytest.param([1], tuple[int, int], "Invalid input: 1 items. Expected 2", id="tuple-length"),
        pytest.param([[1]], set, "items that a set cannot hold", id="unhashable"),
        pytest.param([1], dict, "Expected <class 'dict'>", id="list-for-dict"),
        pytest.param(3, Box, "Expected <class", id="typed-dict"),
        pytest.param("a", Plain, "Plain'>", id="a-class"),
        pytest.param({"pitch": "high"}, Voice, "Invalid input: name: Field required; pitch: ", id="pydantic"),
        pytest.param(3, sieve.Video, "Expected <class 'sieve.Video'> (input 'x')", id="number-for-file"),
        pytest.param("a.mp4", sieve.File, "Invalid input type: <class 'str'>", id="path-for-file"),
        pytest.param({"path": "/etc/passwd"}, sieve.File, "Invalid input: neither", id="path-in-an-object"),
        pytest.param({"url": URL, "path": "/etc/passwd"}, sieve.File, "named by its url", id="path-beside-a-url"),
        pytest.param({"url": "ftp://h/a"}, sieve.File, "Invalid input: neither", id="another-scheme"),
        pytest.param([URL, 3], list[sieve.File], "(input 'x[1]')", id="file-in-a-list"),
    ],
)
def test_what_does_not_fit(value, hint, message):
    with pytest.raises(InputError) as caught:
        convert(value, hint, from_json, "x")
    assert message in str(caught.value)


def test_a_model_that_refuses_does_not_quote_the_value():
    with pytest.raises(InputError) as caught:
        convert({"name": "x", "pitch": "canary"}, Voice, from_json, "x")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "hint", "kind"),
    [
        pytest.param({"url": URL, "_path": None}, sieve.File, sieve.File, id="object"),
        pytest.param(URL, sieve.Video, sieve.Video, id="bare-url"),
        pytest.param("data:,x", sieve.Audio, sieve.Audio, id="data-url"),
        pytest.param({"url": URL}, sieve.Image | None, sieve.Image, id="optional"),
    ],
)
def test_files(value, hint, kind):
    file = convert(value, hint, from_json, "x")
    assert type(file) is kind
    assert file.url == (value if isinstance(value, str) else URL)


def test_attributes_of_a_file_arrive_with_it():
    video = convert({"url": URL, "fps": 25, "attributes": 1, "_path": None}, sieve.Video, from_json, "x")
    assert (video.fps, video.attributes) == (25, 1)


def scale(clip: sieve.Video, width: int = 640, *, mode: Literal["a", "b"] = "a") -> sieve.Video:
    return clip


def anything(clip, **more: int):
    return clip


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        pytest.param(scale, {"clip": URL}, {"clip"}, id="defaults-are-left-to-the-function"),
        pytest.param(scale, {"clip": URL, "mode": "b"}, {"clip", "mode"}, id="by-name"),
        pytest.param(scale, [URL, 3, "b"], {"clip", "width", "mode"}, id="by-position"),
        pytest.param(anything, {"clip": 1, "extra": 2}, {"clip", "extra"}, id="keywords"),
    ],
)
def test_bind(function, inputs, expected):
    assert bind(function, inputs, open_file=from_json).keys() == expected


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        pytest.param({"clip": URL, "hight": 3}, "Invalid input name: hight", id="name"),
        pytest.param({}, "Too few inputs: 'clip' is missing", id="too-few"),
        pytest.param([], "Too few inputs: 'clip' is missing", id="too-few-positional"),
        pytest.param([URL, 1, "a", 4], "Too many inputs: 4 given, 3 expected", id="too-many"),
        pytest.param([URL, "wide"], "Invalid input type: <class 'str'>. Expected <class 'int'>", id="type"),
    ],
)
def test_bind_refuses(inputs, message):
    with pytest.raises(InputError) as caught:
        bind(scale, inputs, open_file=from_json)
    assert str(caught.value).startswith(message)


def test_the_opener_decides_which_urls_are_opened():
    def refuse(value: object) -> sieve.File:
        raise ValueError("not from that host")

    with pytest.raises(InputError, match="not from that host"):
        bind(scale, {"clip": URL}, open_file=refuse)


class Upscaler:
    def __setup__(self) -> None:
        self.factor = 2

    def __predict__(self, width: int, label: str = "x") -> int:
        return width * self.factor


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(Upscaler, id="class"),
        pytest.param(Upscaler(), id="instance"),
        pytest.param(Upscaler().__predict__, id="bound-method"),
        pytest.param(sieve.Model(name="up")(Upscaler), id="declared-class"),
    ],
)
def test_a_class_is_bound_by_its_predict(target):
    assert bind(target, [4], open_file=from_json) == {"width": 4}
    assert [item["name"] for item in describe(target)[0]] == ["width", "label"]


def test_a_declared_function_is_bound_by_what_it_wraps():
    declared = sieve.function(name="scale")(scale)
    assert bind(declared, [URL], open_file=from_json).keys() == {"clip"}


def half_known(width: int, price: Decimal | None = None) -> Nowhere:  # noqa: F821 -- cannot be evaluated, on purpose
    return price


def test_an_annotation_that_cannot_be_evaluated_spoils_no_other():
    assert bind(half_known, {"width": 1, "price": "x"}, open_file=from_json) == {"width": 1, "price": "x"}
    with pytest.raises(InputError):
        bind(half_known, {"width": "x"}, open_file=from_json)
    assert [item["type"] for item in describe(half_known)[0]] == ["int", "any"]


def documented(
    clip: sieve.Video, width: int = 640, mode: Literal["a", "b"] = "a", voice: Voice | None = None, odd: object = Plain
) -> Iterator[sieve.Image]:
    """Does it.

    :param clip: The clip
    :param int width: Target width
    :return: One picture a scene
    """
    yield sieve.Image(path=clip.path)


def test_describe():
    inputs, outputs = describe(documented)
    fields = ("type", "name", "data", "description", "is_optional")
    assert [tuple(item[field] for field in fields) for item in inputs] == [
        ("sieve.Video", "clip", None, "The clip", False),
        ("int", "width", 640, "Target width", True),
        ("str", "mode", "a", None, True),
        ("Voice", "voice", None, None, True),
        ("any", "odd", None, None, True),
    ]
    assert inputs[0]["schema"] == {"url": {"title": "Url", "type": "string"}}
    assert inputs[2]["schema"] == {"enum": ["a", "b"]}
    assert set(inputs[3]["schema"]) == {"name", "pitch"}
    assert [tuple(item[field] for field in fields) for item in outputs] == [
        ("sieve.Image", None, None, "One picture a scene", False)
    ]


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        pytest.param(Any, "any", id="any"),
        pytest.param(list[int], "list", id="list"),
        pytest.param(int | None, "int", id="optional"),
        pytest.param(int | str, "any", id="union"),
        pytest.param(Literal[1, "a"], "any", id="mixed-literal"),
        pytest.param(tuple[sieve.Image, dict], "tuple", id="tuple"),
        pytest.param(sieve.Audio, "sieve.Audio", id="file"),
        pytest.param(Mode, "Mode", id="enum"),
        pytest.param(None, "any", id="none"),
    ],
)
def test_type_names(hint, name):
    def function(it): ...

    function.__annotations__ = {"it": hint}
    assert describe(function)[0][0]["type"] == name
