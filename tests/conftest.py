"""Settings that all tests share, and a start that does nothing twice."""

from __future__ import annotations

import compileall
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.cloud import Cloud

ROOT = Path(__file__).parents[1]


# A property is tried on forty examples, with `make soak` on many more.
# Speed is measured by `make bench`; a machine that is busy with something else must not fail a property.
settings.register_profile("sieve-jobs", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A test whose examples are slow takes a part of `settings.default.max_examples`, so that it grows with the profile.
settings.register_profile("soak", settings.get_profile("sieve-jobs"), max_examples=3000)
settings.load_profile("sieve-jobs")


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A stand-in for the cloud that does all it is asked."""
    with Cloud.running() as running:
        yield running


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Compiles once what hundreds of processes import, and shares the rewriting of tests among the workers.

    Whatever PYTHONDONTWRITEBYTECODE says: else all workers rewrite all tests, in every run, which takes longer than
    most of what they then run. Each worker imports the same modules from another one on, and finds what the others
    have written by then.
    """
    worker: dict[str, object] = getattr(config, "workerinput", {})
    if not worker:
        compileall.compile_dir(ROOT / "sieve_jobs", quiet=2)
    sys.dont_write_bytecode = False
    if worker:
        files = _test_files(config.args)
        first = len(files) * int(str(worker["workerid"]).removeprefix("gw")) // int(str(worker["workercount"]))
        for file in files[first:] + files[:first]:
            with suppress(Exception, pytest.skip.Exception):  # told when it is collected
                importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def _test_files(arguments: Sequence[str]) -> list[Path]:
    """The test modules that *arguments* of the command line name, in the order in which they are collected."""
    named = [ROOT / argument.partition("::")[0] for argument in arguments]
    found = [sorted(path.rglob("test_*.py")) if path.is_dir() else [path] for path in named if path.exists()]
    return [path for paths in found for path in paths if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]
