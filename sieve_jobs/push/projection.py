"""Projection: what of a push can be seen again in the far side's list of jobs, and whether a job could be that push.

The list does not echo env, webhooks or a reference of ours. Inputs come back by parameter name, with defaults
filled in, and files under new URLs that keep at most their extension. So a projection holds the function and the
sent inputs, with each file as FILE and its extension, and each secret leaf as a keyed tag of its value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import IntEnum
from urllib.parse import unquote

from sieve_jobs.spec.digest import canonical
from sieve_jobs.spec.jobspec import JobSpec, Pointer
from sieve_jobs.spec.tags import TagKey, tag
from sieve_jobs.wire import Job, Json

FILE, SECRET, LITERAL = "$file", "$secret", "$literal"
"""Keys of the objects that stand for a file, for a secret, and for an object of the author's with a key like these."""

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_FILE_URL = re.compile(r"(?:https?|file)://", re.IGNORECASE)
_SHORTEST_PREFIX = 7
"""Characters of a version id that are enough. Source: openapi.json, Job.function_id."""


class Likeness(IntEnum):
    """Whether a job could be the push that a projection was made from; the smallest of its parts counts."""

    NO = 0
    UNSURE = 1
    """Nothing speaks against it, but a part of it cannot be checked."""
    YES = 2


def project(spec: JobSpec, key: TagKey | None) -> dict[str, Json]:
    """The projection of *spec*: `{"function"|"id", "inputs", "key"}`. Holds no secret, so it may be stored."""
    inputs: Json = dict(spec.inputs) if isinstance(spec.inputs, Mapping) else spec.inputs
    named: dict[str, Json] = {"function": spec.function} if spec.function is not None else {"id": spec.id}
    if isinstance(inputs, dict):
        # The names of parameters are no one's to confuse with the keys of this module: they are never wrapped.
        seen: Json = {name: _projected(value, ("inputs", name), spec, key) for name, value in inputs.items()}
    else:
        seen = _projected(inputs, ("inputs",), spec, key)
    return {**named, "inputs": seen, "key": key.id if key else ""}


def hash_of(projection: Mapping[str, Json]) -> str:
    """Pushes with equal hashes cannot be told apart in a listing. Where nothing is secret the key does not matter."""
    told = projection if holds_secret(projection) else {**projection, "key": ""}
    return hashlib.sha256(canonical(dict(told)).encode(errors="surrogatepass")).hexdigest()


def holds_secret(projection: Mapping[str, Json]) -> bool:
    """Whether a part of it is a tag, which says nothing under another key than it was made with."""
    inputs = projection.get("inputs")
    return _any_secret(inputs.values() if isinstance(inputs, dict) else [inputs])


def likeness(projection: Mapping[str, Json], job: Job, key: TagKey | None) -> Likeness:
    """Whether *job* could be the push of *projection*. Extra inputs of the job are defaults, and do not count."""
    usable = key if key is not None and key.id == projection.get("key") else None
    same = _function(projection, job)
    sent = projection.get("inputs")
    if same is Likeness.NO:
        return same
    if isinstance(sent, list):
        return min(same, _positional(sent, job.inputs, usable))
    if not isinstance(sent, dict):
        return Likeness.NO
    return _least(same, (_input(value, job.inputs, name, usable) for name, value in sent.items()))


