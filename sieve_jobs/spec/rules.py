"""Rules across fields and the exact forms of texts: checks of our own, on the marked tree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from sieve_jobs.codes import Code
from sieve_jobs.config.stand_ins import is_function
from sieve_jobs.spec.model import Finding
from sieve_jobs.spec.scalars import shortened
from sieve_jobs.wire import Json

MAX_NAME = 200

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ELSEWHERE = frozenset({"defaults", "extends", "jobs"})
"""Keys, of later releases, by which the function may stand somewhere else."""
_ENV_NAMES = "letters, digits and _, not a digit first"
_URL = re.compile(r"https?://[^\s/][^\s]*", re.IGNORECASE)
_USUAL_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
"""Told apart in one look; every other name is looked at letter by letter."""
_NAME_MARKS = frozenset("-_./")


def check_tree(tree: Mapping[str, Json]) -> Iterator[Finding]:
    """What stands together, and unions."""
    function, identity = tree.get("function"), tree.get("id")
    if function is not None and identity is not None:
        message, expected = "both 'function' and 'id' are given", "exactly one of the two"
        yield Finding(Code.FUNCTION_AND_ID, message, ("id",), at_key=True, expected=expected)
    elif function is None and identity is None and not _ELSEWHERE & tree.keys():
        expected = "function: author/name, or id: the function's id"
        yield Finding(Code.NOTHING_TO_RUN, "neither 'function' nor 'id' is given", expected=expected)
    inputs = tree.get("inputs")
    if inputs is not None and not isinstance(inputs, dict | list):
        expected = "a mapping by parameter, or a list in order"
        yield Finding(Code.WRONG_TYPE, "'inputs' has the wrong type", ("inputs",), expected=expected)
    salt = tree.get("rerun")
    if salt is not None and (isinstance(salt, bool) or not isinstance(salt, str | int)):
        yield Finding(Code.WRONG_TYPE, "'rerun' has the wrong type", ("rerun",), expected="a string, any will do")


def check_forms(tree: Mapping[str, Json]) -> Iterator[Finding]:
    """The forms of names, functions, env and urls, where they have the right type; the model tells of others."""
    name, function, identity = tree.get("name"), tree.get("function"), tree.get("id")
    if isinstance(name, str) and (wrong := name_trouble(name)):
        yield Finding(Code.NAME_UNUSABLE, f"the name '{shortened(name)}' {wrong}", ("name",), hint=NAME_HINT)
    if isinstance(function, str) and not is_function(function):
        expected = "author/name or author/name:version"
        yield Finding(
            Code.FUNCTION_UNUSABLE, f"'{shortened(function)}' is no function", ("function",), expected=expected
        )
    if isinstance(identity, str) and not (identity.strip() and identity.isprintable()):
        problem = "is no id" if identity.strip() else "is empty"
        yield Finding(Code.FUNCTION_UNUSABLE, f"'id' {problem}", ("id",), expected="the function's id")
    env, hooks = tree.get("env"), tree.get("webhooks")
    if isinstance(env, dict):
        yield from _check_env(env)
    for index, hook in enumerate(hooks if isinstance(hooks, list) else ()):
        url = hook.get("url") if isinstance(hook, dict) else None
        if isinstance(url, str) and not _URL.fullmatch(url):
            yield Finding(Code.URL_UNUSABLE, "the url of a webhook is not an http(s) url", ("webhooks", index, "url"))


def _check_env(env: Mapping[str, Json]) -> Iterator[Finding]:
    for name, value in env.items():
        if not _ENV_NAME.fullmatch(name):
            message, expected = f"'{shortened(name)}' cannot be an environment variable", _ENV_NAMES
            yield Finding(Code.ENV_UNUSABLE, message, ("env", name), at_key=True, expected=expected)
        elif isinstance(value, str) and "\0" in value:
            yield Finding(
                Code.ENV_UNUSABLE, f"the value of 'env.{shortened(name)}' holds a NUL character", ("env", name)
            )


NAME_HINT = "letters, digits and -_./ are allowed, at most 200 of them"


def name_trouble(name: str) -> str | None:
    """What is wrong with a spec's name, or None."""
    if len(name) <= MAX_NAME and _USUAL_NAME.fullmatch(name):
        return None
    if not name or len(name) > MAX_NAME:
        return "is empty" if not name else f"is longer than {MAX_NAME} characters"
    for character in name:
        if not (character.isalnum() or character in _NAME_MARKS):
            shown = f"'{character}'" if character.isprintable() else f"the character U+{ord(character):04X}"
            return "holds a space" if character == " " else f"holds {shown}"
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "has an empty, '.' or '..' part"
    return None


def folded(name: str) -> str:
    """Equal for names that some file system or reader takes for the same."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
