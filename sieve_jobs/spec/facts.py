"""What cached rows depend on besides their files: variables and functions as they are now, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sieve_jobs.spec.tags import TagKey, tag
from sieve_jobs.spec.variables import Variables


def facts_named(variables: Iterable[str], functions: Iterable[str]) -> list[str]:
    """The names of facts, sorted: a variable is "v:NAME", a function "f:author/name"."""
    return sorted([*(f"v:{name}" for name in variables), *(f"f:{name}" for name in functions)])


class Facts:
    """Facts by name, each worked out once. They hold no value of a variable, only a keyed tag of it."""

    def __init__(self, variables: Variables, sources: Mapping[str, str] | None, key: TagKey | None) -> None:
        self._variables = variables
        self._sources = sources or {}
        self._key = key
        self._known: dict[str, str] = {}

    def of(self, fact: str) -> str:
        """The fact as it is now; empty where it could never be recognised again."""
        if fact not in self._known:
            kind, _, name = fact.partition(":")
            self._known[fact] = "=" + self._sources.get(name, "") if kind == "f" else self._variable(name)
        return self._known[fact]

    def _variable(self, name: str) -> str:
        secret = "secret " if self._variables.is_secret(name) else ""
        found = self._variables.find(name)
        if found is None:
            return secret + ("withheld" if self._variables.is_withheld(name) else "unset")
        if not found.value:
            return f"{secret}{found.origin} empty"
        tagged = tag(self._key, "variable", name, found.value)
        return f"{secret}{found.origin} {tagged}" if tagged else ""
