"""What a spec file's meaning depends on, and one document on its way to a spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sieve_jobs.spec.files import HashOf
from sieve_jobs.spec.jobspec import Leaf, LocalFile, Pointer
from sieve_jobs.spec.model import Finding
from sieve_jobs.spec.tags import TagKey
from sieve_jobs.spec.variables import Variables

MAX_FINDINGS = 100
"""Problems that are told of one file. A file made to have a million would otherwise take minutes and gigabytes."""

MAX_INTERPOLATED = 8 * 1024 * 1024
"""Characters that a document may have once interpolated, see `interpolate`."""


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """All that decides what a spec file means besides its text."""

    root: Path
    """The project's root, absolute and resolved; files named by specs may not leave it."""
    variables: Variables
    key: TagKey | None = None
    ignore_query: tuple[str, ...] = ()
    sources: Mapping[str, str] | None = None
    """`author/name` to the hash of its source, on the engine; None on a remote target."""
    local: bool = True
    """Whether local files can be read in place."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """What runs in place of which function (see config/stand_ins.py)."""
    own_folders: tuple[str, ...] = ()
    """Folders of specs and functions, from the root: no output is saved there."""


@dataclass(slots=True)
class Reading:
    """What was found so far of one document."""

    settings: ParseSettings
    path: str
    """Its file; local files are relative to the folder that this lies in."""
    known: HashOf
    findings: list[Finding] = field(default_factory=list)
    limit: int = MAX_FINDINGS
    """How many findings are kept; none is looked for once there are as many."""
    leaves: dict[Pointer, Leaf] = field(default_factory=dict)
    variables: dict[str, bool] = field(default_factory=dict)
    """Every variable that was asked for, and whether it is secret."""
    missing: set[str] = field(default_factory=set)
    """Secrets that are not set."""
    unknown: set[Pointer] = field(default_factory=set)
    """Nodes whose value is not known or not shown: what else is wrong with them cannot be said."""
    files: dict[Pointer, LocalFile] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    """Where its local files are looked up, those included that cannot be read."""
    room: int = MAX_INTERPOLATED
    """Characters that may still come of interpolation."""

    @property
    def is_full(self) -> bool:
        return len(self.findings) >= self.limit

    def add(self, finding: Finding) -> None:
        if not self.is_full:
            self.findings.append(finding)

    def add_known(self, findings: Iterable[Finding]) -> None:
        """Adds what is wrong with values, but for those that are not known."""
        for finding in findings:
            if self.is_full:
                return
            if finding.at_key or finding.pointer not in self.unknown:
                self.findings.append(finding)
