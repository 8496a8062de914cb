"""A function that needs a variable; on its own, so that nothing else has a worker import it."""

import os

import sieve


@sieve.function(name="needs", environment_variables=[sieve.Env("TOKEN")], restart_on_error=False)
def needs(a: int):
    return os.environ["TOKEN"]
