"""Honest native work that holds the interpreter's lock for longer than a lease: it must not be taken for a hang."""

import ctypes
import time

import sieve


@sieve.function(name="busy", restart_on_error=False)
def busy(seconds: float):
    started = time.monotonic()
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    return time.monotonic() - started >= seconds
