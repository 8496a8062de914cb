"""JobSpec, what an author asked for once interpolated and validated, and what its digest was made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.wire import Json

Pointer: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a spec: ("inputs", "clips", 0, "url")."""

OnChange: TypeAlias = Literal["keep", "cancel"]
"""What becomes of a spec's running job when the spec changes."""


_PLAIN_KEY = re.compile(r'[^.\[\]"]+')


def below(path: str, step: str | int) -> str:
    """The dotted pointer of what stands at *step* of *path*; no two places have the same."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if _PLAIN_KEY.fullmatch(step):
        return f"{path}.{step}" if path else step
    quoted = step.replace("\\", "\\\\").replace('"', '\\"')
    return f'{path}["{quoted}"]'


def dotted(pointer: Pointer) -> str:
    """A pointer as people read it: `inputs.clips[0].url`, with `["a.b"]` for a key that is not told apart so."""
    text = ""
    for step in pointer:
        text = below(text, step)
    return text


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of an interpolated string: literal text, or one `${…}` with what it resolved to."""

    written: str
    """As written in the file; for literal text, the text with `$${` already undone."""
    value: str = field(repr=False)
    """What it resolved to; for an unset secret the text as written."""
    variables: tuple[str, ...] = ()
    """Names of the variables the value may come from; empty for literal text."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A string of the spec that was interpolated: provenance that travels with the value."""

    segments: tuple[Segment, ...]

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(name for segment in self.segments for name in segment.variables)

    def reference(self, secret: Mapping[str, bool]) -> str:
        """The text with secret parts as written (`${KEY}`) and all others resolved. Safe to show and hash."""
        return "".join(
            segment.written if any(secret.get(name, True) for name in segment.variables) else segment.value
            for segment in self.segments
        )

    def is_secret(self, secret: Mapping[str, bool]) -> bool:
        return any(secret.get(name, True) for name in self.variables)


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the project that is an input: `{file: clips/a.mp4}`."""

    path: Path
    """Absolute, symlinks resolved, inside the project."""
    shown: str
    """As written in the spec."""
    sha256: str
    size: int
    """Bytes."""
    stamp: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Size, mtime, inode and ctime when it was hashed (see files.py)."""
    found: str = ""
    """Where it was looked up, links not resolved: what tells next time whether it is still the same file."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One hook of a push: an event type of `wire.Event` and the url it goes to."""

    type: str
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One spec, whole. *inputs*, *env* and webhook urls hold resolved values, secrets included: never print them."""

    name: str
    path: str
    """File, relative to the project's root, with forward slashes."""
    line: int
    """Line of the spec's first key, from 1."""
    function: str | None
    """What runs: on a target with stand-ins, the one that stands in."""
    id: str | None
    inputs: Mapping[str, Json] | list[Json] = field(default_factory=dict, repr=False)
    """As sent, but for local files, which stand here as `{"file": shown}` and in *files*."""
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    webhooks: tuple[Webhook, ...] | None = None
    """None inherits the function's own hooks; an empty tuple silences them."""
    description: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    rerun: str | None = None
    rerun_on: frozenset[str] = frozenset()
    """Of "secrets" and "webhooks": what besides the digest is a change."""
    protect: bool = False
    save: str | None = None
    """Where the outputs go, as a pattern of a path from the root: `out/intro/{index}{ext}` (see save.py)."""
    on_change: OnChange | None = None
    """What becomes of the running job when the spec changes; None leaves it to the run."""
    leaves: Mapping[Pointer, Leaf] = field(default_factory=dict, repr=False)
    """Provenance of every interpolated string, by its place in the spec."""
    variables: Mapping[str, bool] = field(default_factory=dict)
    """Every variable the spec reads, and whether it counts as secret."""
    missing: tuple[str, ...] = ()
    """Secrets that are not set: fine for validate and plan, refused by apply."""
    files: Mapping[Pointer, LocalFile] = field(default_factory=dict)
    stands_in_for: str | None = None
    """The function as the file has it, where another one stands in for it."""

    @property
    def stand_in(self) -> StandIn | None:
        """What runs in place of what was asked for; None where that runs itself."""
        if self.function is None or self.stands_in_for is None:
            return None
        return StandIn(self.function, self.stands_in_for)

    @property
    def target_function(self) -> str:
        """What runs: `author/name[:version]`, or the function's id."""
        return self.function or self.id or ""


@dataclass(frozen=True, slots=True)
class Tags:
    """Keyed tags (HMAC) of values that are not stored. Equal values give equal tags under one key.

    *key* is the key's id; it is empty when no key was at hand, and then nothing can be compared.
    """

    key: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    """Interpolated env values that are not secret, by env name: a changed tag is a change."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret leaves by dotted pointer: a changed tag is a rotated secret."""
    webhooks: str = ""
    """All webhooks together, secrets by reference."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What the digest was made of, and the tags beside it; what an entry remembers."""

    spec: JobSpec
    digest: str
    fingerprint: str
    parts: Mapping[str, Json]
    """Canonical, without any secret or masked value (see digest.parts)."""
    tags: Tags
