"""What differs between the parts of two digests: field by field for people, and as one reason for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sieve_jobs.plan.action import Kind, Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.spec.jobspec import below
from sieve_jobs.wire import Json


class _Absent:
    """Stands for a field that is not there, which is not the same as null."""


_ABSENT: Final = _Absent()
_Value: TypeAlias = "Json | _Absent"

_WEIGHT: Final = (
    (Reason.FUNCTION_CHANGED, ("function", "id", "stands_in_for", "source")),
    (Reason.INPUTS_CHANGED, ("inputs", "secrets")),
    (Reason.FILE_CHANGED, ("files",)),
    (Reason.ENV_CHANGED, ("env",)),
    (Reason.RERUN, ("rerun",)),
)
"""Parts by the reason a change of them gives; the first that differs is named."""


def changed_part(before: Mapping[str, Json], after: Mapping[str, Json]) -> Reason:
    """The one reason that stands for a changed digest, of the two sets of parts it was made from."""
    for reason, parts in _WEIGHT:
        if any(not _same(before.get(part, _ABSENT), after.get(part, _ABSENT)) for part in parts):
            return reason
    return Reason.INPUTS_CHANGED


def differences(before: Mapping[str, Json], after: Mapping[str, Json]) -> tuple[FieldDiff, ...]:
    """Every field that differs between two sets of parts (see spec/digest.py), in the order people read a spec.

    Secrets are shown by their references. Where one side is a secret and the other is text, both are masked:
    the text may be the very secret that was just moved out of the file.
    """
    secrets = _Secrets(_texts(before.get("secrets")), _texts(after.get("secrets")))

    def walk(part: str) -> Iterator[FieldDiff]:
        return _walk(part, before.get(part, _ABSENT), after.get(part, _ABSENT), secrets)

    old, new = (_with_files("inputs", side.get("inputs", {}), side.get("files")) for side in (before, after))
    return (
        *walk("function"),
        *walk("id"),
        *walk("stands_in_for"),
        *walk("source"),
        *_walk("inputs", old, new, secrets),
        *_env(before.get("env"), after.get("env")),
        *walk("rerun"),
    )


def masked(path: str) -> FieldDiff:
    """A field that changed and whose values nobody is shown, nor keeps."""
    return FieldDiff(path, None, None, masked=True)


@dataclass(frozen=True, slots=True)
class _Secrets:
    before: frozenset[str]
    after: frozenset[str]

    def hide(self, path: str) -> bool:
        """Whether a secret lies at or below *path* on one side only."""
        return _beneath(path, self.before) != _beneath(path, self.after)


def _walk(path: str, before: _Value, after: _Value, secrets: _Secrets) -> Iterator[FieldDiff]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _walk(below(path, key), before.get(key, _ABSENT), after.get(key, _ABSENT), secrets)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            yield from _walk(f"{path}[{index}]", _at(before, index), _at(after, index), secrets)
    elif isinstance(before, _Absent) or isinstance(after, _Absent):
        if before is not after:
            yield FieldDiff(path, _json(before), _json(after), kind=_kind(before, after))
    elif secrets.hide(path):
        yield masked(path)
    elif not _same(before, after):
        yield FieldDiff(path, before, after)


def _env(before: Json, after: Json) -> Iterator[FieldDiff]:
    """Fields of the env part: literals and references are stored, other values are only known by name."""
    old, new = _env_values(before), _env_values(after)
    for name in sorted({*old, *new}):
        path = f"env.{name}"
        (was, before_text), (now, after_text) = old.get(name, _NO_ENV), new.get(name, _NO_ENV)
        if was is None or now is None:
            hidden = "unstored" in {was, now}
            kind: Kind = "added" if was is None else "removed"
            yield FieldDiff(path, before_text, after_text, masked=hidden, kind=kind)
        elif was != now:
            yield masked(path)
        elif before_text != after_text:
            yield FieldDiff(path, before_text, after_text)


_NO_ENV: Final = (None, None)
_EnvValue: TypeAlias = tuple[Literal["literal", "reference", "unstored"], str | None]


def _env_values(part: Json) -> dict[str, _EnvValue]:
    fields = part if isinstance(part, dict) else {}
    values, references = fields.get("values"), fields.get("references")
    found: dict[str, _EnvValue] = dict.fromkeys(_texts(fields.get("names")), ("unstored", None))
    if isinstance(values, dict):
        found |= {name: ("literal", str(text)) for name, text in values.items()}
    if isinstance(references, dict):
        found |= {name: ("reference", str(text)) for name, text in references.items()}
    return found


def _with_files(path: str, value: Json, files: Json) -> Json:
    """*value* with the content hash of each local file where the parts hold null."""
    if not isinstance(files, dict) or not files:
        return value
    if isinstance(value, dict):
        return {key: _with_files(below(path, key), item, files) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_files(f"{path}[{index}]", item, files) for index, item in enumerate(value)]
    return f"sha256:{files[path]}" if value is None and path in files else value


def _same(before: _Value, after: _Value) -> bool:
    """Equality as the digest sees it: 1 is neither 1.0 nor true, and 0.0 is not -0.0."""
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    return type(before) is type(after) and repr(before) == repr(after)


def _beneath(path: str, pointers: Iterable[str]) -> bool:
    return any(pointer == path or pointer.startswith((f"{path}.", f"{path}[")) for pointer in pointers)


def _at(items: list[Json], index: int) -> _Value:
    return items[index] if index < len(items) else _ABSENT


def _kind(before: object, after: object) -> Kind:
    return "added" if isinstance(before, _Absent) else "removed" if isinstance(after, _Absent) else "changed"


def _json(value: _Value) -> Json:
    return None if isinstance(value, _Absent) else value


def _texts(value: Json) -> frozenset[str]:
    return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()
