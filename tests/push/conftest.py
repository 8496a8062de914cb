"""Fixtures of the push tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.push.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Cloud.running() as cloud:
        yield Scene(tmp_path, cloud)
