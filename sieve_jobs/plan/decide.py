"""Decide: what is done with one spec, and why. A function of what was asked for and what is known, of nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.plan.difference import changed_part, differences, masked
from sieve_jobs.plan.plan import Notice, PlanOptions
from sieve_jobs.spec.digest import digest_under
from sieve_jobs.spec.jobspec import Detail, Tags
from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.wire import Status


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a spec, and why."""

    action: Action
    reason: Reason
    diff: tuple[FieldDiff, ...] = ()
    reuses: PastJob | None = None
    intent: Intent | None = None
    notices: tuple[Notice, ...] = ()
    refresh: Entry | None = None
    """The entry with newer bookkeeping, where nothing else is done with it."""
    untold: bool = False
    """Tags were made with another key, or none: changed variables and rotated secrets cannot be told."""


def rerun_command(name: str, target: str) -> str:
    """The command that pushes a spec again; it names every target but the default one."""
    return f"sieve-jobs rerun {shlex.quote(name)}" + ("" if target == "local" else f" -t {shlex.quote(target)}")


def decide(
    detail: Detail, entry: Entry | None, earlier: Iterable[PastJob] = (), *, intent: Intent | None = None,
    options: PlanOptions, target: str = "local",
) -> Decision:  # fmt: skip
    """What is done with the spec of *detail*, of which the state knows *entry*.

    *earlier* are jobs with the same digest that this spec may use again, best first (see EarlierJobs).
    A doubt goes before everything else: until it is resolved, a push might be a second one.
    """
    name = detail.spec.name
    if intent is not None:
        return Decision(Action.RESOLVE, Reason.IN_DOUBT, intent=intent)
    rerun = name in options.rerun
    if entry is None:
        usable = None if rerun else _usable(detail, earlier)
        return Decision(Action.REUSE, Reason.REUSED, reuses=usable) if usable else Decision(Action.PUSH, Reason.NEW)
    if digest_under(detail, entry.variables, ignore_query=options.ignore_query) != entry.digest:
        return _changed(detail, entry, None if rerun else _usable(detail, earlier), options)
    if rerun:
        return Decision(Action.PUSH, Reason.RERUN, notices=_superseded(detail, entry, options))
    return _same_digest(detail, entry, earlier, options, target)


def decide_steady(entry: Entry, target: str) -> Decision:
    """What is done with a spec of which nothing at all differs: nothing, but a bad end is worth a notice."""
    return Decision(Action.NOTHING, Reason.UNCHANGED, notices=_bad_end(entry, target))


def _changed(detail: Detail, entry: Entry, usable: PastJob | None, options: PlanOptions) -> Decision:
    diff = (*differences(entry.parts, detail.parts), *map(masked, _changed_env(entry.tags, detail.tags)))
    if usable is not None:
        return Decision(Action.REUSE, Reason.REUSED, diff, usable, notices=_superseded(detail, entry, options))
    return Decision(
        Action.PUSH, changed_part(entry.parts, detail.parts), diff, notices=_superseded(detail, entry, options)
    )


def _same_digest(
    detail: Detail, entry: Entry, earlier: Iterable[PastJob], options: PlanOptions, target: str
) -> Decision:
    """The digest is equal; what is not in it may still be a change, or worth a word."""
    changed = _beside_the_digest(detail, entry, earlier, options, target)
    if changed is not None:
        return changed
    untold = _is_untold(entry.tags, detail.tags)
    if entry.lost:
        return _lost(detail, entry, options, target, untold=untold)
    if entry.orphaned and (entry.status is Status.FINISHED or not entry.status.is_final):
        return Decision(Action.REUSE, Reason.REUSED, reuses=entry.past(), untold=untold)
    notices = (*_bad_end(entry, target), *_used_later(detail, entry, target))
    return Decision(Action.NOTHING, Reason.UNCHANGED, notices=notices, refresh=_newer(detail, entry), untold=untold)


def _beside_the_digest(
    detail: Detail, entry: Entry, earlier: Iterable[PastJob], options: PlanOptions, target: str
) -> Decision | None:
    """A change of what only tags know: an env value, or what `rerun_on` names; None without one."""
    env = _changed_env(entry.tags, detail.tags)
    if env:
        diff = tuple(map(masked, env))
        usable = _usable(detail, (job for job in earlier if _comparable(job.tags, detail.tags)))
        if usable is not None:
            return Decision(Action.REUSE, Reason.REUSED, diff, usable, notices=_superseded(detail, entry, options))
        return Decision(Action.PUSH, Reason.ENV_CHANGED, diff, notices=_superseded(detail, entry, options))
    rerun_on = detail.spec.rerun_on
    if "secrets" in rerun_on:
        rotated = _rotated(entry.tags, detail.tags)
        if rotated:
            diff = tuple(map(masked, rotated))
            return Decision(Action.PUSH, Reason.SECRET_ROTATED, diff, notices=_superseded(detail, entry, options))
        if detail.tags.secrets and _is_untold(entry.tags, detail.tags):
            return Decision(Action.RESOLVE, Reason.SECRET_ROTATED, notices=(_cannot_tell(detail, target),), untold=True)
    if "webhooks" in rerun_on and _webhooks_changed(entry, detail):
        return Decision(
            Action.PUSH, Reason.WEBHOOKS_CHANGED, (masked("webhooks"),), notices=_superseded(detail, entry, options)
        )
    return None


