"""Tiny clips made with PyAV: textured scenes of one colour each, with a tone or without, upright or not."""

from __future__ import annotations

import math
import random
import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

Color = tuple[int, int, int]
RED: Color = (200, 40, 40)
BLUE: Color = (40, 40, 200)
GREY: Color = (120, 120, 120)

WIDTH, HEIGHT, RATE = 64, 48, 10
SOUND_RATE, TONE = 22050, 441
"""A tone of 441 Hz has 50 samples a period at this rate."""


@dataclass(frozen=True, slots=True)
class Scene:
    """*frames* pictures of *color* with a texture of its own; *motion* pixels a frame, *flash* is a white frame."""

    color: Color
    frames: int
    motion: int = 1
    flash: int | None = None


def make_clip(
    path: Path,
    scenes: Sequence[Scene],
    *,
    sound: float = 0.0,
    channels: int = 1,
    stretch: Fraction = Fraction(1),
    options: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Writes a clip of *scenes* at 10 frames a second with *sound* seconds of tone; *stretch* is a pixel's shape.

    *options* are the container's own.
    """
    with av.open(str(path), "w", options=dict(options)) as out:
        video = None
        if scenes:
            video = out.add_stream("mpeg4", rate=RATE, options={"qmin": "2", "qmax": "4"})
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            video.codec_context.sample_aspect_ratio = stretch
        audio = None
        if sound:
            audio = out.add_stream("aac", rate=SOUND_RATE, layout="mono" if channels == 1 else "stereo")
        for index, frame in enumerate(pictures(scenes)):
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            out.mux(video.encode(frame))
        for piece in tone(sound, channels):
            out.mux(audio.encode(piece))
        for stream in (video, audio):
            if stream is not None:
                out.mux(stream.encode(None))
    return path


def pictures(scenes: Sequence[Scene]) -> Iterator[VideoFrame]:
    for number, scene in enumerate(scenes):
        noise = random.Random(number)
        texture = [noise.randint(-30, 30) for _ in range(WIDTH // 4)]
        for index in range(scene.frames):
            if index == scene.flash:
                yield picture([(255, 255, 255)] * WIDTH)
                continue
            shifts = [texture[(x + index * scene.motion) // 4 % len(texture)] for x in range(WIDTH)]
            yield picture([tuple(max(0, min(255, part + shift)) for part in scene.color) for shift in shifts])


def picture(row: Sequence[Color]) -> VideoFrame:
    """A frame all rows of which are *row*."""
    frame = VideoFrame(len(row), HEIGHT, "rgb24")
    plane = frame.planes[0]
    line = b"".join(bytes(pixel) for pixel in row)
    plane.update(line.ljust(plane.line_size, b"\0") * HEIGHT)
    return frame


def tone(seconds: float, channels: int) -> Iterator[AudioFrame]:
    size, total = 1024, round(seconds * SOUND_RATE)
    for start in range(0, total, size):
        frame = AudioFrame("s16", "mono" if channels == 1 else "stereo", size)
        samples = [round(12000 * math.sin(2 * math.pi * TONE * (start + i) / SOUND_RATE)) for i in range(size)]
        data = array("h", [sample for sample in samples for _ in range(channels)]).tobytes()
        frame.planes[0].update(data.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.rate, frame.pts, frame.time_base = SOUND_RATE, start, Fraction(1, SOUND_RATE)
        yield frame


def turn(path: Path) -> Path:
    """Marks an mp4 as filmed with the camera on its side: its picture is shown turned clockwise by 90 degrees.

    Writes the matrix of the video's track header. Source: ISO/IEC 14496-12, 8.3.2 (tkhd), version 0.
    """
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    matrix = [0, 0x10000, 0, -0x10000, 0, 0, HEIGHT << 16, 0, 0x40000000]
    data[at : at + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(data)
    return path


def decode_jpeg(path: str) -> VideoFrame:
    """The one picture of a JPEG file, in RGB."""
    assert Path(path).read_bytes()[:3] == b"\xff\xd8\xff"
    with av.open(path) as container:
        (frame,) = container.decode(video=0)
        assert container.streams.video[0].codec_context.name == "mjpeg"
        return frame.reformat(format="rgb24")


def pixel(frame: VideoFrame, x: int, y: int) -> Color:
    plane = frame.planes[0]
    at = y * plane.line_size + 3 * x
    red, green, blue = bytes(plane)[at : at + 3]
    return red, green, blue
