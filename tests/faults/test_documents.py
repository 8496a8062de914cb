"""Generated spec files end as specs or as diagnostics, and a run over them sees whatever else they end as."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.faults.documents import Found, Run
from tests.faults.grammar import document
from tests.project import REPOSITORY, run_program

SLICE = 800
LARGE, FATAL = 20, 41
"""Numbers of documents that the readers below make something of."""


def read(reader: str, tmp_path: Path, *, first: int = 0, count: int = 50) -> Found:
    return Run(first, count, 3, reader=f"{__name__}:{reader}", kept=tmp_path / "kept").all(workers=1)


def careless(root: Path, content: bytes) -> Sequence[str]:
    """What everybody calls, with what everybody catches; it dies of one document as libyaml's composer does of many."""
    if content == document(3, FATAL):
        os.kill(os.getpid(), signal.SIGSEGV)
    if content == document(3, LARGE):
        content = b"x" * (1 << 30)
    try:
        list(yaml.safe_load_all(content))
    except yaml.YAMLError:
        return ["SJ100"]
    return []


def endless(root: Path, content: bytes) -> Sequence[str]:
    """Inside one call of C, where no handler of Python's would be called."""
    return [str(sum(range(10**12)))] if content == document(3, FATAL) else []


def test_a_slice_of_the_million() -> None:
    ran = run_program(
        [sys.executable, "-m", "tests.faults.documents", "--count", str(SLICE), "--workers", "1"], REPOSITORY
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    told = json.loads(ran.out)
    assert (told["documents"], told["failures"]) == (SLICE, 0)
    assert told["valid"] > SLICE // 10
    assert len(told["codes"]) > 20


def test_a_document_is_the_same_whoever_asks() -> None:
    code = "import sys; from tests.faults.grammar import document; sys.stdout.buffer.write(document(3, 41))"
    for seed in ("0", "1"):
        ran = run_program([sys.executable, "-c", f"{code}; sys.stdout.flush()"], REPOSITORY, PYTHONHASHSEED=seed)
        assert ran.out.encode() == document(3, FATAL).replace(b"\r\n", b"\n")


def test_what_a_careless_reader_does_is_seen_and_the_run_goes_on(tmp_path: Path) -> None:
    """The same documents, read as most tools read them: a run that finds nothing here would find nothing anywhere."""
    found = read("careless", tmp_path, count=400)
    assert found.documents == 400
    assert found.failures.pop(str(FATAL)) == "killed by SIGSEGV"
    assert "MemoryError" in found.failures.pop(str(LARGE))
    assert found.failures
    assert all("Traceback" in words and "YAMLError" not in words for words in found.failures.values())
    for number in (FATAL, LARGE, *map(int, found.failures)):
        assert (tmp_path / "kept" / f"3-{number}.yaml").read_bytes() == document(3, number)


@pytest.mark.soak
def test_a_document_without_end_is_ended_and_is_had_again_alone(tmp_path: Path) -> None:
    found = read("endless", tmp_path)
    assert (found.documents, found.valid, found.failures) == (50, 49, {str(FATAL): "killed by SIGPROF"})
    assert read("endless", tmp_path, first=FATAL, count=1).failures == found.failures
