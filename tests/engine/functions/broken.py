"""A module that cannot be imported."""

import sieve
import there_is_no_such_module


@sieve.function(name="broken")
def broken(a: int):
    return there_is_no_such_module.run(a)
