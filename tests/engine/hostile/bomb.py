"""Starts processes without end; alone in its file, so that its worker is a fresh one."""

import os
import time

import sieve


@sieve.function(name="bomb", restart_on_error=False)
def bomb(pause: float):
    """One after the other with a pause between them; without one, each of them starts more."""
    while True:
        if os.fork() == 0 and pause:
            time.sleep(600)
        time.sleep(pause)
