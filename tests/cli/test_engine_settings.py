"""What `[engine]` of a config says reaches the engine that a verb starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sieve_jobs.cli.connection import engine_settings
from sieve_jobs.cli.context import Invocation, Session
from sieve_jobs.cli.streams import Streams
from sieve_jobs.engine.settings import Settings
from tests.config.test_read import FULL
from tests.project import ran, write


def session(root: Path, config: str) -> Session:
    write(root, {"sieve-jobs.toml": config})
    return Session(Invocation(), {}, Streams(None, None), root)


def test_every_setting_is_handed_on(tmp_path: Path) -> None:
    assert engine_settings(session(tmp_path, FULL), workers=2) == Settings(
        root=tmp_path, functions=(tmp_path / "functions",), owner="acme", workers=3, installs=False,
        hook_shape="pairs", allow_private=("10.0.0.0/8", "[fd00::1]:9000"), cors_origins=("http://localhost:3000",),
        keep=604_800.0, time_limit=43_200.0, memory_limit=1_610_612_736, process_limit=64, idle_longest=90.0,
        queue_limit=500, disk_full=0.875, disk_spare=20_000_000_000, hook_retries=0,
    )  # fmt: skip


def test_where_it_says_nothing_the_engine_has_its_own(tmp_path: Path) -> None:
    default = Settings(root=tmp_path, functions=(tmp_path / "functions",), workers=2)
    assert engine_settings(session(tmp_path, ""), workers=2) == default


@pytest.mark.parametrize(("asked", "given"), [(2, 3), (0, 0)], ids=["workers", "none-to-read"])
def test_workers_are_for_verbs_that_want_some(tmp_path: Path, asked: int, given: int) -> None:
    assert engine_settings(session(tmp_path, "[engine]\nworkers = 3\n"), workers=asked).workers == given


def test_a_job_that_takes_longer_than_the_config_lets_it_ends(tmp_path: Path) -> None:
    code = 'import time\nimport sieve\n\n@sieve.function(name="slow")\ndef slow() -> None:\n    time.sleep(600)\n'
    spec, config = "function: me/slow\n", '[engine]\ntime_limit = "1s"\n'
    write(tmp_path, {"sieve-jobs.toml": config, "functions/slow.py": code, "jobspecs/slow.yaml": spec})
    applied = ran(tmp_path, "apply", environ={"PATH": os.environ["PATH"]})
    assert (applied.code, "it ran for more than 1 s" in applied.out) == (4, True), applied.all
