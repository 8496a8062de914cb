"""Saved plans on the disk: `plan --out FILE` writes one, `apply FILE` finds and reads it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.planning import Planned, options_for, plan_options
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import LockedError, SieveJobsError, UsageError
from sieve_jobs.plan.plan import PlanOptions
from sieve_jobs.plan.saved import FORMAT, SavedPlan, held_to, parse, saved, stale, written
from sieve_jobs.state.folder import draft_of, sync_folder

LARGEST = 64 << 20
"""Bytes; a plan with 100,000 changes takes 30 MiB."""
_SPECS = frozenset({".yaml", ".yml"})


def require_name_of_plan(file: str) -> None:
    """Raises UsageError for a name that `apply` would take for a spec's file."""
    path = Path(file)
    if path.suffix in _SPECS:
        hint = f"--out {shlex.quote(str(path.with_suffix('.json')))}"
        raise UsageError(Diagnostic(Code.USAGE, f"--out: apply would take '{file}' for a spec", hint=hint))


def save(session: Session, planned: Planned, file: str) -> Path:
    """Writes the plan to *file*, 0600 and whole or not at all. Only a saved plan is overwritten.

    Raises UsageError where something else is there, SieveJobsError where it could not be written.
    """
    path = session.start / file
    text = written(saved(planned.plan, planned.options, lineage=planned.state.header.lineage, at=datetime.now(UTC)))
    try:
        if path.exists() and not _is_saved_plan(path):
            raise UsageError(
                Diagnostic(Code.USAGE, f"--out: '{file}' is there, and no saved plan", hint="name another")
            )
        draft = draft_of(path)
        try:
            draft.write_text(text, encoding="utf-8", newline="\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        why = (error.strerror or "unwritable").lower()
        raise SieveJobsError(
            Diagnostic(
                Code.PLAN_NOT_WRITTEN, f"could not write the plan to '{file}': {why}", hint="choose another place"
            )
        ) from error
    return path


def given_plan(session: Session, words: Sequence[str]) -> SavedPlan | None:
    """The saved plan that *words* name, None where they mean specs: names and spec files go first.

    Raises UsageError for one among other words, and for one of another target, SieveJobsError for a file that is none.
    """
    files = [word for word in words if _is_file_beside_specs(session, word)]
    if not files:
        return None
    if len(words) > 1:
        raise UsageError(Diagnostic(Code.USAGE, f"'{files[0]}' is a file, and a saved plan is applied alone"))
    plan = _read(session.start / files[0], files[0])
    target = session.target
    if plan.target != target.name:
        message = f"'{files[0]}' was made for the target '{plan.target}', not for '{target.name}'"
        raise UsageError(Diagnostic(Code.PLAN_OF_OTHER_TARGET, message, hint=f"apply it with -t {plan.target}"))
    if plan.endpoint != target.endpoint:
        message = f"'{files[0]}' was made for another endpoint than the target '{target.name}' has now"
        raise UsageError(Diagnostic(Code.PLAN_OF_OTHER_TARGET, message, hint="plan again"))
    return plan


def options_of(session: Session, plan: SavedPlan) -> PlanOptions:
    """The options that the saved plan was made with, for today's specs."""
    base = plan_options(session, ()) if plan.selected is None else options_for(session, plan.selected)
    prune = plan.prune
    return replace(
        base, rerun=plan.rerun, prune="cancel" if prune == "cancel" else "forget" if prune == "forget" else None
    )


def as_reviewed(plan: SavedPlan, planned: Planned) -> Planned:
    """Of what is planned today, that which was reviewed. Raises LockedError (exit 7) if it no longer stands."""
    problems = stale(plan, planned.plan, planned.state.header.lineage)
    if problems:
        raise LockedError(*problems)
    return replace(planned, plan=held_to(plan, planned.plan))


def _is_file_beside_specs(session: Session, word: str) -> bool:
    path = session.start / word
    if path.suffix in _SPECS or not path.is_file():
        return False
    if word.startswith(("/", "./", "../")):
        return True
    try:
        session.chosen([word], {spec.name: spec.path for spec in session.tree.wanted})
    except UsageError:
        return True
    return False


def _read(path: Path, shown: str) -> SavedPlan:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        why = (error.strerror or "unreadable").lower()
        raise SieveJobsError(Diagnostic(Code.NO_SAVED_PLAN, f"could not read '{shown}': {why}")) from error
    try:
        if len(raw) > LARGEST:
            raise ValueError("is larger than 64 MiB, and no saved plan")
        return parse(raw.decode("utf-8", "replace"))
    except ValueError as error:
        hint = "`sieve-jobs plan --out FILE` saves one"
        raise SieveJobsError(Diagnostic(Code.NO_SAVED_PLAN, f"'{shown}' {error}", hint=hint)) from error


def _is_saved_plan(path: Path) -> bool:
    """Whether a regular file begins as saved plans do."""
    if not path.is_file():
        return False
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        return f'"{FORMAT}"'.encode() in file.read(200)
