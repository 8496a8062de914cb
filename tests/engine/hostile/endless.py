"""A module whose import never ends."""

import time

import sieve

time.sleep(600)


@sieve.function(name="endless")
def endless(a: int):
    return a
