"""The sample functions on real clips: what comes out is decoded again and measured."""

from __future__ import annotations

import itertools
import wave
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from functions import media
from sieve_jobs import sdk as sieve
from sieve_jobs.source import read_functions
from tests.functions.clips import (
    BLUE,
    GREY,
    RATE,
    RED,
    SOUND_RATE,
    TONE,
    Scene,
    decode_jpeg,
    make_clip,
    picture,
    pictures,
    pixel,
    turn,
)


@pytest.fixture(autouse=True)
def _temporary_files_here(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def two_scenes(tmp_path: Path) -> sieve.Video:
    """Two seconds: one red, one blue, without sound."""
    return sieve.Video(path=make_clip(tmp_path / "two.mp4", [Scene(RED, RATE), Scene(BLUE, RATE)]))


@pytest.fixture
def with_sound(tmp_path: Path) -> sieve.Video:
    """One grey second with one second of a tone on two channels."""
    return sieve.Video(path=make_clip(tmp_path / "loud.mp4", [Scene(GREY, RATE)], sound=1.0, channels=2))


@pytest.fixture
def sound_alone(tmp_path: Path) -> sieve.Audio:
    return sieve.Audio(path=make_clip(tmp_path / "tone.mp4", [], sound=1.0))


@pytest.fixture
def no_media(tmp_path: Path) -> sieve.File:
    (tmp_path / "notes.mp4").write_text("not a film\n" * 100)
    return sieve.File(path=tmp_path / "notes.mp4")


def test_the_four_are_declared_under_their_names():
    found = read_functions([Path(media.__file__).parent])
    assert found.problems == ()
    streams = {name: function.streams for name, function in found.functions.items()}
    assert streams == {"probe": False, "contact-sheet": False, "extract-audio": False, "scene-cuts": True}


def is_near(color: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) <= 45 for one, other in zip(color, wanted, strict=True))


def test_probe_tells_container_and_streams(with_sound):
    found = media.probe(with_sound)
    assert found["container"] == "mov,mp4,m4a,3gp,3g2,mj2"
    assert found["duration"] == pytest.approx(1.0, abs=0.1)
    assert found["size"] == Path(with_sound.path).stat().st_size
    picture_facts, sound_facts = found["streams"]
    assert picture_facts == {
        "index": 0,
        "type": "video",
        "codec": "mpeg4",
        "width": 64,
        "height": 48,
        "fps": 10.0,
        "pixel_format": "yuv420p",
        "frames": 10,
    }
    assert sound_facts == {
        "index": 1,
        "type": "audio",
        "codec": "aac",
        "sample_rate": SOUND_RATE,
        "channels": 2,
        "layout": "stereo",
    }


def test_probe_of_a_clip_without_sound(two_scenes):
    found = media.probe(two_scenes)
    assert found["duration"] == pytest.approx(2.0)
    assert [stream["type"] for stream in found["streams"]] == ["video"]


def test_a_contact_sheet_shows_the_clip_in_order(two_scenes):
    sheet = media.contact_sheet(two_scenes, frames=4, columns=2, width=32)
    assert Path(sheet.path).name == "two-sheet.jpg"
    shown = decode_jpeg(sheet.path)
    assert (shown.width, shown.height) == (2 * 32 + 3 * 4, 2 * 24 + 3 * 4)
    tiles = [pixel(shown, 4 + 16 + 36 * column, 4 + 12 + 28 * row) for row in (0, 1) for column in (0, 1)]
    assert [is_near(tile, RED) for tile in tiles] == [True, True, False, False]
    assert [is_near(tile, BLUE) for tile in tiles] == [False, False, True, True]


@pytest.mark.parametrize(
    ("frames", "columns", "size"),
    [
        pytest.param(1, 3, (40, 32), id="one-frame"),
        pytest.param(5, 3, (3 * 32 + 16, 2 * 24 + 12), id="last-row-not-full"),
        pytest.param(30, 6, (6 * 32 + 28, 5 * 24 + 24), id="more-than-the-clip-has"),
    ],
)
def test_contact_sheets_of_all_shapes(two_scenes, frames, columns, size):
    shown = decode_jpeg(media.contact_sheet(two_scenes, frames=frames, columns=columns, width=32).path)
    assert (shown.width, shown.height) == size


def test_a_clip_filmed_on_its_side_is_shown_upright(tmp_path):
    clip = sieve.Video(path=turn(make_clip(tmp_path / "side.mp4", [Scene(RED, 3)])))
    shown = decode_jpeg(media.contact_sheet(clip, frames=1, width=48).path)
    assert (shown.width, shown.height) == (48 + 8, 64 + 8)


def test_stretched_pixels_are_shown_square(tmp_path):
    clip = sieve.Video(path=make_clip(tmp_path / "wide.mp4", [Scene(RED, 3)], stretch=Fraction(2)))
    shown = decode_jpeg(media.contact_sheet(clip, frames=1, width=64).path)
    assert (shown.width, shown.height) == (64 + 8, 24 + 8)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        pytest.param("live.mkv", {"live": "1"}, id="no-length-in-the-headers"),
        pytest.param("raw.m4v", {}, id="no-index"),
    ],
)
def test_clips_that_were_never_finished(tmp_path, name, options):
    scenes = [Scene(RED, RATE), Scene(BLUE, RATE)]
    clip = sieve.Video(path=make_clip(tmp_path / name, scenes, options=options))
    if options:
        assert media.probe(clip)["duration"] is None
    shown = decode_jpeg(media.contact_sheet(clip, frames=2, columns=2, width=32).path)
    assert is_near(pixel(shown, 20, 16), RED)
    assert is_near(pixel(shown, 56, 16), BLUE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"frames": 0}, "frames must be 1 to 100, got 0", id="frames"),
        pytest.param({"frames": 101}, "frames must be 1 to 100, got 101", id="too-many-frames"),
        pytest.param({"columns": 0}, "columns must be 1 to 100, got 0", id="columns"),
        pytest.param({"width": 8}, "width must be 16 to 2048, got 8", id="width"),
        pytest.param(
            {"frames": 100, "columns": 10, "width": 2048}, "10 by 10 frames of width 2048 make too large", id="too-wide"
        ),
        pytest.param({"frames": 90, "columns": 1}, "1 by 90 frames of width 320 make too large", id="too-tall"),
    ],
)
def test_contact_sheets_that_make_no_sense(two_scenes, settings, message):
    with pytest.raises(ValueError, match=message):
        media.contact_sheet(two_scenes, **settings)


