import os

import sieve
from shared_words import WORD

sieve.api_key = os.getenv("SIEVE_API_KEY", "a key of long ago")


@sieve.function(name="legacy")
def old(text: str) -> str:
    told = sorted(name for name in os.environ if name.startswith("SIEVE"))
    return f"{WORD} {text} {os.path.basename(os.getcwd())} {told}"


@sieve.workflow(name="old-workflow")
def pipeline(text: str) -> str:
    return old(text)


assert pipeline is None
