"""What pictures and films tell of themselves, and what is said where nothing can read them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk.files import attributes_of
from sieve_jobs.sdk.media import MediaError
from tests.functions.clips import RED, Scene, make_clip

PROBED = '{"streams": [{"width": 64, "height": 48, "avg_frame_rate": "30000/1001", "nb_read_packets": "3"}]}'


@pytest.fixture
def video(tmp_path: Path) -> sieve.Video:
    return sieve.Video(path=make_clip(tmp_path / "clip.mp4", [Scene(RED, 3)]))


@pytest.fixture
def nothing_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither PyAV nor OpenCV nor ffprobe; the folder that is the whole PATH."""
    for name in ("av", "cv2"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def test_a_film_is_looked_into_and_what_it_was_given_goes_before(video: sieve.Video):
    assert (video.fps, video.frame_count, video.width, video.height) == (10.0, 3, 64, 48)
    assert attributes_of(video) == {}
    assert sieve.Video(path="nowhere.mp4", fps=25).fps == 25
    video.width = 7
    assert (video.width, attributes_of(video)) == (7, {"width": 7})


def test_a_picture_is_looked_into(tmp_path: Path):
    (tmp_path / "grey.pgm").write_bytes(b"P5 2 1 255\n\x00\xff")
    (tmp_path / "colour.ppm").write_bytes(b"P6 1 2 255\n" + bytes(6))
    grey, colour = sieve.Image(path=tmp_path / "grey.pgm"), sieve.Image(path=tmp_path / "colour.ppm")
    assert (grey.width, grey.height, grey.channels) == (2, 1, 1)
    assert (colour.width, colour.height, colour.channels) == (1, 2, 3)


def test_what_is_no_film_says_so(tmp_path: Path):
    (tmp_path / "notes.mp4").write_text("not a film\n" * 100)
    with pytest.raises(MediaError, match=r"notes\.mp4' holds no pictures"):
        _ = sieve.Video(path=tmp_path / "notes.mp4").fps
    with pytest.raises(FileNotFoundError):
        _ = sieve.Video(path=tmp_path / "nowhere.mp4").fps


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        pytest.param(sieve.Video, "fps", r"sieve-jobs\[media\].* or put ffprobe on PATH", id="film"),
        pytest.param(sieve.Video, "cap", "install opencv-python", id="capture"),
        pytest.param(sieve.Image, "array", r"opencv-python, or numpy and PyAV \('sieve-jobs\[media\]'\)", id="pixels"),
        pytest.param(sieve.Image, "width", r"sieve-jobs\[media\]", id="picture"),
    ],
)
def test_where_nothing_can_read_it_what_to_install_is_named(
    nothing_reads: Path, tmp_path: Path, kind: type[sieve.File], name: str, said: str
):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(MediaError, match=said):
        getattr(kind(path=tmp_path / "file"), name)


def test_a_film_is_looked_into_by_ffprobe_where_that_is_all_there_is(nothing_reads: Path, tmp_path: Path):
    (tmp_path / "clip.mp4").write_bytes(b"x")
    script = nothing_reads / "ffprobe"
    script.write_text(f"#!/bin/sh\nprintf '%s' '{PROBED}'\n")
    script.chmod(0o755)
    video = sieve.Video(path=tmp_path / "clip.mp4")
    assert (round(video.fps, 2), video.frame_count, video.width, video.height) == (29.97, 3, 64, 48)
