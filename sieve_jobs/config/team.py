"""A config's text with a target that a team and its runners share: what is missing is put in, all else stays. Pure."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from sieve_jobs.config.choose import SIEVE

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def with_team_target(text: str, name: str, lineage: str) -> str:
    """*text*, which is TOML, with the keys that the target *name* lacks; unchanged where it lacks none.

    A target whose state is kept elsewhere is left as it is. Raises ValueError with the lines to write by hand where it
    stands in a form that cannot be added to.
    """
    targets = tomllib.loads(text).get("targets", {})
    there = targets.get(name) if isinstance(targets, dict) else None
    lines = _missing(there if isinstance(there, dict) else {}, lineage)
    if not lines:
        return text
    key = name if _BARE.fullmatch(name) else json.dumps(name)
    if there is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        changed = "".join([text, gap, f"[targets.{key}]\n", *(f"{line}\n" for line in lines.values())])
    else:
        names = "|".join(re.escape(each) for each in (key, json.dumps(name), f"'{name}'"))
        header = re.compile(rf"(?m)^[ \t]*\[[ \t]*targets[ \t]*\.[ \t]*(?:{names})[ \t]*\].*$")
        block = "".join(f"\n{line}" for line in lines.values())
        changed = header.sub(lambda found: found[0] + block, text, count=1)
    if not _holds(changed, name, lines):
        raise ValueError("\n".join([f"[targets.{key}]", *lines.values()]))
    return changed


def _missing(there: Mapping[str, Any], lineage: str) -> dict[str, str]:
    """Lines by key."""
    lines = {}
    if "endpoint" not in there:
        lines["endpoint"] = f'endpoint = "{SIEVE}"'
    if not there:
        lines["api_key_env"] = 'api_key_env = "SIEVE_API_KEY"   # the name of the variable, never the key'
    if there.get("state", "git") == "git":
        if "state" not in there:
            lines["state"] = 'state = "git"                     # on refs/sieve-jobs/ of the remote; needs no server'
        if "lineage" not in there:
            lines["lineage"] = f'lineage = "{lineage}"   # a lost state is not taken for a new one'
    return lines


def _holds(text: str, name: str, lines: Mapping[str, str]) -> bool:
    try:
        return set(lines) <= set(tomllib.loads(text)["targets"][name])
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return False
