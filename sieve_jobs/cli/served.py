"""Which projects of a repository a workflow runs, as far as its steps say. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

ACTION = "sieve-jobs"
"""What the name of the action's repository ends with, whoever has it."""


@dataclass(frozen=True, slots=True)
class Served:
    """A project that a step runs."""

    folder: str
    """From the checkout; empty where they are one."""
    target: str


def served(workflow: str) -> tuple[Served, ...]:
    """The projects that *workflow*'s text has the action run, each once; none in a text that is no workflow."""
    try:
        # Text alone: nothing in it is made into anything else.
        document = yaml.load(workflow, yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError:
        return ()
    return tuple(dict.fromkeys(_served(document)))


def _served(document: Any) -> Iterator[Served]:
    for job in _fields(_fields(document).get("jobs")).values():
        steps = _fields(job).get("steps")
        for step in steps if isinstance(steps, list) else ():
            words = _fields(_fields(step).get("with"))
            if str(_fields(step).get("uses")).partition("@")[0].endswith(ACTION):
                folder = posixpath.normpath(str(words.get("working-directory") or "."))
                yield Served("" if folder == "." else folder, str(words.get("target", "")))


def _fields(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}
