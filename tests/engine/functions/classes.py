"""Classes of the engine's tests."""

import os

from sieve_jobs import sdk as sieve


@sieve.Model(name="warm")
class Warm:
    def __setup__(self):
        print("setting up")
        self.token = os.environ.get("TOKEN", "none")
        self.jobs = 0

    def __predict__(self, step: int) -> dict:
        print("running")
        self.jobs += step
        return {"jobs": self.jobs, "token": self.token, "pid": os.getpid()}


@sieve.function(name="cold")
class Cold:
    def __setup__(self):
        raise RuntimeError("no model here")

    def __predict__(self, step: int):
        return step
