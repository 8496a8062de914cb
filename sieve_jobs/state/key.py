"""The random key of a state's tags: from `SIEVE_JOBS_STATE_KEY`, else from `.sieve-jobs/key`, which is 0600."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import StateError
from sieve_jobs.spec.tags import TagKey, key_from
from sieve_jobs.state.folder import OPEN_TO_OTHERS, draft_of, place_new, require_own_file
from sieve_jobs.state.problems import read_only, shown, unreadable

KEY_VARIABLE = "SIEVE_JOBS_STATE_KEY"
_BYTES = 32


def read_key(folder: Path, environ: Mapping[str, str]) -> TagKey | None:
    """The key, or None if there is none yet. *folder* is `.sieve-jobs`.

    An empty variable counts as none: that is how a CI shows a secret that it withholds. Raises StateError for a
    key that is none, or that others can read.
    """
    given = environ.get(KEY_VARIABLE, "").strip()
    return _parse(given, KEY_VARIABLE) if given else _read_file(folder / "key")


def ensure_key(folder: Path, environ: Mapping[str, str]) -> TagKey:
    """The key, made of 256 random bits where there is none. Raises StateError as read_key, or if it cannot be made."""
    found = read_key(folder, environ)
    if found is not None:
        return found
    path = folder / "key"
    try:
        draft = draft_of(path)
        descriptor = os.open(draft, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(f"{os.urandom(_BYTES).hex()}\n")
            out.flush()
            os.fsync(out.fileno())
        place_new(draft, path)
    except OSError as error:
        raise read_only(path, error.strerror or str(error)) from error
    made = _read_file(path)
    if made is None:
        raise unreadable(path, "it was removed while it was made")
    return made


def _read_file(path: Path) -> TagKey | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    with os.fdopen(descriptor, "rb") as source:
        require_own_file(path, forbidden=OPEN_TO_OTHERS, descriptor=descriptor)
        return _parse(source.read(1024).decode("ascii", "replace").strip(), shown(path))


def _parse(text: str, origin: str) -> TagKey:
    """Raises StateError for text that is not 64 hex digits; the text is not quoted."""
    if len(text) != _BYTES * 2 or not all(digit in "0123456789abcdefABCDEF" for digit in text):
        raise StateError(
            Diagnostic(
                Code.STATE_KEY_UNUSABLE,
                f"the key of the state in '{origin}' is not one",
                expected=f"{_BYTES * 2} hex digits",
                hint="restore it, or remove it and a new one is made: then nothing that was tagged can be compared",
            )
        )
    return key_from(bytes.fromhex(text))