def periods(samples: array[int]) -> int:
    """How often the sound goes from below zero to above."""
    return sum(before < 0 <= after for before, after in itertools.pairwise(samples))


@pytest.mark.parametrize(
    ("settings", "rate", "channels"),
    [
        pytest.param({}, SOUND_RATE, 2, id="as-it-is"),
        pytest.param({"sample_rate": 16000, "mono": True}, 16000, 1, id="for-speech"),
        pytest.param({"sample_rate": 48000}, 48000, 2, id="higher"),
    ],
)
def test_the_sound_of_a_clip(with_sound, settings, rate, channels):
    sound = media.extract_audio(with_sound, **settings)
    assert Path(sound.path).name == "loud.wav"
    with wave.open(sound.path) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (rate, channels, 2)
        seconds = wav.getnframes() / rate
        samples = array("h", wav.readframes(wav.getnframes()))[::channels]
    assert seconds == pytest.approx(1.0, abs=0.15)
    assert periods(samples) == pytest.approx(TONE * 1.0, rel=0.06)
    assert max(samples) > 9000


def test_a_clip_without_sound_is_told_so(two_scenes):
    with pytest.raises(ValueError, match=r"'two\.mp4' has no audio stream"):
        media.extract_audio(two_scenes)


def test_a_sample_rate_out_of_bounds(with_sound):
    with pytest.raises(ValueError, match="sample_rate must be 8000 to 192000, got 1"):
        media.extract_audio(with_sound, sample_rate=1)


def test_the_cut_of_a_clip_of_two_scenes(two_scenes):
    ((thumbnail, facts),) = media.scene_cuts(two_scenes, width=32)
    assert (facts["time"], facts["frame"]) == (1.0, RATE)
    assert 0.06 <= facts["score"] <= 1
    shown = decode_jpeg(thumbnail.path)
    assert (shown.width, shown.height) == (32, 24)
    assert is_near(pixel(shown, 16, 12), BLUE)


@pytest.mark.parametrize(
    ("scenes", "cuts"),
    [
        pytest.param([Scene(RED, 12)], [], id="one-scene"),
        pytest.param([Scene(RED, 12, motion=9)], [], id="fast-motion"),
        pytest.param([Scene(RED, 12, flash=6)], [], id="flash"),
        pytest.param([Scene(RED, 6), Scene(BLUE, 6), Scene(RED, 6)], [6, 12], id="two-cuts"),
        pytest.param([Scene(RED, 6), Scene(BLUE, 1)], [6], id="cut-at-the-last-frame"),
        pytest.param([Scene(RED, 1), Scene(BLUE, 6)], [1], id="cut-at-the-second-frame"),
        pytest.param([Scene(RED, 1)], [], id="one-frame"),
    ],
)
def test_what_is_a_cut_and_what_is_not(tmp_path, scenes, cuts):
    clip = sieve.Video(path=make_clip(tmp_path / "clip.mp4", scenes))
    assert [facts["frame"] for _, facts in media.scene_cuts(clip)] == cuts


def test_a_high_threshold_lets_no_cut_pass(two_scenes):
    assert list(media.scene_cuts(two_scenes, threshold=1.0)) == []


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5])
def test_thresholds_that_make_no_sense(two_scenes, threshold):
    with pytest.raises(ValueError, match="threshold must be above 0"):
        list(media.scene_cuts(two_scenes, threshold=threshold))


def test_a_cut_is_yielded_as_soon_as_it_stands_out():
    """Only the frames that decide about it have been asked for by then, not the rest of the clip."""
    taken = 0

    def counted() -> Iterator[VideoFrame]:
        nonlocal taken
        for frame in pictures([Scene(RED, 5), Scene(BLUE, 50)]):
            taken += 1
            yield frame

    index, _, _ = next(media.outstanding(counted(), 0.06))
    assert index == 5
    assert taken == 5 + 1 + media.AROUND


def test_black_against_white_is_a_change_of_one():
    black, white = picture([(0, 0, 0)] * 64), picture([(255, 255, 255)] * 64)
    assert [round(change, 3) for _, _, change in media.changes([black, white, white])] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("function", [media.probe, media.contact_sheet, media.extract_audio])
def test_what_is_no_media_file(no_media, function):
    with pytest.raises(ValueError, match=r"'notes\.mp4' is not a media file"):
        function(no_media)


def test_no_picture_to_show(sound_alone):
    with pytest.raises(ValueError, match=r"'tone\.mp4' has no video stream"):
        media.contact_sheet(sound_alone)
    with pytest.raises(ValueError, match=r"'tone\.mp4' has no video stream"):
        list(media.scene_cuts(sound_alone))
