import os

import sieve

STARTED = os.getpid()


@sieve.function(name="unwell", restart_on_error=False)
def unwell(how: str):
    if how == "raise":
        raise ValueError("not well")
    if how == "fatal":
        raise sieve.FatalException("not well at all")
    if how == "connection":
        raise ConnectionRefusedError("nobody is there")
    if how == "push-nowhere":
        return sieve.function.get("me/not-there").run()
    return os.getpid()
