"""What cached rows depend on besides their files: variables and functions as they are now, by name."""

from __future__ import annotations

from collections.abc import Mapping

from sieve_jobs.spec.cache import Context
from sieve_jobs.spec.tags import TagKey, tag
from sieve_jobs.spec.variables import Variables


class Facts:
    """Facts by name, each worked out once: a variable is "v:NAME", a function "f:author/name".

    They hold no value of a variable, only a keyed tag of it.
    """

    def __init__(self, variables: Variables, sources: Mapping[str, str] | None, key: TagKey | None) -> None:
        self._variables = variables
        self._sources = sources or {}
        self._key = key
        self._known: dict[str, str] = {}
        self._contexts: dict[tuple[frozenset[str], frozenset[str]], Context | None] = {}

    def context(self, variables: frozenset[str], functions: frozenset[str]) -> Context | None:
        """All that rows depend on which were made from these; None where one could never be recognised again."""
        names = (variables, functions)
        if names not in self._contexts:
            facts = sorted([*(f"v:{name}" for name in variables), *(f"f:{name}" for name in functions)])
            context = tuple((fact, self.of(fact)) for fact in facts)
            self._contexts[names] = context if all(value for _, value in context) else None
        return self._contexts[names]

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
