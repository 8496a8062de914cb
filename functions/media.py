"""Sample functions on real media, with PyAV alone: probe, contact-sheet, extract-audio, scene-cuts."""

from __future__ import annotations

import itertools
import operator
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from sieve_jobs import sdk as sieve

PACKAGES = ["av"]
JPEG_QUANTISER = "3"
"""Of the mjpeg encoder, 2 (best) to 31; at 3 a tile shows no blocks."""
LARGEST_SHEET = 16000
"""Pixels in a row of tiles, or in a column if they were square: JPEG ends at 65,535, and tiles can be tall."""
TINY = (32, 18)
"""Pixels to which frames are shrunk before they are compared, so that noise and small motion average out."""
AROUND = 2
"""Frames on either side that a cut must stand out from; so a flash of up to two frames is none."""
TURNS = {90: ["cclock"], -90: ["clock"], 180: ["clock", "clock"], -180: ["clock", "clock"]}
"""The transpositions that bring a picture upright, by its rotation in degrees."""


@sieve.function(
    name="probe",
    python_packages=PACKAGES,
    metadata=sieve.Metadata(title="Probe", description="What a media file holds: container, duration, streams"),
)
def probe(clip: sieve.File) -> dict[str, object]:
    """Reads the headers and decodes nothing.

    :param clip: Any audio or video file
    :return: Container, duration in seconds, size in bytes, bits a second, and an object for each stream
    """
    with opened(clip) as container:
        return {
            "container": container.format.name,
            "duration": None if container.duration is None else container.duration / av.time_base,
            "size": container.size,
            "bit_rate": container.bit_rate or None,
            "streams": [described(stream) for stream in container.streams],
        }


