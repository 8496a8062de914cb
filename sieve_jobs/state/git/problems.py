"""What can be wrong with a state on a git remote, as errors to show: one function for each."""

from __future__ import annotations

from collections.abc import Sequence

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import GuardedError, LockedError, StateError
from sieve_jobs.state.lease import Lease


def no_git(why: str) -> StateError:
    said = f": {why}" if why else ""
    return StateError(
        Diagnostic(
            Code.REPOSITORY_UNUSABLE,
            f"could not use the project's git repository for the state{said}; nothing was sent",
            hint='state = "git" needs git and a clone of the repository that holds the state',
        )
    )


def no_remote(names: Sequence[str]) -> StateError:
    found = f"its remotes are {', '.join(names)}, and none of them is 'origin'" if names else "it has no remote"
    return StateError(
        Diagnostic(
            Code.REPOSITORY_UNUSABLE,
            f"it is not clear where the state lies: {found}",
            hint="'git remote add origin URL', or 'git remote rename NAME origin', says where it lies",
        )
    )


def out_of_reach(remote: str, why: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.SHARED_STATE_OUT_OF_REACH,
            f"could not reach the state on '{remote}': {why or 'git did not say why'}; nothing was written",
            hint="'sieve-jobs plan --offline' shows what this clone saw last",
        )
    )


def not_written(place: str, why: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.SHARED_STATE_OUT_OF_REACH,
            f"could not write the state '{place}': {why}; it is as it was before",
            hint="run the same command again: what was begun is looked up before anything is pushed",
        )
    )


def refused(place: str, why: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.SHARED_STATE_OUT_OF_REACH,
            f"the remote refused to write the state '{place}': {why}; it is as it was before",
            hint="allow pushes to refs/sieve-jobs/*: in CI the job needs the right to write contents",
        )
    )


def unknown(place: str, why: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.SHARED_STATE_OUT_OF_REACH,
            f"could not tell whether the state '{place}' was written: {why}; no job is pushed because of it",
            hint="run the same command again: it reads what is there, and looks for what was begun",
        )
    )


def contended(place: str) -> LockedError:
    return LockedError(
        Diagnostic(
            Code.STATE_MOVED_ON,
            f"could not write the state '{place}': others wrote it first, each time; nothing was written",
            hint="run the same command again",
        )
    )


def locked(place: str, lease: Lease, waited: float) -> LockedError:
    return LockedError(
        Diagnostic(
            Code.STATE_LOCKED,
            f"the state '{place}' is locked{f' after waiting {waited:g} s' if waited > 0 else ''} by {_who(lease)}",
            hint="--lock-timeout 5m waits for it; one whose runner died ends by itself, "
            f"{lease.expires_at:%H:%M:%SZ} at the latest if it is not renewed",
        )
    )


def overtaken(place: str, lease: Lease | None) -> LockedError:
    who = f"by {_who(lease)}" if lease is not None else "by another run"
    return LockedError(
        Diagnostic(
            Code.STATE_LOCKED,
            f"the lease on the state '{place}' was not renewed in time and was taken over {who}; nothing was written",
            hint="run the same command again: what was begun is looked up before anything is pushed",
        )
    )


def missing(place: str, lineage: str, target: str) -> GuardedError:
    """The config says which state it is, and there is none."""
    return GuardedError(
        Diagnostic(
            Code.SHARED_STATE_MISSING,
            f"the state '{place}' is not there, and the config says it is the one of lineage '{lineage}'; "
            "nothing was sent",
            hint=f"a lost one is rebuilt by: sieve-jobs state adopt -t {target}; "
            "for a target that never ran, --new-state makes it",
        )
    )


def gone(place: str, serial: int, back: str | None, target: str) -> StateError:
    """It was there before. *back* is the command that puts it back from this clone, None where none does."""
    return StateError(
        Diagnostic(
            Code.STATE_ROLLED_BACK,
            f"the state '{place}' is gone from the remote; this clone saw it at serial {serial}",
            hint=f"{_put_back(back)}{'else ' if back else ''}rebuild it: sieve-jobs state adopt -t {target}",
        )
    )


def rolled_back(place: str, serial: int, seen: int, mark: str, back: str | None) -> StateError:
    put_back = _put_back(back) or "put back the newer one, or it would push again what it forgot; "
    return StateError(
        Diagnostic(
            Code.STATE_ROLLED_BACK,
            f"the state '{place}' has serial {serial}, but serial {seen} was seen here before",
            hint=f"{put_back}if it was set back on purpose, delete '{mark}'",
        )
    )


def other_lineage(place: str, found: str, expected: str, *, pinned: bool, mark: str, back: str | None) -> StateError:
    whose = "the config says" if pinned else "this clone knows"
    way = (
        "set the lineage of the config to it if it is the one meant"
        if pinned
        else f"if a new state was begun on purpose, delete '{mark}'"
    )
    return StateError(
        Diagnostic(
            Code.STATE_OF_OTHER_LINEAGE,
            f"the state '{place}' has the lineage '{found}', {whose} '{expected}'; nothing was sent",
            hint=f"{_put_back(back)}{way}",
        )
    )  # fmt: skip


def other_project(place: str, theirs: str, ours: str, lineage: str, *, is_there: bool) -> StateError:
    """*theirs* and *ours* are folders of projects; *is_there*: there still is one in theirs."""
    moved = f"remove it in {_shown(theirs)}" if is_there else f'pin it: lineage = "{lineage}"'
    return StateError(
        Diagnostic(
            Code.STATE_OF_OTHER_PROJECT,
            f"the state '{place}' belongs to the project in {_shown(theirs)}, not to the one in {_shown(ours)}; "
            "nothing was sent",
            hint="give this target a name of its own: [targets.NAME] keeps its state on refs/sieve-jobs/NAME; "
            f"if the project was moved here, {moved}",
        )
    )


def _shown(folder: str) -> str:
    return f"'{folder}'" if folder else "the top folder"


def _put_back(command: str | None) -> str:
    return f"'{command}' puts back what this clone saw last; " if command is not None else ""


def newer(place: str, found: int, known: int, tool: str) -> StateError:
    by = f" by sieve-jobs {tool}" if tool else " by a newer sieve-jobs"
    return StateError(
        Diagnostic(
            Code.STATE_OF_OTHER_VERSION,
            f"the state '{place}' was written{by} in format {found}; this version reads up to format {known}",
            hint=f"use sieve-jobs {tool} or later" if tool else "use the newest sieve-jobs",
        )
    )


def damaged(place: str, what: str, ref: str, remote: str) -> StateError:
    return StateError(
        Diagnostic(
            Code.STATE_DAMAGED,
            f"the state '{place}' is damaged: {what}",
            hint=f"nothing was changed; 'git log {ref}' has what was written before, and "
            f"'git push --force {remote} COMMIT:{ref}' puts a good one back",
        )
    )


def _who(lease: Lease) -> str:
    owner = lease.owner
    page = f", {owner.run_url}" if owner.run_url else ""
    since = f"{owner.started_at:%Y-%m-%d %H:%M:%SZ}"
    return f"{owner.user} on {owner.host}: '{owner.command}', pid {owner.pid}, since {since}{page}"
