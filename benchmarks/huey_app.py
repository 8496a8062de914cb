"""The same function on huey: SQLite with fsync, in the file that QUEUE_ADDRESS names."""

from __future__ import annotations

import os
import time

from huey import SqliteHuey

huey = SqliteHuey(filename=os.environ["QUEUE_ADDRESS"], fsync=True, timeout=60)


@huey.task()
def now() -> int:
    return time.time_ns()
