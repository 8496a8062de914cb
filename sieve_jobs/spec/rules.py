"""Rules across fields and the exact forms of texts: checks of our own, on the tree and on the validated model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from sieve_jobs.spec.jobspec import Pointer
from sieve_jobs.spec.model import Finding, SpecModel
from sieve_jobs.spec.urls import is_http
from sieve_jobs.wire import Json

MAX_NAME = 200

_FUNCTION = re.compile(r"[^\s/\\:]+/[^\s/\\:]+(?::[^\s/\\:]+)?")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_MARKS = frozenset("-_./")


def check_tree(tree: Mapping[str, Json]) -> Iterator[Finding]:
    """What must hold before types are looked at: which keys stand together, unions."""
    function, identity = tree.get("function"), tree.get("id")
    if function is not None and identity is not None:
        yield Finding(
            "SJ220", "both 'function' and 'id' are given", ("id",), at_key=True, expected="exactly one of the two"
        )
    elif function is None and identity is None:
        yield Finding(
            "SJ221", "neither 'function' nor 'id' is given", expected="function: author/name, or id: the function's id"
        )
    inputs = tree.get("inputs", {})
    if not isinstance(inputs, dict | list):
        yield Finding(
            "SJ210", "'inputs' has the wrong type", ("inputs",), expected="a mapping by parameter, or a list in order"
        )
    salt = tree.get("rerun")
    if salt is not None and (isinstance(salt, bool) or not isinstance(salt, str | int)):
        yield Finding("SJ210", "'rerun' has the wrong type", ("rerun",), expected="a string, any will do")


def check_model(model: SpecModel) -> Iterator[Finding]:
    """The forms of names, functions, env and urls."""
    if model.name is not None and (wrong := name_trouble(model.name)):
        yield Finding("SJ211", f"the name {_quoted(model.name)} {wrong}", ("name",), hint=NAME_HINT)
    if model.function is not None and not _FUNCTION.fullmatch(model.function):
        yield Finding(
            "SJ212",
            f"{_quoted(model.function)} is no function",
            ("function",),
            expected="author/name or author/name:version",
        )
    if model.id is not None and not model.id.strip():
        yield Finding("SJ212", "'id' is empty", ("id",), expected="the function's id")
    for name, value in (model.env or {}).items():
        pointer: Pointer = ("env", name)
        if not _ENV_NAME.fullmatch(name):
            expected = "letters, digits and _, not a digit first"
            yield Finding("SJ215", f"{_quoted(name)} cannot be an environment variable", pointer, True, expected)
        elif "\0" in value:
            yield Finding("SJ215", f"the value of 'env.{name}' holds a NUL character", pointer)
    for index, hook in enumerate(model.webhooks or ()):
        if not is_http(hook.url) or len(hook.url.partition("://")[2].strip("/")) == 0 or re.search(r"\s", hook.url):
            yield Finding("SJ214", "the url of a webhook is not an http(s) url", ("webhooks", index, "url"))


NAME_HINT = "letters, digits and -_./ are allowed, at most 200 of them"


def name_trouble(name: str) -> str | None:
    """What is wrong with a spec's name, or None."""
    if not name or len(name) > MAX_NAME:
        return "is empty" if not name else f"is longer than {MAX_NAME} characters"
    for character in name:
        if not (character.isalnum() or character in _NAME_MARKS):
            return f"holds {unicodedata.name(character, f'U+{ord(character):04X}').lower()}"
    if any(part in {"", ".", ".."} for part in name.split("/")):
        return "has an empty, '.' or '..' part"
    return None


def folded(name: str) -> str:
    """Equal for names that some file system or reader takes for the same."""
    return name.casefold() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 80 else f"'{text[:77]}…'"
