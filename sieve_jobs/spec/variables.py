"""Where the values of `${…}` come from, in which order, who may be read, and what counts as secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

DEFAULT_SECRETS = ("*_KEY", "*_TOKEN", "*_SECRET", "*PASSWORD*")
DENIED_BY_DEFAULT = ("AWS_*", "GOOGLE_*", "AZURE_*", "GITHUB_*", "GH_*", "ACTIONS_*", "SIEVE_*", "SSH_*", "PG*")
"""What specs may not read from the environment unless `allow_env` names it: a pull request is untrusted text."""


class Found(NamedTuple):
    """A variable's value and where it came from: "--var", "vars", "environment" or ".env"."""

    value: str
    origin: str


class Variables:
    """Values by name. Reviewed sources go before ambient ones: --var, the target's vars, environment, `.env`.

    *allow* are glob patterns for names read from the environment or `.env`; None means everything but
    DENIED_BY_DEFAULT. *secrets* are glob patterns, *public* names that are not secret after all.
    """

    def __init__(
        self,
        *,
        cli: Mapping[str, str] | None = None,
        target: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        dotenv: Mapping[str, str] | None = None,
        allow: Iterable[str] | None = None,
        secrets: Iterable[str] = DEFAULT_SECRETS,
        public: Iterable[str] = (),
    ) -> None:
        self._reviewed = ((cli or {}, "--var"), (target or {}, "vars"))
        self._ambient = ((environ or {}, "environment"), (dotenv or {}, ".env"))
        self._allow = None if allow is None else _pattern(allow)
        self._deny = _pattern(DENIED_BY_DEFAULT)
        self._secrets = _pattern(secrets)
        self._public = frozenset(public)

    def find(self, name: str) -> Found | None:
        """The value and its origin, or None where it is unset or may not be read."""
        for values, origin in self._reviewed:
            if name in values:
                return Found(values[name], origin)
        if self.allowed(name):
            for values, origin in self._ambient:
                if name in values:
                    return Found(values[name], origin)
        return None

    def allowed(self, name: str) -> bool:
        """Whether specs may read *name* from the environment and `.env`."""
        if self._allow is not None:
            return self._allow.fullmatch(name) is not None
        return self._deny.fullmatch(name) is None

    def is_withheld(self, name: str) -> bool:
        """Whether *name* is set around us but may not be read: an error worth its own words."""
        return not self.allowed(name) and any(name in values for values, _ in self._ambient)

    def is_secret(self, name: str) -> bool:
        return name not in self._public and self._secrets.fullmatch(name) is not None

    def names(self) -> list[str]:
        """Every name that can be read, for did-you-mean. Sorted."""
        ambient = {name for values, _ in self._ambient for name in values if self.allowed(name)}
        return sorted(ambient.union(*(values for values, _ in self._reviewed)))


def _pattern(globs: Iterable[str]) -> re.Pattern[str]:
    """One pattern for all *globs*; `*` and `?` are special, nothing else is. Matches nothing when there are none."""
    parts = [re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".") for glob in globs]
    return re.compile("|".join(parts) or r"(?!)")
