"""Files as functions see them: a path on this machine, fetched from a URL when it is first asked for."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast, overload

from sieve_jobs.sdk.struct import Struct
from sieve_jobs.wire import Json

F = TypeVar("F", bound="File")
T = TypeVar("T")

URL_SCHEMES = ("http", "https", "data", "file")
OPENER = "sieve_jobs.open_file"
"""Where the context of a pydantic validation holds what opens files."""


class Fact(Generic[T]):
    """Something a file tells when it is asked for. Less than a property: an attribute of that name hides it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, file: None, owner: type) -> Fact[T]: ...
    @overload
    def __get__(self, file: File, owner: type) -> T: ...
    def __get__(self, file: File | None, owner: type) -> Fact[T] | T:
        if file is None:
            return self
        from sieve_jobs.sdk import media

        return cast("T", media.fact(file.path, kind_name(owner), self._name))


def is_url(text: str) -> bool:
    """Whether *text* is a URL a file can be fetched from, by its scheme."""
    scheme, colon, rest = text.partition(":")
    return bool(colon and rest) and scheme.lower() in URL_SCHEMES


class File(Struct):
    """A file given by a path or a URL. Any further keyword becomes an attribute and travels with it."""

    def __init__(
        self,
        source: str | os.PathLike[str] | None = None,
        /,
        *,
        path: str | os.PathLike[str] | None = None,
        url: str | None = None,
        **attributes: object,
    ) -> None:
        """*source* is taken for a URL if it has the scheme of one, else for a path.

        With both a path and a URL the path holds, with a warning. With neither: ValueError.
        """
        if source is not None:
            if isinstance(source, str) and is_url(source):
                url = source
            else:
                path = source
        if path is None and url is None:
            raise ValueError("a file needs a path or a url")
        if path is not None and url is not None:
            warnings.warn("a file was given a path and a url; the path holds", stacklevel=2)
            url = None
        self._path = None if path is None else os.fspath(path)
        self._url = url
        for name, value in attributes.items():
            setattr(self, name, value)

    @property
    def url(self) -> str | None:
        """Where it came from; None for a file that was given by its path."""
        return self._url

    @property
    def path(self) -> str:
        """Its path here. For a URL it is fetched once, to a temporary file with the URL's ending.

        Raises OSError, with the URL's query left out, when it cannot be fetched whole.
        """
        if self._path is None:
            from sieve_jobs.sdk import fetch

            self._path = fetch.to_local(self._url or "")
        return self._path

    __eq__ = object.__eq__
    __hash__ = object.__hash__  # type: ignore[assignment]  # a file is itself, whatever its fields

    def __repr__(self) -> str:
        if self._path is not None:
            return f"{type(self).__name__}(path={self._path!r})"
        from sieve_jobs.sdk import fetch

        return f"{type(self).__name__}(url={fetch.shown(self._url or '')!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        """Lets a pydantic model have a file among its fields: made from the JSON of one, or given as one."""
        from sieve_jobs.sdk import models

        return models.core_schema(cls)


class Video(File):
    """A video file. What it tells of itself is read from the file, unless it was given as a keyword."""

    fps = Fact[float]()
    frame_count = Fact[int]()
    width = Fact[int]()
    height = Fact[int]()
    cap = Fact[Any]()
    """The file opened as a cv2.VideoCapture."""


class Audio(File):
    """An audio file."""


class Image(File):
    """An image file. What it tells of itself is read from the file, unless it was given as a keyword."""

    array = Fact[Any]()
    """Its pixels as a numpy array, rows first, blue before green before red, as OpenCV has them."""
    width = Fact[int]()
    height = Fact[int]()
    channels = Fact[int]()


def is_remote(file: File) -> bool:
    """Whether *file* lies elsewhere and can be named by its http(s) URL as it is."""
    return file.url is not None and file.url.lower().startswith(("http:", "https:"))


def attributes_of(file: File) -> Mapping[str, object]:
    """The further keywords *file* was made with, and what was set on it since."""
    return {name: value for name, value in vars(file).items() if not name.startswith("_")}


def as_kind(file: File, kind: type[F]) -> F:
    """The same file as a Video, Audio or Image; one that has been fetched is not fetched again."""
    if isinstance(file, kind):
        return file
    other = kind.__new__(kind)
    vars(other).update(vars(file))
    return other


def kind_name(kind: type[File]) -> str:
    """The type Sieve names it by, "sieve.Video"; a user's own subclass goes by the kind it extends."""
    known = next(base for base in kind.__mro__ if base in (File, Video, Audio, Image))
    return f"sieve.{known.__name__}"


def from_json(value: Json) -> File:
    """A file from a job's input: `{"url": …, further attributes}` or a bare URL string.

    Raises ValueError for anything else; a path is never taken from JSON, and names that begin with `_`
    (such as the `_path` that comes with every output) are left out.
    """
    if isinstance(value, str) and is_url(value):
        return File(url=value)
    if isinstance(value, dict) and isinstance(url := value.get("url"), str) and is_url(url):
        if "path" in value:
            raise ValueError("a file input is named by its url, not by a path")
        file = File(url=url)
        vars(file).update({name: item for name, item in value.items() if name != "url" and name[:1] != "_"})
        return file
    raise ValueError("neither an object with a url nor a url")
