"""Reads generated documents as the tool would, within bounds: `python -m tests.faults.reader SEED READER FOLDER`.

A line "FIRST END" on stdin is answered by one of JSON. A document that takes too much processor time ends the process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.render.problems import diagnostics
from sieve_jobs.render.style import Style
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.request import masked_body, push_body
from sieve_jobs.spec.tags import key_from
from sieve_jobs.spec.tree import LoadSettings, Tree
from sieve_jobs.spec.variables import Variables
from tests.faults.grammar import document

SECONDS = 2.0
"""Processor time that one document may take before its process is killed."""
MEMORY = 256 << 20
"""Bytes of data that the process may have."""

SECRET = "c4n4ry"
ENVIRON = {
    "V": "v", "EMPTY": "", "A_KEY": SECRET, "YAML": "a: [b, {c: &d", "LINES": "x\ny: z\n- *a", "NUMBER": "640",
    "OTHER": "${A_KEY}${UNSET}", "AWS_REGION": "eu", "NUL": "a\0b", "BIG": "v" * 1_100_000, "SURROGATE": "\udc80",
}  # fmt: skip

UNSHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's categories of what moves a cursor, cannot be seen, or cannot be encoded."""

Examine = Callable[[Path, bytes], Sequence[str]]
"""Reads a document in a folder that is the reader's own: the codes of what is told of it, none of a valid one."""


def examine(root: Path, content: bytes) -> Sequence[str]:
    """Loads *content* as the one spec file of a project. Raises AssertionError if what comes of it is not sound."""
    tree = _loaded(root, content)
    if tree.problems:
        for problem in tree.problems:
            _check(problem)
        _check_shown(diagnostics(tree.problems, Style(width=80)), repr(tree.problems))
        return [problem.code for problem in tree.problems]
    assert tree.files == 1
    again = load_tree(tree.settings, None)
    assert not again.problems
    for one, other in zip(tree.all_details().values(), again.all_details().values(), strict=True):
        assert (one.digest, one.fingerprint, one.spec) == (other.digest, other.fingerprint, other.spec)
        json.dumps(push_body(one.spec, file_url=lambda file: file.shown), allow_nan=False).encode()
        assert SECRET not in json.dumps(masked_body(one.spec)) + repr(one)
    return []


def _loaded(root: Path, content: bytes) -> Tree:
    settings = _settings(root)
    (settings.root / "jobspecs" / "spec.yaml").write_bytes(content)
    return load_tree(settings, None)


@cache
def _settings(root: Path) -> LoadSettings:
    (root / "jobspecs").mkdir(exist_ok=True)
    (root / "jobspecs" / "clip.mp4").write_bytes(b"x")
    return LoadSettings(root.resolve(), ("jobspecs",), Variables(environ=ENVIRON), key_from(b"k" * 32), sources={})


@cache
def _known() -> frozenset[str]:
    return frozenset(Code)


def _check(problem: Diagnostic) -> None:
    assert problem.code in _known(), problem
    assert problem.message, problem
    assert problem.place is not None, problem
    assert problem.place.path == "jobspecs/spec.yaml", problem
    json.dumps(problem.as_json()).encode()


def _check_shown(*texts: str) -> None:
    """Nothing that moves a cursor, and no secret, in what people are shown."""
    for text in texts:
        assert SECRET not in text, text
        if not text.isascii() or not text.replace("\n", "").isprintable():
            odd = {unicodedata.category(character) for character in text if character != "\n"} & {
                "Cc",
                "Cf",
                "Cs",
                "Zl",
                "Zp",
            }
            assert not odd, (odd, text)


def stretch(read: Examine, seed: int, numbers: range, root: Path, at: int) -> dict[str, object]:
    """Reads the documents with those *numbers*. Which one it is at stands in the file *at*, should it die."""
    codes: Counter[str] = Counter()
    failures: dict[int, str] = {}
    valid, times = 0, [time.process_time()]
    for number in numbers:
        os.pwrite(at, b"%020d" % number, 0)
        content = document(seed, number)
        # What it does is the system's doing: no handler of Python's would run while C code is at it.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            told = read(root, content)
        except Exception:
            failures[number] = traceback.format_exc(limit=-8)
        else:
            valid += not told
            codes.update(set(told))
        times.append(time.process_time())
    signal.setitimer(signal.ITIMER_PROF, 0)
    return {
        "documents": len(numbers), "valid": valid, "codes": codes, "failures": failures,
        "longest": max(later - earlier for earlier, later in pairwise(times)),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }  # fmt: skip


def main(seed: int, reader: str, root: Path) -> None:
    module, _, name = reader.partition(":")
    read: Examine = getattr(import_module(module), name)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    at = os.open(root / "at", os.O_RDWR | os.O_CREAT, 0o600)
    for line in sys.stdin:
        first, end = map(int, line.split())
        print(json.dumps(stretch(read, seed, range(first, end), root, at)), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
