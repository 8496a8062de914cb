import os
from typing import Dict, List

import sieve


@sieve.Model(
    name="captions",
    gpu=True,
    environment_variables=(
        sieve.Env(name="TEMPERATURE", default=0.5, description="How bold", is_secret=False),
        sieve.Env(name="VOCABULARY"),
    ),
)
class Captioner:
    def __setup__(self):
        print("loading weights")
        self.words = os.environ["VOCABULARY"].split(",")
        self.calls = 0

    def __predict__(self, count: int) -> List[Dict[str, object]]:
        self.calls += 1
        print(f"temperature {os.environ['TEMPERATURE']}")
        return [{"text": word, "call": self.calls} for word in self.words[:count]]


@sieve.function(name="shout-captions", gpu="a100-20gb")
class Shouter:
    def __predict__(self, texts: list) -> list:
        return [text.upper() for text in texts]
