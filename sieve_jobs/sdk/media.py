"""What a picture or a film tells of itself, by whatever is there to read it: PyAV, OpenCV, or ffprobe for films."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

_HOW = "install PyAV (the extra 'sieve-jobs[media]') or opencv-python"


class MediaError(RuntimeError):
    """Nothing here can read the file, or the file is none of its kind."""


def fact(path: str, kind: str, name: str) -> object:
    """The fact *name* of the file at *path*, a "sieve.Video" or "sieve.Image". Raises MediaError, OSError."""
    if name == "cap":
        return _needed("cv2", "opencv-python").VideoCapture(path)
    if kind == "sieve.Image":
        return _pixels(path) if name == "array" else _image(path)[name]
    found = Path(path).stat()
    return _video(path, (found.st_mtime_ns, found.st_size))[name]


def _image(path: str) -> Mapping[str, object]:
    if (av := _module("av")) is not None:
        frame = _first_frame(av, path)
        channels = 3 if frame.format.has_palette else len(frame.format.components)
        return {"width": frame.width, "height": frame.height, "channels": channels}
    height, width, *channels = _pixels(path).shape
    return {"width": width, "height": height, "channels": channels[0] if channels else 1}


def _pixels(path: str) -> Any:
    if (cv2 := _module("cv2")) is not None:
        found = cv2.imread(path)
        if found is None:
            raise MediaError(f"{path!r} is no image that OpenCV can read")
        return found
    if (av := _module("av")) is not None and _module("numpy") is not None:
        return _first_frame(av, path).to_ndarray(format="bgr24")
    raise MediaError("could not read the image: install opencv-python, or numpy and PyAV ('sieve-jobs[media]')")


def _first_frame(av: Any, path: str) -> Any:
    return _opened(av, path, lambda container: next(container.decode(container.streams.video[0])))


def _opened(av: Any, path: str, read: Callable[[Any], Any]) -> Any:
    try:
        with av.open(path) as container:
            return read(container)
    except FileNotFoundError:
        raise
    except (av.error.FFmpegError, IndexError, StopIteration) as error:
        raise MediaError(f"{path!r} holds no pictures that can be read: {error!r}") from error


@lru_cache(64)
def _video(path: str, _: tuple[int, int]) -> Mapping[str, object]:
    """Of the first film in the file, as it is stored: a turn that a player would make is not made.

    Looked at once for each state of the file, by its time and size.
    """
    if (av := _module("av")) is not None:
        found: Mapping[str, object] = _opened(av, path, _by_av)
        return found
    if (cv2 := _module("cv2")) is not None:
        cap = cv2.VideoCapture(path)
        names = (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        fps, count, width, height = (cap.get(name) for name in names)
        cap.release()
        return {"fps": fps, "frame_count": int(count), "width": int(width), "height": int(height)}
    if shutil.which("ffprobe"):
        return _by_ffprobe(path)
    raise MediaError(f"could not look into the video: {_HOW}, or put ffprobe on PATH")


def _by_av(container: Any) -> Mapping[str, object]:
    stream = container.streams.video[0]
    count = stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    return {
        "fps": float(stream.average_rate or stream.guessed_rate or 0),
        "frame_count": count,
        "width": stream.width,
        "height": stream.height,
    }


def _by_ffprobe(path: str) -> Mapping[str, object]:
    asked = "stream=width,height,avg_frame_rate,nb_read_packets"
    options = ["-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", asked, "-of", "json"]
    ended = subprocess.run(["ffprobe", *options, path], capture_output=True, text=True, check=False)
    streams = json.loads(ended.stdout or "{}").get("streams") or []
    if ended.returncode or not streams:
        raise MediaError(f"{path!r} holds no video: {ended.stderr.strip()}")
    stream = streams[0]
    above, _, below = str(stream["avg_frame_rate"]).partition("/")
    return {
        "fps": float(Fraction(int(above), int(below or 1))) if int(below or 1) else 0.0,
        "frame_count": int(stream["nb_read_packets"]),
        "width": int(stream["width"]),
        "height": int(stream["height"]),
    }


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _needed(name: str, package: str) -> Any:
    module = _module(name)
    if module is None:
        raise MediaError(f"a video's cap is a cv2.VideoCapture: install {package}")
    return module
