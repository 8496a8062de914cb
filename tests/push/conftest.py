"""Fixtures of the push tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.push.scene import Scene


@pytest.fixture
def scene(tmp_path: Path, cloud: Cloud) -> Scene:
    return Scene(tmp_path, cloud)
