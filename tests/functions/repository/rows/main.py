import dataclasses
import tempfile
from enum import Enum

import pydantic
import sieve


class Colour(Enum):
    RED = "red"


class Verdict(pydantic.BaseModel):
    ok: bool
    proof: sieve.File


class Span(sieve.Struct):
    start: float
    end: float = 1.0


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Unsendable:
    pass


def file(kind=sieve.File, name="out.txt", **attributes):
    path = f"{tempfile.mkdtemp()}/{name}"
    with open(path, "w") as out:
        out.write(name)
    return kind(path=path, **attributes)


MADE = {
    "file": lambda: file(),
    "video": lambda: file(sieve.Video, "out.mp4", fps=25, frame_number=3),
    "audio": lambda: file(sieve.Audio, "out.mp3"),
    "image": lambda: file(sieve.Image, "out.png", width=4),
    "remote": lambda: sieve.Video(url="https://example.com/clip.mp4?x=1", lang="en"),
    "str": lambda: "text",
    "int": lambda: 3,
    "float": lambda: 0.5,
    "bool": lambda: True,
    "none": lambda: None,
    "dict": lambda: {"en": file(name="en.srt"), "deep": [{"de": file(name="de.srt")}], "n": 1},
    "list": lambda: [{"text": "hi"}, 2],
    "tuple": lambda: (file(sieve.Video, "pair.mp4"), {"score": 0.5}),
    "pydantic": lambda: Verdict(ok=True, proof=file(name="proof.txt")),
    "struct": lambda: Span(start=0.5, picture=file(sieve.Image, "span.png")),
    "dataclass": lambda: Point(1, 2),
    "enum": lambda: Colour.RED,
    "nothing-json": lambda: Unsendable(),
    "bytes": lambda: b"raw",
}


@sieve.function(name="rows", restart_on_error=False)
def row(which: str):
    return MADE[which]()


@sieve.function(name="stream-rows")
def rows(which: list):
    for name in which:
        yield MADE[name]()
