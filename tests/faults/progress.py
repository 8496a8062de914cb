"""How far a long run of tests has come: a file that the next one goes on from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from tests.project import REPOSITORY

FOLDER = REPOSITORY / ".soak"


def code_now() -> str:
    """A digest of the product as it is: what was seen of another one says nothing about it."""
    digest = hashlib.sha256()
    for path in sorted((REPOSITORY / "sieve_jobs").rglob("*.py")):
        digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


class Progress:
    """One line for each thing done, under its id. Several processes may add to it at once."""

    def __init__(self, path: Path) -> None:
        """*path* names the run: what is in it, its seed, and the product's digest belong into the name."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def done(self) -> dict[str, Mapping[str, object]]:
        """What was done, by id. A line that was cut off by a kill does not count."""
        found: dict[str, Mapping[str, object]] = {}
        lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
        for line in lines:
            try:
                row = json.loads(line)
                found[row["id"]] = row
            except (ValueError, KeyError):
                continue
        return found

    def add(self, key: str, facts: Mapping[str, object]) -> None:
        line = json.dumps({"id": key, **facts}).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
