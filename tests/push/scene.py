"""A scene: specs, a real state, the stand-in for the cloud, and an apply run against it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.plan.gather import build
from sieve_jobs.plan.plan import Plan, PlanOptions, Where
from sieve_jobs.push.apply import apply
from sieve_jobs.push.client import Client
from sieve_jobs.push.events import Event
from sieve_jobs.push.options import ApplyOptions
from sieve_jobs.push.resolve import Answer, resolve
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.spec.jobspec import Detail, JobSpec, LocalFile
from sieve_jobs.spec.request import push_body
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.loaded import State
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import Pin
from sieve_jobs.wire import Json
from tests.cloud import Cloud
from tests.cloud.script import fast_time
from tests.plan.world import KEY, World, asks

__all__ = ["KEY", "FastClock", "Ran", "Scene", "asks", "clips", "with_state"]


SPEED = 200.0


class FastClock:
    """A clock that runs *speed* times as fast, so that minutes are waited for in fractions of a second.

    The stand-in's clock has to run as fast, which a Scene sees to.
    """

    def __init__(self, speed: float = SPEED) -> None:
        self.speed = speed
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.fromtimestamp(fast_time(self.speed), UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / self.speed)


@dataclass
class Ran:
    """What an apply came to."""

    result: ApplyResult
    events: list[Event]
    slept: list[float]

    @property
    def exit_code(self) -> int:
        return int(self.result.exit_code)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def row(self, name: str) -> dict[str, object]:
        return next(row.as_json() for row in self.result.results if row.name == name)


def clips(count: int, **fields: object) -> list[Detail]:
    """Specs clip-0, clip-1 …, alike but for one number."""
    file: Json = {"url": "https://cdn.example.com/a.mp4"}
    return [asks(f"clip-{i}", {"source_file": file, "width": i}, **fields) for i in range(count)]  # type: ignore[arg-type]


def with_state(scene: Scene) -> None:
    """A state that has pushed before: apply then has no reason to list the far side's jobs."""
    with open_store(scene.path) as store:
        store.commit([Pin(scene.where, scene.cloud.organization)], store.load().header.serial)


def body_of(spec: JobSpec) -> dict[str, Json]:
    def file_url(file: LocalFile) -> str:
        return f"file://{file.path}"

    return push_body(spec, file_url=file_url)


@dataclass
class Scene:
    """One target: a state in *folder* and a far side."""

    folder: Path
    cloud: Cloud
    where: str = "https://far.example"
    options: ApplyOptions = field(default_factory=lambda: ApplyOptions(body_of, key=KEY, jitter=lambda: 1.0))
    deadline: float = 20.0
    url: str = ""
    key: str = ""
    speed: float = SPEED
    """How fast time passes, here and there. A run gives up where writing its state takes 10 of these seconds thrice."""
    make_clock: Callable[[float], FastClock] = FastClock

    def __post_init__(self) -> None:
        self.cloud.script.speed = self.speed

    @property
    def path(self) -> Path:
        return self.folder / "prod.db"

    def plan(self, specs: Sequence[Detail], options: PlanOptions | None = None) -> Plan:
        with open_store(self.path) as store:
            state = store.load()
            where = Where("prod", self.where, store.place, state.header.serial)
            return build(World(specs), store, state, where, options or PlanOptions(key=KEY))

    def apply(
        self,
        specs: Sequence[Detail],
        plan_options: PlanOptions | None = None,
        on_event: Callable[[Event], None] | None = None,
        **changes: object,
    ) -> Ran:
        """Plans and applies, with a fast clock unless told otherwise."""
        return self._run(specs, None, plan_options, on_event, changes)

    def resolve(self, specs: Sequence[Detail], answers: Mapping[str, Answer], **changes: object) -> Ran:
        return self._run(specs, answers, None, None, changes)

    def _run(
        self,
        specs: Sequence[Detail],
        answers: Mapping[str, Answer] | None,
        plan_options: PlanOptions | None,
        on_event: Callable[[Event], None] | None,
        changes: Mapping[str, object],
    ) -> Ran:
        clock = self.make_clock(self.speed)
        chosen = plan_options or PlanOptions(key=KEY)
        options = replace(self.options, clock=clock, plan=chosen, **changes)  # type: ignore[arg-type]
        plan = self.plan(specs, chosen)
        events: list[Event] = []

        def emit(event: Event) -> None:
            events.append(event)
            if on_event is not None:
                on_event(event)

        async def main() -> ApplyResult:
            client = Client(
                self.url or self.cloud.url, self.key or self.cloud.key, clock=options.clock, deadline=self.deadline,
                jitter=lambda: 1.0,
            )  # fmt: skip
            async with client:
                with open_store(self.path) as store:
                    if answers is None:
                        return await apply(plan, store, client, options, emit)
                    return await resolve(plan, answers, store, client, options=options, emit=emit)

        return Ran(asyncio.run(main()), events, clock.slept)

    def state(self) -> State:
        with open_store(self.path) as store:
            return store.load()

    def entries(self) -> dict[str, Entry]:
        with open_store(self.path) as store:
            return dict(store.get(store.names()))

    def pushed(self, field_name: str = "width") -> list[Json]:
        """The values of one input over all jobs there are, sorted."""
        return sorted(job.pushed["inputs"].get(field_name) for job in self.cloud.jobs)
