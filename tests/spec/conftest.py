"""A project whose specs have been read and are remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.cached import ALL, FILES, Cached
from tests.spec.project import write


@pytest.fixture
def project(tmp_path: Path) -> Cached:
    found = Cached(tmp_path.resolve())
    write(found.root, FILES)
    (found.root / "clips" / "link.mp4").symlink_to("a.mp4")
    found.settle()
    assert set(found.load().parsed) == ALL
    assert not found.load().parsed
    return found
