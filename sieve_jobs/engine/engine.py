"""One running engine: its parts, put together, and what requests ask of them."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import hmac
import json
import os
import shutil
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sieve_jobs.engine import history, jobs, logbook, machine, placing, vault
from sieve_jobs.engine.addresses import Policy, parse_allowance
from sieve_jobs.engine.attempt import Desk
from sieve_jobs.engine.catalog import Catalog, Function, Module
from sieve_jobs.engine.children import Passes
from sieve_jobs.engine.collector import Collector, InUse
from sieve_jobs.engine.deliver import Deliverer
from sieve_jobs.engine.ends import ENGINE_KILLED, new_run_id
from sieve_jobs.engine.environments import Environments, Ready
from sieve_jobs.engine.environments import Line as BuildLine
from sieve_jobs.engine.home import Home
from sieve_jobs.engine.hub import Hub
from sieve_jobs.engine.learning import Learning
from sieve_jobs.engine.metrics import Latency
from sieve_jobs.engine.post import Sender
from sieve_jobs.engine.present import Described, ImportFailed, View
from sieve_jobs.engine.records import Line
from sieve_jobs.engine.replicas import Replicas, all_replicas
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.signing import Signer
from sieve_jobs.engine.slots import Slots
from sieve_jobs.engine.spawner import Grounds, Spawner
from sieve_jobs.engine.store import Store
from sieve_jobs.engine.supervisor import Supervisor
from sieve_jobs.engine.watch import Watch
from sieve_jobs.wire import Json


@dataclass(slots=True)
class Descriptions:
    """What workers told about versions, by function id: kept in the store, since a version never changes."""

    store: Store
    _known: dict[str, Described] = field(default_factory=dict)
    _failed: set[str] = field(default_factory=set)

    def get(self, function_id: str) -> Described | None:
        known = self._known.get(function_id)
        if known is None:
            known = self.store.read(lambda db: described_in(db, function_id))
            if known is not None:
                self._known[function_id] = known
        return known

    def status(self, function_id: str) -> Described | ImportFailed | None:
        """What is known of a version: its description, that it could not be imported in this run, or nothing."""
        return self.get(function_id) or (ImportFailed() if function_id in self._failed else None)

    def fail(self, function_id: str) -> None:
        self._failed.add(function_id)

    def forget(self, function_ids: Iterable[str]) -> None:
        """Versions that are taken from the store."""
        for function_id in function_ids:
            self._known.pop(function_id, None)
            self._failed.discard(function_id)

    def put(self, function_id: str, described: Described) -> None:
        if self._known.get(function_id) == described:
            return
        self._known[function_id] = described
        text = json.dumps(asdict(described))

        def change(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO versions VALUES (?, ?)", (function_id, text))
            history.mark_ready(db, function_id, datetime.now(UTC))

        self.store.post(change)


@dataclass(frozen=True, slots=True)
class Keys:
    """What requests are let in with, and what webhooks are signed with."""

    api: str = field(repr=False)
    hooks: tuple[bytes, ...] = field(default=(), repr=False)


class Engine:
    """Belongs to one event loop. *umask* is the one workers get back; the engine's own files are private."""

    def __init__(self, settings: Settings, home: Home, keys: Keys, *, origin: str, instance: str, umask: int) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.home = home
        self.key = keys.api
        self.instance = instance
        self.store = Store(home.database, loop)
        self.organization_id = self.store.meta("organization_id")
        self._secret = bytes.fromhex(self.store.meta("signing_key"))
        self.signer = Signer(self._secret, origin, settings.file_ttl)
        self.catalog = Catalog(settings.functions, settings.owner, self._found)
        self.descriptions = Descriptions(self.store)
        self.hub = Hub()
        self.pushes = Latency()
        # Whoever listens on loopback was started by this machine's user, as the engine was.
        policy = Policy(loopback=True, allowed=tuple(map(parse_allowance, settings.allow_private)))
        sender = Sender(policy, keys.hooks, settings.hook_timeout)
        self.deliverer = Deliverer(self.store, settings, self.view, sender)
        self.pushing: set[str] = set()
        """Idempotency keys whose first push is not committed yet."""
        marker = engine_marker(home.folder)
        self.environments = Environments(
            home.environments, marker, os.environ, settings.installs, self._built, self._environment_changed
        )
        self.environments.open()
        grounds = Grounds(self._python, self.environments.lent)
        self._spawner = Spawner(settings, home.scratch, marker, umask, self._keep, Watch(settings), grounds)
        self.passes = Passes()
        desk = Desk(
            self.store,
            home.files,
            self.signer,
            self.organization_id,
            self.secrets,
            self._described,
            self.deliverer.wake,
            self.passes,
            self.refusal,
            settings,
            self.environments.notes,
        )
        learning = Learning(settings, desk, self._spawner.spawn)
        slots = Slots(self.descriptions.get)
        self.supervisor = Supervisor(
            settings,
            self.catalog,
            desk,
            learning,
            self.hub.ended,
            self._replicas,
            slots,
            self.environments,
            capacity=settings.workers,
        )
        self.collector = Collector(
            self.store, home.files, self.environments, settings,
            in_use=self._in_use, forgotten=self.descriptions.forget,
        )  # fmt: skip

    async def recover(self) -> int:
        """Queues again what a killed engine left, and starts on the queue; how many jobs were left running."""
        left = self.store.read(jobs.processing)
        before = time.time() - self.settings.key_retention

        def change(db: sqlite3.Connection) -> None:
            now, why = datetime.now(UTC), (ENGINE_KILLED.type.value, ENGINE_KILLED.reason)
            for run in left:
                jobs.requeue(db, run, new_run_id(run.job_id), why, now)
            jobs.forget_pushes(db, before)

        await self.store.write(change)
        self.supervisor.slots.gpus = await self._count_gpus()
        self.supervisor.pump()
        self.supervisor.add(*self.store.read(jobs.queued))
        return len(left)

    async def end(self) -> int:
        """Ends waiting requests, workers and deliveries; how many running jobs were queued again."""
        self.hub.end()
        self.collector.end()
        count = await self.supervisor.end()
        await self.environments.end()
        return count

    async def _count_gpus(self) -> int:
        """Asks the driver where there is one, which may take a second."""
        given = self.settings.gpus
        if given is not None or shutil.which("nvidia-smi") is None:
            return given or 0
        return await asyncio.to_thread(machine.gpu_count)

    def refusal(self, function: Function) -> str | None:
        """Why a function cannot be run on this machine; None if it can, or is not known yet."""
        told, gpus = self.descriptions.get(function.id), self.supervisor.slots.gpus
        return placing.refusal(function, told, gpus, cpu_ok=self.settings.cpu_ok)

    def _replicas(self) -> Mapping[str, Replicas]:
        return self.store.read(all_replicas)

    def view(self) -> View:
        return View(self.signer, time.time(), self.organization_id, self.descriptions.get)

    def fingerprint(self, source: str, body: Json) -> str:
        """What tells one push body from another, keyed: a body may hold secrets that a bare hash would betray."""
        text = json.dumps([source, body], sort_keys=True, separators=(",", ":"))
        return hmac.new(self._secret, b"push\n" + text.encode(), hashlib.sha256).hexdigest()

    def secrets(self, function: Function) -> dict[str, str]:
        """The named secrets among what a function declares as its environment; none before it was imported once."""
        described = self.descriptions.get(function.id)
        names = declared_env(described) if described else {}
        return self.store.read(lambda db: vault.values(db, names)) if names else {}

    def _described(self, module: Module, by_attribute: Mapping[str, Described]) -> None:
        for function in self.catalog.functions().values():
            if function.module == module and function.attribute in by_attribute:
                self.descriptions.put(function.id, by_attribute[function.attribute])
            elif function.module == module:
                self.descriptions.fail(function.id)

    def _found(self, functions: Sequence[Function]) -> None:
        if functions:
            self.store.post(lambda db: history.record(db, functions))

    def _built(self, module: Module, said: Sequence[BuildLine], is_there: bool) -> None:
        """Keeps what a build said, where it was news: an environment that is found again has nothing to tell."""
        ids = [it.id for it in self.catalog.last_seen().values() if it.module == module]
        now = datetime.now(UTC)

        def change(db: sqlite3.Connection) -> None:
            for version_id in history.mark_built(db, ids, now) if is_there else ids:
                logbook.add_build_lines(db, version_id, said)

        self.store.post(change)

    def _in_use(self) -> InUse:
        """What a round of the collector must not take: what is in the files, and what workers run."""
        functions = self.catalog.functions().values()
        modules = {function.module for function in functions} | {slot.module for slot in self.supervisor.slots.all}
        return InUse({function.id for function in functions}, modules)

    def _environment_changed(self) -> None:
        self.supervisor.pump()

    def _python(self, module: Module) -> Path | None:
        found = self.environments.of(module)
        if not isinstance(found, Ready):
            raise OSError(errno.ENOENT, "its environment is not there")
        return found.python

    def _keep(self, job_id: str, lines: list[Line]) -> None:
        self.store.post(lambda db: jobs.add_lines(db, job_id, lines))


def described_in(db: sqlite3.Connection, function_id: str) -> Described | None:
    """What the store has of a version; for who is not on the event loop."""
    row = db.execute("SELECT described FROM versions WHERE id = ?", (function_id,)).fetchone()
    return None if row is None else Described(**json.loads(row[0]))


def declared_env(described: Described) -> dict[str, str | None]:
    """The variables a version declares, with their defaults."""
    declared = described.details.get("environment_variables")
    return {
        str(item.get("name")): None if item.get("default") is None else str(item.get("default"))
        for item in (declared if isinstance(declared, list) else [])
        if isinstance(item, dict)
    }


def engine_marker(folder: Path) -> str:
    """What marks all processes of the engine in *folder*, over its restarts."""
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:32]


def new_instance() -> str:
    return uuid.uuid4().hex
