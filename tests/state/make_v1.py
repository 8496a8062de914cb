"""Makes tests/state/fixtures/v1.db, the state of the first release: `python -m tests.state.make_v1 PATH`.

Every later release must read that file whole. It is made once and never again; the script stays to say how. What
is random in a state, its lineage, is set, so that two runs make states with equal content.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sieve_jobs.state.reading import read_header
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import Write
from sieve_jobs.state.writing import put_header
from tests.state.samples import NOON, everything

LINEAGE = "00112233445566778899aabbccddeeff"


def make(path: Path) -> None:
    make_of(path, everything())


def make_of(path: Path, writes: Sequence[Write]) -> None:
    """A state that *writes* were committed to, as if in the first release."""
    with open_store(path, now=lambda: NOON) as store:
        store.commit(writes, 0)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        row = read_header(connection)
        put_header(connection, row._replace(header=replace(row.header, lineage=LINEAGE), tool="0.1.0"))
        connection.commit()
        connection.execute("VACUUM")
    Path(f"{path}-serial").unlink()  # which tells of the lineage that was there before


if __name__ == "__main__":
    make(Path(sys.argv[1]))