@sieve.function(
    name="contact-sheet",
    python_packages=PACKAGES,
    metadata=sieve.Metadata(title="Contact sheet", description="One JPEG of frames spread evenly over a clip"),
)
def contact_sheet(clip: sieve.Video, frames: int = 9, columns: int = 3, width: int = 320) -> sieve.Image:
    """Takes the middle frame of each of as many equal parts of the clip, upright and with square pixels.

    :param clip: A file with a video stream
    :param frames: How many frames, 1 to 100
    :param columns: How many of them stand in a row
    :param width: Width of one of them in pixels, 16 to 2048; its height follows from the picture
    :return: The sheet
    """
    for name, value, largest in (("frames", frames, 100), ("columns", columns, 100), ("width", width, 2048)):
        smallest = 16 if name == "width" else 1
        if not smallest <= value <= largest:
            raise ValueError(f"{name} must be {smallest} to {largest}, got {value}")
    columns = min(columns, frames)
    rows = -(-frames // columns)
    if max(columns, rows) * width > LARGEST_SHEET:
        raise ValueError(f"{columns} by {rows} frames of width {width} make too large a sheet")
    tile = ("tile", f"{columns}x{rows}:padding=4:margin=4")
    with opened(clip) as container:
        stream = video_stream(container, clip)
        start, end = span(container, stream, clip)
        wanted = [start + (end - start) * (2 * part + 1) // (2 * frames) for part in range(frames)]
        graph: Graph | None = None
        for number, frame in enumerate(frames_at(container, stream, wanted), start=1):
            print(f"frame {number} of {frames} at {seconds(frame, stream):.2f} s")
            graph = graph or pictures(frame, stream, width, tile)
            graph.push(frame)
        if graph is None:
            raise ValueError(f"{title(clip)} has no frame that can be decoded")
        graph.push(None)
        return sieve.Image(path=write_jpeg(graph.vpull(), new_file(clip, "-sheet.jpg")))


@sieve.function(
    name="extract-audio",
    python_packages=PACKAGES,
    metadata=sieve.Metadata(title="Extract audio", description="The sound of a clip as a WAV file"),
)
def extract_audio(clip: sieve.File, sample_rate: int | None = None, mono: bool = False) -> sieve.Audio:
    """Decodes the main audio stream to 16 bit PCM.

    :param clip: A file with an audio stream
    :param sample_rate: Samples a second, 8000 to 192000; those of the clip where it is left out
    :param mono: Whether all channels are mixed into one
    :return: The WAV file
    """
    if sample_rate is not None and not 8000 <= sample_rate <= 192000:
        raise ValueError(f"sample_rate must be 8000 to 192000, got {sample_rate}")
    path = new_file(clip, ".wav")
    with opened(clip) as container:
        source = container.streams.best("audio")
        if not isinstance(source, AudioStream):
            raise ValueError(f"{title(clip)} has no audio stream")
        rate = sample_rate or source.rate
        layout = "mono" if mono else source.layout.name
        # rf64 lets a file grow past the 4 GiB that a plain WAV header can tell
        with av.open(str(path), "w", format="wav", options={"rf64": "auto"}) as out:
            target = out.add_stream("pcm_s16le", rate=rate, layout=layout)
            resampler = av.AudioResampler("s16", layout, rate)
            written = 0
            for frame in itertools.chain(container.decode(source), [None]):
                for piece in resampler.resample(frame):
                    piece.pts, piece.time_base = written, Fraction(1, rate)
                    written += piece.samples
                    out.mux(target.encode(piece))
            out.mux(target.encode(None))
    print(f"{written / rate:.2f} s of {layout} sound at {rate} samples a second")
    return sieve.Audio(path=path)


@sieve.function(
    name="scene-cuts",
    python_packages=PACKAGES,
    metadata=sieve.Metadata(title="Scene cuts", description="Each hard cut of a clip as it is found, with a thumbnail"),
)
def scene_cuts(
    clip: sieve.Video, threshold: float = 0.06, width: int = 320
) -> Iterator[tuple[sieve.Image, dict[str, float]]]:
    """Yields the first frame of each new scene. Dissolves and fades are no cuts, nor are flashes and fast motion.

    :param clip: A file with a video stream
    :param threshold: How far a change must exceed those around it, as a part (0 to 1) of black against white
    :param width: Width of a thumbnail in pixels
    :return: A thumbnail, and the cut's time in seconds, frame index and score
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be above 0 and at most 1, got {threshold}")
    with opened(clip) as container:
        stream = video_stream(container, clip)
        found = 0
        for index, frame, score in outstanding(container.decode(stream), threshold):
            found += 1
            time = round(seconds(frame, stream), 6)
            print(f"cut {found} at {time:.2f} s, score {score:.3f}")
            graph = pictures(frame, stream, width)
            graph.push(frame)
            path = write_jpeg(graph.vpull(), new_file(clip, f"-cut-{found:02}.jpg"))
            yield sieve.Image(path=path), {"time": time, "frame": index, "score": round(score, 4)}
        print(f"{found} cuts in all")


def outstanding(frames: Iterable[VideoFrame], threshold: float) -> Iterator[tuple[int, VideoFrame, float]]:
    """Frames that differ from the one before by *threshold* more than any neighbour does, with index and score."""
    nothing: list[tuple[int, VideoFrame | None, float]] = [(-1, None, 0.0)] * AROUND
    window = deque(nothing, maxlen=2 * AROUND + 1)
    for item in itertools.chain(changes(frames), nothing):
        window.append(item)
        if len(window) < 2 * AROUND + 1:
            continue
        index, frame, change = window[AROUND]
        score = change - max(around for place, (_, _, around) in enumerate(window) if place != AROUND)
        if frame is not None and score >= threshold:
            yield index, frame, score


def changes(frames: Iterable[VideoFrame]) -> Iterator[tuple[int, VideoFrame, float]]:
    """Each frame with its index and its mean difference from the one before, 0 to 1; the first with 0."""
    shrinker = VideoReformatter()
    before: bytes | None = None
    for index, frame in enumerate(frames):
        tiny = shrinker.reformat(frame, *TINY, format="rgb24", interpolation="AREA").planes[0]
        rows = memoryview(tiny)
        now = b"".join(rows[at : at + 3 * TINY[0]] for at in range(0, len(rows), tiny.line_size))
        yield index, frame, 0.0 if before is None else sum(map(abs, map(operator.sub, now, before))) / 255 / len(now)
        before = now


@contextmanager
def opened(clip: sieve.File) -> Iterator[InputContainer]:
    """The clip as PyAV sees it. Raises ValueError, naming it, for what is no media file."""
    try:
        container = av.open(clip.path, metadata_errors="replace")
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise ValueError(f"{title(clip)} is not a media file that FFmpeg can read") from error
    with container:
        yield container


def described(stream: Stream) -> dict[str, object]:
    """A stream as probe tells it; what a stream does not know of itself is None."""
    codec = getattr(stream, "codec_context", None)
    facts: dict[str, object] = {"index": stream.index, "type": stream.type, "codec": codec.name if codec else None}
    if isinstance(stream, VideoStream):
        rate = stream.average_rate
        facts |= {"width": stream.width, "height": stream.height, "fps": float(rate) if rate else None}
        facts |= {"pixel_format": stream.pix_fmt, "frames": stream.frames or None}
    elif isinstance(stream, AudioStream):
        facts |= {"sample_rate": stream.rate, "channels": stream.channels, "layout": stream.layout.name}
    return facts


def video_stream(container: InputContainer, clip: sieve.File) -> VideoStream:
    """The main video stream, decoded on as many threads as help. Raises ValueError where there is none."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise ValueError(f"{title(clip)} has no video stream")
    stream.thread_type = "AUTO"
    return stream


def span(container: InputContainer, stream: VideoStream, clip: sieve.File) -> tuple[int, int]:
    """First and last instant of *stream* in its time base; found by reading every packet where no header tells."""
    start = stream.start_time or 0
    if stream.duration:
        return start, start + stream.duration
    if container.duration:
        return start, start + int(container.duration / av.time_base / stream.time_base)
    with opened(clip) as other:  # opened anew, for not every such file can be wound back
        times = (packet.pts for packet in other.demux(other.streams[stream.index]) if packet.pts is not None)
        return start, max(times, default=start)


def frames_at(container: InputContainer, stream: VideoStream, wanted: Iterable[int]) -> Iterator[VideoFrame]:
    """For each of the rising instants in *wanted* the first frame not before it, or the last one there is."""
    frame: VideoFrame | None = None
    for instant in wanted:
        with suppress(av.FFmpegError):  # a format without an index: decoding goes on from where it is
            container.seek(instant, stream=stream)  # to the key frame before it
        for frame in container.decode(stream):
            if frame.pts is None or frame.pts >= instant:
                break
        if frame is not None:
            yield frame


def seconds(frame: VideoFrame, stream: VideoStream) -> float:
    """When *frame* is shown, from the start of *stream*."""
    return float(((frame.pts or 0) - (stream.start_time or 0)) * stream.time_base)


def pictures(frame: VideoFrame, stream: VideoStream, width: int, *further: tuple[str, str]) -> Graph:
    """A filter graph that makes frames like *frame* upright JPEG pictures *width* pixels wide, then runs *further*."""
    turns = TURNS.get(frame.rotation, [])
    wide, high = frame.width * (stream.sample_aspect_ratio or 1), frame.height
    if len(turns) == 1:
        wide, high = high, wide
    graph = Graph()
    nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=stream.time_base)]
    nodes += [graph.add("transpose", turn) for turn in turns]
    nodes.append(graph.add("scale", f"{width}:{max(2, 2 * round(width * high / wide / 2))}:flags=area"))
    nodes.append(graph.add("format", "yuvj420p"))
    nodes += [graph.add(name, settings) for name, settings in further]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph


def write_jpeg(picture: VideoFrame, path: Path) -> Path:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, picture.format.name
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"qmin": JPEG_QUANTISER, "qmax": JPEG_QUANTISER}
    picture.pts, picture.time_base = 0, encoder.time_base
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)]))
    return path


def new_file(clip: sieve.File, ending: str) -> Path:
    """Where a result goes: named after the clip, in a new folder among the job's temporary files."""
    return Path(tempfile.mkdtemp(prefix="media-")) / f"{Path(clip.path).stem}{ending}"


def title(clip: sieve.File) -> str:
    """How messages call the clip."""
    return f"'{Path(clip.path).name}'"