def _projected(value: Json, pointer: Pointer, spec: JobSpec, key: TagKey | None) -> Json:
    file = spec.files.get(pointer)
    if file is not None:
        return {FILE: suffix(file.shown)}
    leaf = spec.leaves.get(pointer)
    if isinstance(value, str) and leaf is not None and leaf.is_secret(spec.variables):
        return {SECRET: _tag(key, value)}
    if isinstance(value, list):
        return [_projected(item, (*pointer, i), spec, key) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    fields = {name: _projected(item, (*pointer, name), spec, key) for name, item in value.items()}
    if isinstance(value.get("url"), str):
        del fields["url"]
        return {**_wrapped(fields), FILE: _url_suffix(value["url"], (*pointer, "url"), spec)}
    return _wrapped(fields)


def _any_secret(values: Iterable[Json]) -> bool:
    for value in values:
        if isinstance(value, dict):
            within = value.get(LITERAL)
            if SECRET in value or _any_secret((within if isinstance(within, dict) else value).values()):
                return True
        elif isinstance(value, list) and _any_secret(value):
            return True
    return False


def _wrapped(fields: dict[str, Json]) -> dict[str, Json]:
    return {LITERAL: fields} if any(name.startswith("$") for name in fields) else fields


def _url_suffix(url: Json, pointer: Pointer, spec: JobSpec) -> str:
    """The extension of a file's url, "" where it would come out of a secret: then any file will do."""
    leaf = spec.leaves.get(pointer)
    if leaf is not None and leaf.is_secret(spec.variables):
        return ""
    return suffix(url) if isinstance(url, str) else ""


def suffix(url: str) -> str:
    """The extension of a path or url in lower case, with its dot; "" without one, and for a data: url."""
    if url[:5].lower() == "data:":
        return ""
    path, is_url = url, "://" in url
    if is_url:
        path = url.partition("#")[0].partition("?")[0].partition("://")[2].partition("/")[2]
    last = path.rpartition("/")[2]
    found = (unquote(last) if is_url else last).rpartition(".")
    ending = "." + found[2].lower()
    return ending if found[0] and _SUFFIX.fullmatch(ending) else ""


def _tag(key: TagKey | None, value: str) -> str:
    return tag(key, "projection", value)


def _function(projection: Mapping[str, Json], job: Job) -> Likeness:
    wanted = projection.get("id")
    if isinstance(wanted, str):
        return _version(wanted, job)
    name, _, version = str(projection.get("function")).partition(":")
    if job.function is not None and job.function != name:
        return Likeness.NO
    pinned = Likeness.YES if version in ("", "latest") else _version(version, job)
    return pinned if job.function is not None else min(pinned, Likeness.UNSURE)


def _version(wanted: str, job: Job) -> Likeness:
    """Version ids may be shown by their first seven characters, and pinned by at least four."""
    shown = job.function_id
    if not shown:
        return Likeness.UNSURE
    if wanted.startswith(shown) and len(shown) >= _SHORTEST_PREFIX:
        return Likeness.YES
    return Likeness.YES if shown.startswith(wanted) else Likeness.NO


def _input(sent: Json, inputs: Mapping[str, Json], name: str, key: TagKey | None) -> Likeness:
    return _alike(sent, _data(inputs[name]), key) if name in inputs else Likeness.NO


def _data(shown: Json) -> Json:
    """The value of an InputOutput; a far side that gives the value itself is understood too."""
    return shown["data"] if isinstance(shown, dict) and "data" in shown else shown


def _positional(sent: list[Json], inputs: Mapping[str, Json], key: TagKey | None) -> Likeness:
    """Positional inputs come back by name. In the order they were sent: yes; in another order: cannot tell."""
    values = [_data(shown) for shown in inputs.values()]
    if len(sent) > len(values):
        return Likeness.NO
    in_order = _least(Likeness.YES, (_alike(item, values[i], key) for i, item in enumerate(sent)))
    if in_order is not Likeness.NO:
        return in_order
    somewhere = all(any(_alike(item, value, key) for value in values) for item in sent)
    return Likeness.UNSURE if somewhere else Likeness.NO


def _alike(sent: Json, got: Json, key: TagKey | None) -> Likeness:
    if isinstance(sent, dict) and SECRET in sent:
        return _alike_secret(sent[SECRET], got, key)
    if isinstance(sent, dict) and FILE in sent:
        return _alike_file(sent, got, key)
    if isinstance(sent, dict):
        return _alike_object(sent.get(LITERAL, sent), got, key)
    if isinstance(sent, list):
        if not isinstance(got, list) or len(got) != len(sent):
            return Likeness.NO
        return _least(Likeness.YES, (_alike(a, b, key) for a, b in zip(sent, got, strict=True)))
    return _alike_scalar(sent, got, key)


def _alike_scalar(sent: Json, got: Json, key: TagKey | None) -> Likeness:
    if isinstance(sent, str) and isinstance(got, dict) and _FILE_URL.match(sent):
        # A file parameter may be sent as the bare url, and comes back as a file.
        return _alike_file({FILE: suffix(sent)}, got, key)
    if isinstance(sent, bool) or isinstance(got, bool) or sent is None or isinstance(sent, str):
        return Likeness.YES if type(sent) is type(got) and sent == got else Likeness.NO
    # 1 comes back as 1.0 where the parameter is a float.
    return Likeness.YES if isinstance(got, int | float) and sent == got else Likeness.NO


def _alike_secret(sent: Json, got: Json, key: TagKey | None) -> Likeness:
    if isinstance(got, dict) and isinstance(got.get("url"), str):
        return Likeness.UNSURE  # a secret url of a file, re-hosted
    if not isinstance(got, str):
        return Likeness.NO
    if key is None:
        return Likeness.UNSURE
    return Likeness.YES if _tag(key, got) == sent else Likeness.NO


def _alike_file(sent: Mapping[str, Json], got: Json, key: TagKey | None) -> Likeness:
    shown: Json = {"url": got} if isinstance(got, str) else got
    url = shown.get("url") if isinstance(shown, dict) else None
    if not isinstance(url, str) or not isinstance(shown, dict):
        return Likeness.NO
    wanted, found = sent[FILE], suffix(url)
    if wanted and found and wanted != found:
        return Likeness.NO
    rest: Json = {name: value for name, value in sent.items() if name != FILE}
    if LITERAL in sent:
        rest = sent[LITERAL]
    return _alike_object(rest, shown, key)


def _alike_object(sent: Json, got: Json, key: TagKey | None) -> Likeness:
    """Every sent field is there and alike. Extra fields are defaults of a class that was built from the object."""
    if not isinstance(sent, dict) or not isinstance(got, dict) or any(name not in got for name in sent):
        return Likeness.NO
    return _least(Likeness.YES, (_alike(value, got[name], key) for name, value in sent.items()))


def _least(first: Likeness, others: Iterable[Likeness]) -> Likeness:
    """The smallest; looks no further than the first NO."""
    least = first
    for found in others:
        if found is Likeness.NO:
            return found
        least = min(least, found)
    return least
