"""One running engine a module, on a project of its own, with delays short enough for tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sieve_jobs.engine.launch import Running, attach_with
from sieve_jobs.engine.settings import Settings
from tests.engine.farside import Client, Meeting, Receiver, receiving

FUNCTIONS = Path(__file__).parent / "functions"


def settings_for(root: Path, *, workers: int = 1) -> Settings:
    return Settings(
        root=root,
        functions=(root / "functions",),
        workers=workers,
        installs=False,  # no test asks a package index
        ends_with_users=True,
        cancel_grace=0.3,
        end_grace=0.3,
        hook_first=0.02,
        wrong_keys=1_000.0,  # every route is asked with wrong ones
        hook_retries=3,
        log_lines=50,
        upload_limit=3_000_000,
    )


def make_project(root: Path) -> Path:
    shutil.copytree(FUNCTIONS, root / "functions", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def engine(project: Path) -> Iterator[Running]:
    with attach_with(settings_for(project, workers=2)) as running:
        yield running


@pytest.fixture(scope="module")
def client(engine: Running) -> Iterator[Client]:
    with Client(engine.url, engine.key) as client:
        yield client


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    with Meeting() as meeting:
        yield meeting


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver
