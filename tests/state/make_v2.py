"""Makes tests/state/fixtures/v2.db, a state with saved outputs: `python -m tests.state.make_v2 PATH`.

Like v1.db it was made once, by the release that had this schema, and stays to be read by every later one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.state.make_v1 import make_of
from tests.state.samples import everything, what_is_saved


def make(path: Path) -> None:
    make_of(path, [*everything(), *what_is_saved()])


if __name__ == "__main__":
    make(Path(sys.argv[1]))
