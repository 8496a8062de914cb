"""An output of a job as the value that the one who pushed it works with."""

from __future__ import annotations

from collections.abc import Mapping

from sieve_jobs.sdk.files import Audio, File, Image, Video, is_url
from sieve_jobs.sdk.struct import Struct
from sieve_jobs.wire import Json

_KINDS: Mapping[str, type[File]] = {f"sieve.{kind.__name__}": kind for kind in (File, Video, Audio, Image)}
_PLAIN = frozenset({"dict", "any", "NoneType"})


def decode(output: Mapping[str, Json]) -> object:
    """The value of an InputOutput object: files as files, a tuple as one, an object of fields as a Struct."""
    kind, data = str(output.get("type")), output.get("data")
    if isinstance(data, dict) and (kind in _KINDS or _is_file(data)):
        return _file(data, _KINDS.get(kind, File))
    value = _value(data)
    if kind == "tuple" and isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict) and kind not in _PLAIN:
        return Struct(**value)
    return value


def _value(data: Json) -> object:
    if isinstance(data, list):
        return [_value(item) for item in data]
    if not isinstance(data, dict):
        return data
    if _is_file(data):
        return _file(data, File)
    return {name: _value(item) for name, item in data.items()}


def _is_file(data: Mapping[str, Json]) -> bool:
    """Every file that is an output carries a `_path`, which is null."""
    return "_path" in data and isinstance(data.get("url"), str)


def _file(data: Mapping[str, Json], kind: type[File]) -> object:
    url = data.get("url")
    if not isinstance(url, str) or not is_url(url):
        return data
    file = kind(url=url)
    for name, item in data.items():
        if name not in {"url", "path"} and not name.startswith("_"):
            setattr(file, name, _value(item))
    return file
