"""Consent: who said that a plan may be carried out, and what is asked where nobody has."""

from __future__ import annotations

import sys

from sieve_jobs.cli.context import Session
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import GuardedError
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.plan import Plan

YES = frozenset({"y", "yes"})


def needs_consent(session: Session, plan: Plan) -> bool:
    """Whether *plan* starts or cancels something that is paid for."""
    cancels = any(change.action is Action.ORPHAN and change.prune == "cancel" for change in plan.changes)
    return not session.target.is_local and (plan.summary.push > 0 or cancels)


def can_ask(session: Session, *, yes: bool, quiet: bool) -> bool:
    """Whether a person will be asked: at a terminal, unless it was said already, or a program reads the answer."""
    return not yes and not quiet and session.streams.interactive


def require_consent(session: Session, plan: Plan, *, yes: bool, quiet: bool) -> None:
    """Asks at a terminal. Raises GuardedError where the answer is no, or where nobody can be asked."""
    if needs_consent(session, plan):
        require_yes(session, _counts(plan), plan.where.target, plan.where.endpoint, yes=yes, quiet=quiet)


def require_yes(session: Session, counts: str, target: str, endpoint: str, *, yes: bool, quiet: bool) -> None:
    """Asks whether *counts* may be done on a remote target. Raises GuardedError for a no, and where nobody is asked."""
    if yes or session.target.is_local:
        return
    if not can_ask(session, yes=yes, quiet=quiet):
        raise GuardedError(
            Diagnostic(
                Code.NO_CONSENT,
                f"refused: {counts} on '{target}' without consent; nothing was sent",
                hint="--yes consents; CI=true alone does not",
            )
        )
    session.streams.ask(f"{counts} on '{target}' ({endpoint}); go on? [y/N] ")
    said = sys.stdin.readline()
    if not said.endswith("\n"):
        session.streams.ask("\n")  # Ctrl-D leaves the cursor behind the question
    if said.strip().lower() not in YES:
        raise GuardedError(Diagnostic(Code.NO_CONSENT, "not confirmed; nothing was sent"))


def _counts(plan: Plan) -> str:
    pushes = plan.summary.push
    parts = [f"{pushes} {'push' if pushes == 1 else 'pushes'}"]
    cancelled = sum(change.action is Action.ORPHAN and change.prune == "cancel" for change in plan.changes)
    if cancelled:
        parts.append(f"{cancelled} removed {'spec' if cancelled == 1 else 'specs'} to cancel")
    return ", ".join(parts)
