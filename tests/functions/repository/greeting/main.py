"""Says hello."""

import logging

import sieve

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
log = logging.getLogger("greeting")
log.info("words are loaded when they are needed")

REQUIREMENTS = ["requests==2.31.0"]
SYSTEM_REQUIREMENTS = ["ffmpeg"]
with open("README.md") as file:
    README = file.read()


@sieve.function(
    name="greet",
    python_packages=REQUIREMENTS,
    system_packages=SYSTEM_REQUIREMENTS,
    metadata=sieve.Metadata(title="Greet", description="Says hello", readme=README, tags=["text"], public=True),
    restart_on_error=False,
)
def say_hello_to(name: str, language: str = "en") -> str:
    """
    :param name: Whom to greet
    :return: The greeting
    """
    with open("words.txt") as words:
        found = dict(line.split() for line in words)
    log.info("greeting %s", name)
    return f"{found[language]}, {name}"


if __name__ == "__main__":
    raise SystemExit(say_hello_to("nobody: an import is no run"))
