"""Where a state lies in a project, and what closes the stores that a test opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / ".sieve-jobs"
    folder.mkdir(mode=0o700)
    return folder / "prod.db"


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what is entered into it."""
    with ExitStack() as stack:
        yield stack
