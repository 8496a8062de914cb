"""A push is recognised in the far side's list, with defaults filled in and files re-hosted; another one never is."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sieve_jobs.push.projection import Likeness, hash_of, likeness, project, suffix
from sieve_jobs.spec.digest import detail_of
from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.wire import Job, Json, parse_job
from tests.cloud.jobs import Jobs, shown
from tests.cloud.script import Script
from tests.plan.world import KEY, OTHER_KEY, asks, variable
from tests.push.scene import body_of

YES, UNSURE, NO = Likeness.YES, Likeness.UNSURE, Likeness.NO

names = st.text(st.sampled_from("abcxyz$_é"), min_size=1, max_size=6)
urls = st.builds(
    lambda host, ext: f"https://{host}.example.com/v/clip{ext}?sig=1",
    st.sampled_from("abc"),
    st.sampled_from([".mp4", ".wav", "", ".PNG"]),
)
files = st.builds(lambda url: {"url": url}, urls)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    scalars | files,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names.filter(lambda n: n != "url"), inner, max_size=3),
    max_leaves=8,
)
inputs = st.dictionaries(names.filter(lambda n: n != "url"), values, max_size=4)


def listed(detail: Detail, script: Script | None = None) -> Job:
    """The job that the stand-in makes of *detail*, as its list shows it."""
    jobs = Jobs(script or Script())
    job = jobs.make(body_of(detail.spec), b"", 0.0, "org")
    return parse_job(shown(job, jobs.script, "http://127.0.0.1:1"))


def positional(sent: list[Json]) -> Detail:
    return detail_of(replace(asks("a").spec, inputs=sent), key=KEY)


def alike(sent: Detail, other: Detail) -> Likeness:
    return likeness(project(sent.spec, KEY), listed(other), KEY)


@settings(max_examples=settings.default.max_examples // 2)
@given(inputs)
def test_expanded_and_re_hosted_inputs_are_recognised(sent: dict[str, Json]) -> None:
    detail = asks("a", sent)
    assert alike(detail, detail) is YES


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to everything but the urls of files, whose values cannot be seen again."""
    if isinstance(value, dict):
        return [at for key, item in value.items() if key != "url" for at in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [at for i, item in enumerate(value) for at in leaves(item, (*path, i))]
    return [path]


@settings(max_examples=settings.default.max_examples // 2)
@given(inputs, st.data())
def test_another_value_anywhere_is_another_job(sent: dict[str, Json], data: st.DataObject) -> None:
    paths = leaves(sent)
    assume(paths)
    path = data.draw(st.sampled_from(paths))
    other = copy.deepcopy(sent)
    holder: Any = other
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    new = data.draw(scalars)
    assume(type(new) is not type(old) or new != old)
    assume(isinstance(new, bool) or isinstance(old, bool) or new != old)
    holder[path[-1]] = new
    assert alike(asks("a", sent), asks("a", other)) is NO


@settings(max_examples=settings.default.max_examples // 2)
@given(inputs)
def test_equal_projections_have_equal_hashes_and_files_count_by_extension(sent: dict[str, Json]) -> None:
    one, two = (
        asks("a", {**sent, "f": {"url": "https://a/x.mp4?1"}}),
        asks("b", {**sent, "f": {"url": "https://b/y.mp4"}}),
    )
    wav = asks("b", {**sent, "f": {"url": "https://b/y.wav"}})
    assert hash_of(project(one.spec, KEY)) == hash_of(project(two.spec, KEY))
    assert hash_of(project(one.spec, KEY)) != hash_of(project(wav.spec, KEY))


@pytest.mark.parametrize(
    ("sent", "got", "expected"),
    [
        pytest.param({"f": {"url": "https://h/a.mp4"}}, {"f": {"url": "https://h/b.wav"}}, NO, id="other-extension"),
        pytest.param({"f": {"url": "https://h/a"}}, {"f": {"url": "https://h/b.wav"}}, YES, id="extension-unknown"),
        pytest.param({"f": {"url": "data:video/mp4;base64,AA"}}, {"f": {"url": "https://h/b.bin"}}, YES, id="data-url"),
        pytest.param(
            {"f": {"url": "https://h/a.mp4", "fps": 30}}, {"f": {"url": "https://h/a.mp4", "fps": 25}}, NO, id="fps"
        ),
        pytest.param({"n": 1}, {"n": 1.0}, YES, id="int-for-float"),
        pytest.param({"n": 1}, {"n": True}, NO, id="true-is-not-one"),
        pytest.param({"n": "1"}, {"n": 1}, NO, id="text-is-not-a-number"),
        pytest.param({"n": None}, {"n": 0}, NO, id="null-is-not-zero"),
        pytest.param({"o": {"a": 1}}, {"o": {"a": 1, "b": 2}}, YES, id="a-class-fills-in-defaults"),
        pytest.param({"o": {"a": 1, "b": 2}}, {"o": {"a": 1}}, NO, id="a-sent-field-is-missing"),
        pytest.param({"l": [1, 2]}, {"l": [1, 2, 3]}, NO, id="longer-list"),
        pytest.param({"a": 1}, {"b": 1}, NO, id="other-parameter"),
        pytest.param({"$file": ".mp4"}, {"$file": ".wav"}, NO, id="an-author-s-own-dollar-parameter"),
        pytest.param({"o": {"$file": ".mp4"}}, {"o": {"url": "https://h/a.mp4"}}, NO, id="an-author-s-own-dollar-key"),
        pytest.param({}, {"b": 1}, YES, id="nothing-sent"),
    ],
)
def test_likeness(sent: dict[str, Json], got: dict[str, Json], expected: Likeness) -> None:
    assert alike(asks("a", sent), asks("a", got)) is expected


def test_a_bare_url_for_a_file_parameter_comes_back_as_a_file() -> None:
    script = Script(functions={"sieve/dubbing": [{"name": "f", "type": "sieve.File"}]})
    detail = asks("a", {"f": "https://h/a.mp4"})
    assert likeness(project(detail.spec, KEY), listed(detail, script), KEY) is YES


SECRET = asks("a", {"n": 1}, secret_inputs={"key": variable("TOKEN", "s3cret-value")})
ROTATED = asks("a", {"n": 1}, secret_inputs={"key": variable("TOKEN", "other-value")})


def test_a_secret_is_stored_as_a_tag_and_recognised_by_it() -> None:
    assert "s3cret" not in str(project(SECRET.spec, KEY))
    assert alike(SECRET, SECRET) is YES
    assert alike(SECRET, ROTATED) is NO


@pytest.mark.parametrize("key", [None, OTHER_KEY], ids=["no-key", "another-key"])
def test_without_the_key_a_secret_cannot_be_compared(key: Any) -> None:
    assert likeness(project(SECRET.spec, KEY), listed(SECRET), key) is UNSURE


def test_a_secret_url_shows_no_part_of_itself() -> None:
    detail = asks("a", {"f": {"url": "https://h/x.s3cret"}}, leaves={("inputs", "f", "url"): variable("TOKEN", "https://h/x.s3cret")},
                  variables={"TOKEN": True})  # fmt: skip
    assert "s3cret" not in str(project(detail.spec, KEY))
    assert alike(detail, detail) is YES


@pytest.mark.parametrize(
    ("sent", "order", "expected"),
    [
        pytest.param([1, "x"], ["n", "t"], YES, id="in-order"),
        pytest.param([1, "y"], ["n", "t"], NO, id="another-value"),
        pytest.param([1], ["n", "t"], YES, id="the-rest-is-defaults"),
    ],
)
def test_positional_inputs_come_back_by_name(sent: list[Json], order: list[str], expected: Likeness) -> None:
    script = Script(functions={"sieve/dubbing": [{"name": name} for name in order]})
    job = listed(positional([1, "x"]), script)
    detail = positional(sent)
    assert likeness(project(detail.spec, KEY), job, KEY) is expected


def test_positional_inputs_in_another_order_cannot_be_told() -> None:
    detail = positional([1, "x"])
    assert likeness(project(detail.spec, KEY), listed(asks("a", {"t": "x", "n": 1})), KEY) is UNSURE


@pytest.mark.parametrize(
    ("function", "shown_as", "version", "expected"),
    [
        pytest.param("acme/x", "acme/x", "43d7add5-61cf", YES, id="any-version"),
        pytest.param("acme/x:latest", "acme/x", "43d7add5-61cf", YES, id="latest"),
        pytest.param("acme/x", "acme/y", "43d7add5-61cf", NO, id="another-function"),
        pytest.param("acme/x:43d7add5-61cf", "acme/x", "43d7add", YES, id="shown-by-its-first-seven"),
        pytest.param("acme/x:43d7", "acme/x", "43d7add5-61cf", YES, id="pinned-by-a-prefix"),
        pytest.param("acme/x:99d7add5-61cf", "acme/x", "43d7add", NO, id="another-version"),
        pytest.param("acme/x", None, "43d7add5-61cf", UNSURE, id="the-list-does-not-say"),
    ],
)
def test_the_function_counts(function: str, shown_as: str | None, version: str, expected: Likeness) -> None:
    body: dict[str, Any] = {"id": "j", "status": "queued", "function_id": version, "inputs": {}}
    if shown_as:
        owner, _, name = shown_as.partition("/")
        body["function"] = {"name": name, "owner_name": owner}
    detail = asks("a", {}, function=function)
    assert likeness(project(detail.spec, KEY), parse_job(body), KEY) is expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://h/a.MP4?x=.wav#.z", ".mp4"), ("clips/a.b/c", ""), ("https://h.com", ""), ("https://h/a.tar.gz", ".gz"),
     ("https://h/a%2Emp4", ".mp4"), ("data:a/b;x.mp4", ""), ("https://[bad", ""), ("https://h/a.has space", "")],
)  # fmt: skip
def test_suffix(url: str, expected: str) -> None:
    assert suffix(url) == expected


@pytest.mark.parametrize(
    "inputs",
    [
        pytest.param({"a": 1, "b": [{"c": "x"}]}, id="nothing secret"),
        pytest.param({"$secret": "a", "b": {"$secret": "author's"}}, id="named like a secret"),
        pytest.param({"f": {"url": "https://x/a.mp4", "$literal": {"$file": 1}}}, id="a file"),
    ],
)
def test_the_key_matters_to_secrets_alone(inputs: dict[str, Json]) -> None:
    plain = asks("a", inputs).spec
    shut = asks("a", inputs, secret_inputs={"token": variable("TOKEN", "canary")}).spec
    assert hash_of(project(plain, KEY)) == hash_of(project(plain, OTHER_KEY))
    assert hash_of(project(shut, KEY)) != hash_of(project(shut, OTHER_KEY))
