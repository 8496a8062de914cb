"""The same function on celery: broker and results on the Redis that QUEUE_ADDRESS names."""

from __future__ import annotations

import os
import time

from celery import Celery

RESULTS = 1
"""The Redis database that holds results and nothing else."""
_ADDRESS = os.environ["QUEUE_ADDRESS"]

app = Celery("bench", broker=f"{_ADDRESS}/0", backend=f"{_ADDRESS}/{RESULTS}")
app.conf.worker_prefetch_multiplier = 64  # for short tasks, as its documentation has it
app.conf.broker_pool_limit = 64
app.conf.redis_max_connections = 64


@app.task
def now() -> int:
    return time.time_ns()
