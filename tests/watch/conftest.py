"""A stand-in whose jobs go on until they are told to end, and a project for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud, Outcome, Script
from tests.project import Project


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        yield cloud


@pytest.fixture
def project(tmp_path: Path, cloud: Cloud) -> Project:
    return Project(tmp_path / "p", cloud.url)
