"""A small world to plan in: specs as authors ask for them, and a state that holds what was pushed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.gather import build
from sieve_jobs.plan.plan import Plan, PlanOptions, Where
from sieve_jobs.spec.digest import detail_of
from sieve_jobs.spec.jobspec import Detail, JobSpec, Leaf, LocalFile, Pointer, Segment, Webhook
from sieve_jobs.spec.tags import TagKey, key_from
from sieve_jobs.spec.wanted import Wanted
from sieve_jobs.state.entry import Entry, Intent, PastJob
from sieve_jobs.state.loaded import Header, State
from sieve_jobs.state.store import Store
from sieve_jobs.wire import Json, Status

KEY = key_from(b"k" * 32)
OTHER_KEY = key_from(b"o" * 32)
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WHERE = Where("prod", "https://far.example", ".sieve-jobs/prod.db", 7, 60.0)


def variable(name: str, value: str, *, before: str = "") -> Leaf:
    """`before${NAME}`, resolved to *value*."""
    segments = (Segment(before, before),) if before else ()
    return Leaf((*segments, Segment(f"${{{name}}}", value, (name,))))


def asks(
    name: str,
    inputs: Mapping[str, Json] | None = None,
    *,
    env: Mapping[str, str | Leaf] | None = None,
    secret_inputs: Mapping[str, Leaf] | None = None,
    hook: str | None = None,
    secret: Iterable[str] = ("TOKEN", "OTHER_TOKEN"),
    key: TagKey | None = KEY,
    files: Mapping[str, str] | None = None,
    source: str | None = None,
    **fields: object,
) -> Detail:
    """The detail of a spec. Variables in *secret* count as secret; *files* maps an input to its content hash."""
    leaves: dict[Pointer, Leaf] = {("env", k): v for k, v in (env or {}).items() if isinstance(v, Leaf)}
    leaves |= {("inputs", k): v for k, v in (secret_inputs or {}).items()}
    values: dict[str, Json] = {"url": "https://example.com/a.mp4"} if inputs is None else dict(inputs)
    values |= {k: "".join(s.value for s in v.segments) for k, v in (secret_inputs or {}).items()}
    values |= {k: {"file": k} for k in files or {}}
    found = frozenset(name for leaf in leaves.values() for name in leaf.variables)
    base = JobSpec(
        name=name, path=f"jobspecs/{name}.yaml", line=1, function="sieve/dubbing", id=None, inputs=values,
        env={k: "".join(s.value for s in v.segments) if isinstance(v, Leaf) else v for k, v in (env or {}).items()},
        webhooks=(Webhook("job.complete", hook),) if hook else None,
        leaves=leaves,
        variables={variable: variable in set(secret) for variable in sorted(found)},
        files={
            ("inputs", k): LocalFile(cast("object", None), k, digest, 1)  # type: ignore[arg-type]
            for k, digest in (files or {}).items()
        },
    )  # fmt: skip
    return detail_of(replace(base, **fields), key=key, source=source)  # type: ignore[arg-type]


def pushed(detail: Detail, status: Status = Status.FINISHED, job: str | None = None, **fields: object) -> Entry:
    """The entry of a spec that was pushed as *detail* asks."""
    spec = detail.spec
    entry = Entry(
        name=spec.name, digest=detail.digest, fingerprint=detail.fingerprint, parts=detail.parts, tags=detail.tags,
        variables=spec.variables, function=spec.target_function, path=spec.path, line=spec.line, reason="new",
        job_id=job or f"job-{spec.name}", run_id="run", status=status, pushed_at=START, protect=spec.protect,
        save=spec.save or "",
    )  # fmt: skip
    return replace(entry, **fields)  # type: ignore[arg-type]


def earlier(detail: Detail, job: str, status: Status = Status.FINISHED, *, hours_ago: float = 1) -> PastJob:
    return replace(pushed(detail, status, job).past(), pushed_at=START - timedelta(hours=hours_ago))


def doubt(detail: Detail) -> Intent:
    """A push of *detail* that got no answer."""
    return Intent(
        uuid="u", attempt=1, at=START, server_at=None, first_at=START, endpoint="https://far.example",
        organization_id=None, projection={}, projection_hash="p", draft=pushed(detail, Status.QUEUED, ""),
    )  # fmt: skip


@dataclass
class World:
    """What the tree asks for and what the state holds. Remembers what planning read."""

    specs: Sequence[Detail] = ()
    entries: Sequence[Entry] = ()
    past_jobs: Sequence[PastJob] = ()
    intents: Sequence[Intent] = ()
    read: list[str] = field(default_factory=list)

    @property
    def wanted(self) -> list[Wanted]:
        return [Wanted(d.spec.name, d.digest, d.fingerprint, d.spec.path, d.spec.line) for d in self.specs]

    @property
    def fingerprints(self) -> dict[str, str]:
        return {row.name: row.fingerprint for row in self.wanted}

    def details(self, names: Iterable[str]) -> Mapping[str, Detail]:
        asked = set(names)
        self.read += sorted(asked)
        return {detail.spec.name: detail for detail in self.specs if detail.spec.name in asked}

    def state(self) -> State:
        def settled(entry: Entry) -> bool:
            return entry.status is Status.FINISHED and not (entry.orphaned or entry.lost or entry.is_to_save)

        return State(
            header=Header("lineage", 7),
            settled={entry.name: entry.fingerprint for entry in self.entries if settled(entry)},
            open={entry.name: entry for entry in self.entries if not settled(entry)},
            intents=tuple(self.intents),
        )

    def get(self, names: Iterable[str]) -> Mapping[str, Entry]:
        asked = set(names)
        self.read += sorted(asked)
        return {entry.name: entry for entry in self.entries if entry.name in asked}

    def past(self, digests: Iterable[str]) -> Mapping[str, Sequence[PastJob]]:
        asked = set(digests)
        newest = sorted(self.past_jobs, key=lambda job: job.pushed_at, reverse=True)
        return {digest: [job for job in newest if job.digest == digest] for digest in asked}

    def plan(self, options: PlanOptions | None = None, where: Where = WHERE, *, gone: Set[str] = frozenset()) -> Plan:
        return build(self, cast("Store", self), self.state(), where, options or PlanOptions(key=KEY), gone=gone)


def rows(plan: Plan) -> list[tuple[str, Action, Reason]]:
    return [(change.name, change.action, change.reason) for change in plan.changes]


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change
