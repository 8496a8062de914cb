"""Takes memory without end; alone in its file, so that its worker is a fresh one."""

import time

import sieve


@sieve.function(name="hoard", restart_on_error=False)
def hoard(mebibytes: int):
    held = [bytearray(b"x") * (1024 * 1024) for _ in range(mebibytes)]
    time.sleep(600)
    return len(held)
