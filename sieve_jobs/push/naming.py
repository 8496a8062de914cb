"""Names for what is saved of a job: safe on any disk, inside their folder, and never two alike. Pure."""

from __future__ import annotations

import json
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sieve_jobs.wire import Job, Json

_UNSAFE = re.compile(r"[^\w.()+=@ -]+")
"""All but letters and digits of any script, and signs that no shell or disk makes anything of."""
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_EXTENSION = re.compile(r"[A-Za-z0-9]{1,16}")
_PLACEHOLDER = re.compile(r"\{(index|stem|job|ext)\}")
LONGEST = 120
"""Bytes of a file's name in UTF-8."""


class UnusableNameError(Exception):
    """Outputs that cannot be saved under the names they would have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing to save of a job: a file by its url, or what stands in *content*."""

    path: str
    """From the project's root."""
    url: str | None = None
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class _Item:
    """A file of an output, or an output that is a value."""

    index: str
    url: str | None = None
    value: Json = None


def wanted_of(job: Job, pattern: str) -> list[Wanted]:
    """All that *pattern* (see spec/save.py) makes of a job's outputs. Raises UnusableNameError.

    An output that is a file has its number as index, a file within one a second number behind it. An output that is
    not all files is saved as JSON, with the names of its files instead of their urls.
    """
    items = [item for index, output in enumerate(job.outputs) for item in _items(str(index), output)]
    paths = [_path(item, job.id, pattern) for item in items]
    _require_apart(paths)
    places = {item.url: path for item, path in zip(items, paths, strict=True) if item.url is not None}
    return [
        Wanted(path, item.url, b"" if item.url is not None else _as_json(item.value, path, places))
        for item, path in zip(items, paths, strict=True)
    ]


def file_urls(value: Json | Mapping[str, Json], kind: object = None) -> Iterator[str]:
    """Every file's url in a value, in order, at any depth. *kind* is the type that the output says it has."""
    if is_file(value, kind):
        yield str(value["url"])  # type: ignore[index,call-overload]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from file_urls(item)
    elif isinstance(value, list):
        for item in value:
            yield from file_urls(item)


def is_file(value: Json | Mapping[str, Json], kind: object = None) -> bool:
    """Whether a value is a file of the far side: `{"url", "_path"}`, nothing but a url, or said to be one."""
    if not isinstance(value, Mapping):
        return False
    url = value.get("url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        return False
    return "_path" in value or len(value) == 1 or (isinstance(kind, str) and kind.startswith("sieve."))


def _items(index: str, output: Mapping[str, Json]) -> Iterator[_Item]:
    data, kind = output.get("data"), output.get("type")
    if is_file(data, kind):
        yield _Item(index, url=next(file_urls(data, kind)))
        return
    for number, url in enumerate(dict.fromkeys(file_urls(data))):
        yield _Item(f"{index}-{number}", url=url)
    if not (isinstance(data, list) and data and all(map(is_file, data))):
        yield _Item(index, value=data)


def _path(item: _Item, job_id: str, pattern: str) -> str:
    name = safe_name(item.url) if item.url is not None else f"{item.index}.json"
    stem, _, extension = name.rpartition(".")
    if not (stem and _EXTENSION.fullmatch(extension)):
        stem, extension = name, ""
    words = {"index": item.index, "stem": stem, "job": safe_name(job_id), "ext": f".{extension}" if extension else ""}
    path = _PLACEHOLDER.sub(lambda found: words[found[1]], pattern)
    if item.url is None and not path.lower().endswith(".json"):
        path += ".json"
    for part in path[len(pattern.partition("{")[0].rpartition("/")[0]) :].removeprefix("/").split("/"):
        if part.startswith(".") or not part or len(part.encode(errors="surrogatepass")) > 255:
            raise UnusableNameError(f"output {item.index} would be saved as '{path}', which is no usable name")
    return path


def _require_apart(paths: Sequence[str]) -> None:
    """Raises UnusableNameError where one would lie on, or within, another."""
    first: dict[str, str] = {}
    for path in paths:
        folded = unicodedata.normalize("NFC", path).casefold()
        if folded in first:
            raise UnusableNameError(f"two outputs would be saved as '{first[folded]}': add {{index}} to 'as'")
        first[folded] = path
    for folded, path in first.items():
        steps = folded.split("/")
        if any("/".join(steps[:end]) in first for end in range(1, len(steps))):
            raise UnusableNameError(f"'{path}' would be saved within another output: change 'as'")


def _as_json(value: Json, path: str, places: Mapping[str, str]) -> bytes:
    shown = _with_places(value, path.rpartition("/")[0], places)
    text = json.dumps(shown, ensure_ascii=False, indent=2) + "\n"
    return text.encode(errors="backslashreplace")  # of a lone surrogate that is JSON's own escape


def _with_places(value: Json, folder: str, places: Mapping[str, str]) -> Json:
    """*value* with the name of each saved file, seen from *folder*, instead of its url, which dies within days."""
    if isinstance(value, dict):
        if is_file(value):
            rest = {key: item for key, item in value.items() if key not in ("url", "_path")}
            return {"file": posixpath.relpath(places[str(value["url"])], folder), **rest}
        return {key: _with_places(item, folder, places) for key, item in value.items()}
    return [_with_places(item, folder, places) for item in value] if isinstance(value, list) else value


def safe_name(url: str) -> str:
    """The last step of a url's path as a file name: no separators, no leading dot, no device, bounded."""
    last = unquote(urlsplit(url).path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", last)).strip(" .-")
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) <= 16:
        room = LONGEST - len(extension.encode()) - 1
        name = f"{_cut(stem, room).rstrip(' .')}.{extension}" if stem else extension
    name = _cut(name, LONGEST)
    return f"_{name}" if not name or _DEVICES.fullmatch(name) else name


def _cut(text: str, size: int) -> str:
    """As much of *text* as has at most *size* bytes."""
    return text.encode()[:size].decode(errors="ignore")


def places_for(urls: Sequence[str], folder: Path) -> list[Path]:
    """One path in *folder* for each of *urls*; where names would be equal each gets the number of its output."""
    names = [safe_name(url) for url in urls]
    often = Counter(name.casefold() for name in names)
    width = len(str(max(len(names) - 1, 0)))
    chosen = [name if often[name.casefold()] == 1 else f"{index:0{width}d}-{name}" for index, name in enumerate(names)]
    if len({name.casefold() for name in chosen}) < len(chosen):  # "0-a" may be a name of its own
        chosen = [f"{index:0{width}d}-{name}" for index, name in enumerate(names)]
    return [folder / name for name in chosen]
