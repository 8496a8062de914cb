"""Names of downloaded files are safe on any disk and never fall on one another."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.cli.saving import LONGEST, places_for, plain_size, safe_name


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