def _lost(detail: Detail, entry: Entry, options: PlanOptions, target: str, *, untold: bool) -> Decision:
    if options.local:
        return Decision(Action.PUSH, Reason.LOST, untold=untold)
    notice = Notice(
        entry.name, Reason.LOST, f"the far side no longer knows job {entry.job_id} of '{entry.name}'",
        hint=f"to run it again: {rerun_command(entry.name, target)}",
    )  # fmt: skip
    if not entry.reported:
        return Decision(Action.RESOLVE, Reason.LOST, notices=(notice,), untold=untold)
    return Decision(Action.NOTHING, Reason.UNCHANGED, notices=(notice,), refresh=_newer(detail, entry), untold=untold)


def _usable(detail: Detail, earlier: Iterable[PastJob]) -> PastJob | None:
    """The earlier job whose result stands for this spec: the first that ran with the same env values."""
    return next((job for job in earlier if not _changed_env(job.tags, detail.tags)), None)


def cancels_first(detail: Detail, entry: Entry, options: PlanOptions) -> bool:
    """Whether the job that *entry* has is cancelled before the changed spec of *detail* is pushed."""
    if entry.status.is_final or entry.lost or not entry.job_id or entry.name in options.rerun:
        return False
    return (detail.spec.on_change or options.on_change) == "cancel"


def _superseded(detail: Detail, entry: Entry, options: PlanOptions) -> tuple[Notice, ...]:
    if entry.status.is_final or entry.lost:
        return ()
    goes = "it is kept and followed beside the new one"
    if cancels_first(detail, entry, options):
        goes = "it is cancelled first (on_change: cancel)"
    return (Notice(entry.name, None, f"job {entry.job_id} of '{entry.name}' has not ended: {goes}"),)


def _bad_end(entry: Entry, target: str) -> tuple[Notice, ...]:
    if entry.lost or entry.status not in {Status.ERROR, Status.CANCELLED}:
        return ()
    ended = "failed" if entry.status is Status.ERROR else "was cancelled"
    text = f"the job of '{entry.name}' {ended}; that is final until the spec changes"
    return (Notice(entry.name, None, text, hint=f"to run it again: {rerun_command(entry.name, target)}"),)


def _used_later(detail: Detail, entry: Entry, target: str) -> tuple[Notice, ...]:
    """What is new beside the digest and is no change: rotated secrets and other webhooks."""
    notices: list[Notice] = []
    name = entry.name
    rotated = _rotated(entry.tags, detail.tags)
    if rotated:
        where = ", ".join(rotated)
        hint = None
        if entry.status is Status.ERROR and not entry.lost:
            hint = f"its last job failed; to run it with the new value: {rerun_command(name, target)}"
        text = f"a secret of '{name}' was rotated ({where}): the new value is used at the next run"
        notices.append(Notice(name, Reason.SECRET_ROTATED, text, hint))
    if _webhooks_changed(entry, detail):
        text = f"the webhooks of '{name}' changed: they are used at the next run"
        notices.append(Notice(name, Reason.WEBHOOKS_CHANGED, text))
    if "secrets" in detail.spec.rerun_on and detail.spec.missing:
        unset = ", ".join(f"${{{variable}}}" for variable in detail.spec.missing)
        text = f"{unset} is not set here: whether a secret of '{name}' was rotated cannot be told"
        notices.append(Notice(name, None, text))
    return tuple(notices)


def _cannot_tell(detail: Detail, target: str) -> Notice:
    name = detail.spec.name
    return Notice(
        name, Reason.SECRET_ROTATED,
        f"'{name}' is to run again when a secret is rotated, but its last job was recorded under another key",
        hint=f"set SIEVE_JOBS_STATE_KEY to that key, or run it once under this one: {rerun_command(name, target)}",
    )  # fmt: skip


def _newer(detail: Detail, entry: Entry) -> Entry | None:
    """The entry as it would be recorded today; None if it already is.

    Digest and tags stay as they were where today's would hide something: a rotated secret or changed webhooks that
    no job has used, a value that is not set here, tags that cannot be compared.
    """
    spec, tags = detail.spec, detail.tags
    newer = replace(entry, path=spec.path, line=spec.line, protect=spec.protect, orphaned=False, save=spec.save or "")
    hides = (
        not tags.key
        or _is_untold(entry.tags, tags)
        or spec.missing
        or _rotated(entry.tags, tags)
        or _webhooks_changed(entry, detail)
    )
    if not hides:
        newer = replace(
            newer, digest=detail.digest, fingerprint=detail.fingerprint, parts=detail.parts, tags=tags,
            variables=spec.variables,
        )  # fmt: skip
    return None if newer == entry else newer


def _comparable(before: Tags, after: Tags) -> bool:
    return before.key == after.key != ""


def _is_untold(before: Tags, after: Tags) -> bool:
    """Whether there is something that tags would tell, were they made with one key."""
    known = before.env or before.secrets or before.webhooks
    return bool(known) and not _comparable(before, after)


def _changed_env(before: Tags, after: Tags) -> list[str]:
    return [f"env.{name}" for name in _unlike(before, after, before.env, after.env)]


def _rotated(before: Tags, after: Tags) -> list[str]:
    return _unlike(before, after, before.secrets, after.secrets)


def _unlike(before: Tags, after: Tags, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    if not _comparable(before, after):
        return []
    return sorted(name for name, tag in new.items() if old.get(name, tag) != tag)


def _webhooks_changed(entry: Entry, detail: Detail) -> bool:
    """Their tag is over references, so it can only be compared under one classification of the variables."""
    classes = detail.spec.variables
    alike = all(classes.get(name, secret) == secret for name, secret in entry.variables.items())
    return alike and _comparable(entry.tags, detail.tags) and entry.tags.webhooks != detail.tags.webhooks
