"""What ended a command or a call: exit codes by name, and exceptions that say what is now true."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic


class ExitCode(IntEnum):
    """The exit codes of every verb. README.md, "Exit codes", is the same table for people."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    INVALID = 3
    JOB_FAILED = 4
    DECISION = 5
    GUARDED = 6
    LOCKED = 7
    TIMED_OUT = 8
    USAGE = 64
    INTERRUPTED = 130
    TERMINATED = 143


PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.LOCKED,
    ExitCode.GUARDED,
    ExitCode.DECISION,
    ExitCode.INVALID,
    ExitCode.ERROR,
    ExitCode.JOB_FAILED,
    ExitCode.TIMED_OUT,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The one exit code of a run in which several hold; OK when none does."""
    found = set(codes)
    return next((code for code in PRECEDENCE if code in found), ExitCode.OK)


class SieveJobsError(Exception):
    """A command cannot go on. Carries everything that is wrong, and how the process should exit."""

    exit_code = ExitCode.ERROR

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics


class InvalidError(SieveJobsError):
    """A spec or the config is invalid; nothing was sent."""

    exit_code = ExitCode.INVALID


class GuardedError(SieveJobsError):
    """A guard refused; nothing was sent. The hint names the flag that lifts it."""

    exit_code = ExitCode.GUARDED


class DecisionError(SieveJobsError):
    """Somebody must decide, for one spec or more; everything else went on."""

    exit_code = ExitCode.DECISION


class LockedError(SieveJobsError):
    """Another process holds the state, or the state moved on under this one; nothing was written."""

    exit_code = ExitCode.LOCKED


class StateError(SieveJobsError):
    """The state cannot be read or written as it is; it was not changed."""


class UsageError(SieveJobsError):
    """The command line names something that does not exist or does not fit together."""

    exit_code = ExitCode.USAGE


class CallError(Exception):
    """A call to the far side gave no usable answer. The subclass says what is now true."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        """The HTTP status of the answer, None when there was none."""
        self.retry_after = retry_after
        """Seconds the far side asked to wait, already clamped to 0..300; None when it did not say."""


class RefusedError(CallError):
    """An answer said no: nothing runs because of this call."""


class UnreachableError(CallError):
    """Nothing was sent: safe to try again."""


class NoEngineError(UnreachableError):
    """The project's engine ended, and no other is to be had. Nothing was sent; trying again at once would not help."""

    @property
    def problem(self) -> Diagnostic:
        """It as people are told."""
        hint = "`sieve-jobs doctor` looks closer; the next apply goes on with the jobs"
        return Diagnostic(Code.ENGINE_NOT_RUNNING, self.message, hint=hint)


class UnconfirmedError(CallError):
    """Sent, but no clear answer: it may have happened."""
