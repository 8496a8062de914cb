"""Names of downloaded files are safe on any disk and never fall on one another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.push.naming import LONGEST, UnusableNameError, places_for, safe_name, wanted_of
from sieve_jobs.render.quantity import plain_size
from sieve_jobs.wire import Job, Json, parse_job


@pytest.mark.parametrize(
    ("url", "name"),
    [
        pytest.param("https://x.y/a/out.mp4?X-Goog-Expires=1", "out.mp4", id="signed"),
        pytest.param("https://x.y/a/..%2f..%2fetc%2fpasswd", "passwd", id="encoded traversal"),
        pytest.param("https://x.y/..", "_", id="dots"),
        pytest.param("https://x.y/", "_", id="nothing"),
        pytest.param("https://x.y/%2ebashrc", "bashrc", id="hidden"),
        pytest.param("https://x.y/a%0Ab%00c%1b.mp4", "a_b_c_.mp4", id="control characters"),
        pytest.param("https://x.y/a%5Cb.mp4", "b.mp4", id="backslash"),
        pytest.param("https://x.y/CON.txt", "_CON.txt", id="device"),
        pytest.param("https://x.y/%E6%97%A5%E6%9C%AC%20clip-1.mp4", "日本 clip-1.mp4", id="letters of any script"),
        pytest.param("https://x.y/u%CC%88.mp4", "ü.mp4", id="one form of a letter"),
        pytest.param(f"https://x.y/{'日' * 90}.mp4", "日" * 38 + ".mp4", id="long in bytes"),
        pytest.param("https://x.y/%E2%80%AEgpm.mp4", "_gpm.mp4", id="direction"),
        pytest.param(f"https://x.y/{'a' * 300}.mp4", "a" * (LONGEST - 4) + ".mp4", id="long"),
    ],
)
def test_safe_name(url: str, name: str) -> None:
    assert safe_name(url) == name


@given(st.lists(st.text(max_size=20).map(lambda text: f"https://x.y/{text}"), max_size=8))
def test_every_file_has_a_place_of_its_own_in_the_folder(urls: list[str]) -> None:
    places = places_for(urls, Path("/out"))
    assert len({str(path).casefold() for path in places}) == len(urls)
    assert all(path.parent == Path("/out") and path.name not in {"", ".", ".."} for path in places)


def test_equal_names_get_the_number_of_their_output() -> None:
    urls = ["https://x.y/1/a.mp4", "https://x.y/2/b.mp4", "https://x.y/3/A.mp4"]
    assert [path.name for path in places_for(urls, Path("o"))] == ["0-a.mp4", "b.mp4", "2-A.mp4"]


def test_a_numbered_name_that_is_taken_numbers_all() -> None:
    urls = ["https://x.y/1/a", "https://x.y/2/a", "https://x.y/3/0-a"]
    assert [path.name for path in places_for(urls, Path("o"))] == ["0-a", "1-a", "2-0-a"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        pytest.param(0, "0 B", id="nothing"),
        pytest.param(999, "999 B", id="bytes"),
        pytest.param(4_200_000, "4.2 MB", id="megabytes"),
        pytest.param(3 * 10**12, "3.0 TB", id="large"),
    ],
)
def test_plain_size(size: int, text: str) -> None:
    assert plain_size(size) == text


def job(*outputs: Json, kind: str | None = None, job_id: str = "job-1") -> Job:
    """A finished job whose outputs hold *outputs*."""
    body: dict[str, Json] = {
        "id": job_id, "status": "finished", "outputs": [{"type": kind, "data": data} for data in outputs],
    }  # fmt: skip
    return parse_job(body)


def file(name: str, **more: Json) -> dict[str, Json]:
    return {"url": f"https://x.y/a/{name}?X-Goog-Expires=1", "_path": None, **more}


@pytest.mark.parametrize(
    ("outputs", "pattern", "paths"),
    [
        pytest.param([file("a.mp4"), file("b.jpg")], "out/{index}{ext}", ["out/0.mp4", "out/1.jpg"], id="files"),
        pytest.param([file("a.mp4")], "out/x/{stem}-{job}{ext}", ["out/x/a-job-1.mp4"], id="stem and job"),
        pytest.param(["done", {"a": 1}, None], "o/{index}{ext}", ["o/0.json", "o/1.json", "o/2.json"], id="values"),
        pytest.param(["done"], "out/{index}", ["out/0.json"], id="a value without its extension"),
        pytest.param([file("a.mp4"), 5], "out/{index}.mp4", ["out/0.mp4", "out/1.mp4.json"], id="a value is no film"),
        pytest.param([file("a")], "out/{index}{ext}", ["out/0"], id="no extension"),
        pytest.param([file("a.tar.gz")], "out/{stem}{ext}", ["out/a.tar.gz"], id="two extensions"),
        pytest.param([file("x.mp4%2f..%2f..%2fetc")], "out/{index}{ext}", ["out/0"], id="hostile name"),
        pytest.param([file("%2e%2e%2f%2ebashrc")], "out/{stem}{ext}", ["out/bashrc"], id="hostile stem"),
        pytest.param([file("a.%7bjob%7d")], "out/{index}{ext}", ["out/0"], id="a placeholder from the far side"),
        pytest.param([file("a.p%68p%00")], "out/{index}{ext}", ["out/0"], id="hostile extension"),
        pytest.param([[file("a.mp4"), file("b.mp4")]], "out/{index}{ext}", ["out/0-0.mp4", "out/0-1.mp4"], id="a list"),
        pytest.param(
            [[file("a.jpg"), {"time": 1}]], "out/{index}{ext}", ["out/0-0.jpg", "out/0.json"], id="a file with facts",
        ),
        pytest.param([{"url": "https://x.y/a.mp4"}], "out/{index}{ext}", ["out/0.mp4"], id="nothing but a url"),
        pytest.param([{"url": "https://x.y/a", "title": "t"}], "out/{index}{ext}", ["out/0.json"], id="a link is data"),
        pytest.param([], "out/{index}{ext}", [], id="nothing"),
    ],
)  # fmt: skip
def test_names(outputs: list[Json], pattern: str, paths: list[str]) -> None:
    assert [wanted.path for wanted in wanted_of(job(*outputs), pattern)] == paths


def test_a_value_is_saved_with_the_names_of_its_files() -> None:
    wanted = wanted_of(job({"cut": file("a.jpg", fps=25), "at": 1.5, "ä": "\ud800"}), "out/{index}/{stem}{ext}")
    assert [each.path for each in wanted] == ["out/0-0/a.jpg", "out/0/0.json"]
    assert json.loads(wanted[1].content) == {"cut": {"file": "../0-0/a.jpg", "fps": 25}, "at": 1.5, "ä": "\ud800"}
    assert wanted[1].url is None


def test_a_type_says_what_is_a_file() -> None:
    (wanted,) = wanted_of(job({"url": "https://x.y/a.mp4", "fps": 25}, kind="sieve.Video"), "out/{index}{ext}")
    assert wanted.url == "https://x.y/a.mp4"


@pytest.mark.parametrize(
    ("outputs", "pattern"),
    [
        pytest.param([file("a.mp4"), file("b.mp4")], "out/video{ext}", id="one name"),
        pytest.param([file("a.mp4"), file("A.MP4")], "out/{stem}{ext}", id="one name on some disks"),
        pytest.param([file("n" * 120)], "out/" + "m" * 200 + "{stem}", id="too long for a disk"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_used_are_refused_before_anything_is_read(outputs: list[Json], pattern: str) -> None:
    with pytest.raises(UnusableNameError):
        wanted_of(job(*outputs), pattern)


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.text(max_size=5) | st.text("./%\\~2fe{}\0:", max_size=12).map(file),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.lists(VALUES, max_size=4), st.text("./%\\~{}\0", max_size=6),
    st.sampled_from(["out/{index}{ext}", "out/{stem}{ext}", "out/a{stem}/{index}{ext}", "out/{job}/{index}{ext}"]),
)  # fmt: skip
def test_nothing_leaves_its_folder_is_hidden_or_lies_on_another(outputs: list[Json], name: str, pattern: str) -> None:
    try:
        paths = [wanted.path for wanted in wanted_of(job(*outputs, job_id=name or "j"), pattern)]
    except UnusableNameError:
        return
    assert len({path.casefold() for path in paths}) == len(paths)
    for path in paths:
        assert path.startswith("out/")
        assert not any(part in ("", ".", "..") or part.startswith(".") for part in path.split("/"))
        assert path.isprintable()
        assert "\\" not in path
