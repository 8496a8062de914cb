"""Environments for what functions declare: made once for each set of packages, beside, and then put in place.

A set that the engine's own interpreter has already needs none. Only the one engine of a project builds here: it
holds the lock. What a killed one left half made has a draft's name and is removed at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sieve_jobs.engine.catalog import Module
from sieve_jobs.engine.inherited import for_installing
from sieve_jobs.engine.interpreter import lend
from sieve_jobs.engine.requirements import KEY, are_met, environment_key, uv_environment
from sieve_jobs.engine.surroundings import notes
from sieve_jobs.engine.tree import MARKER
from sieve_jobs.source import NOTHING_DECLARED, Environment

_DRAFT = ".draft-"
_TAIL = 20
"""Lines of a failed build that its jobs' error shows."""
_LONGEST_LINE = 1 << 20
_NO_UV = (
    "uv is not installed, which makes environments for python_packages; install it with "
    "`pip install 'sieve-jobs[build]'`, or put uv on PATH; or run the engine with --no-install"
)

Line = tuple[int, str]
"""Nanoseconds, and what was said then."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An environment that could not be made. *reason* is the end of what was said."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    """What a module runs on: the interpreter of its environment, None for the engine's own."""

    python: Path | None = None


@dataclass(slots=True)
class Environments:
    """Belongs to one event loop. *built* is told what was said, and *changed* called, when one is ready or failed."""

    folder: Path
    marker: str
    environ: Mapping[str, str]
    installs: bool
    built: Callable[[Module, Sequence[Line], bool], None]
    changed: Callable[[], None]
    _outcomes: dict[Module, Ready | Failed] = field(default_factory=dict)
    _tasks: dict[Module, asyncio.Task[None]] = field(default_factory=dict)
    _looks: dict[Module, asyncio.Event] = field(default_factory=dict)
    """Of those that are being made: set once it is known whether anything is to be installed, which takes long."""
    _notes: dict[Environment, tuple[str, ...]] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _over: set[Module] = field(default_factory=set)
    """Failures that everybody who waited was told: who comes now has it tried again."""

    def open(self) -> None:
        """Removes what a killed engine left half made; makes what workers are lent."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for left in self.folder.glob(f"{_DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
        lend(self.lent)

    @property
    def lent(self) -> Path:
        return self.folder / ".lent"

    def of(self, module: Module, *, again: bool = False) -> Ready | Failed | None:
        """What *module* runs on; None while that is being made, which this begins.

        *again* has it tried anew where it failed and whoever waited for it was told.
        """
        found = self._outcomes.get(module)
        if found is None and module.environment == NOTHING_DECLARED:
            found = self._outcomes[module] = Ready()
            self.built(module, (), True)
        if (found is None or (again and module in self._over)) and module not in self._tasks:
            self._over.discard(module)
            self._outcomes.pop(module, None)
            self._looks[module] = asyncio.Event()
            self._tasks[module] = asyncio.ensure_future(self._make(module))
            return None
        return found

    async def known(self, module: Module) -> Ready | Failed | None:
        """Like `of`, but waits for the look whether anything is missing; None while something is installed."""
        found = self.of(module)
        if found is None and module in self._looks:
            await self._looks[module].wait()
        return self._outcomes.get(module)

    def status(self, module: Module) -> str | None:
        """`building`, `error`, `ready`, or None where nobody asked for it yet. Begins nothing."""
        if module in self._tasks:
            return "building"
        found = self._outcomes.get(module)
        return None if found is None else "ready" if isinstance(found, Ready) else "error"

    def notes(self, module: Module) -> tuple[str, ...]:
        """What of a module's declaration is not so here, once its environment was made."""
        return self._notes.get(module.environment, ())

    def unneeded(self, needed: Collection[Module], before: float) -> list[str]:
        """Names of environments that none of *needed* declares and that were last asked for before *before*.

        A Unix time. Blocks for the time of a look into a folder.
        """
        keys = _keys(needed)
        with os.scandir(self.folder) as entries:
            return [
                entry.name
                for entry in entries
                if KEY.fullmatch(entry.name)
                and entry.name not in keys
                and entry.stat(follow_symlinks=False).st_mtime < before
            ]

    async def retire(self, name: str, needed: Callable[[], Collection[Module]]) -> str | None:
        """Takes an environment out of use, unless it is needed by now: the name it then has, to be removed under.

        A killed engine leaves a draft, which the next one removes.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name in _keys(needed()):
                return None
            left, target = f"{_DRAFT}{uuid.uuid4().hex}", self.folder / name
            target.rename(self.folder / left)
            for module, outcome in list(self._outcomes.items()):
                if isinstance(outcome, Ready) and outcome.python == _python_in(target):
                    del self._outcomes[module]
            return left

    async def end(self) -> None:
        """Ends what is being built."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, module: Module) -> None:
        environment, said = module.environment, _Said()
        outcome: Ready | Failed = Failed("the build ended early")
        try:
            self._notes[environment] = tuple(await asyncio.to_thread(notes, environment, self.installs))
            for note in self._notes[environment]:
                said.add(note)
            packages = environment.python_packages
            if not self.installs or await asyncio.to_thread(are_met, packages):
                outcome = Ready()
            else:
                outcome = await self._installed(packages, said, self._looks[module].set)
        except (OSError, ValueError) as error:  # ValueError: a line that is too long
            said.add(f"could not make the environment: {getattr(error, 'strerror', None) or error}")
            outcome = Failed(said.tail())
        finally:
            self._outcomes[module] = outcome
            del self._tasks[module]
            self._looks.pop(module).set()
        self.built(module, said.lines, isinstance(outcome, Ready))
        self.changed()
        if isinstance(outcome, Failed):
            self._over.add(module)

    async def _installed(self, packages: Sequence[str], said: _Said, begins: Callable[[], None]) -> Ready | Failed:
        key = environment_key(packages)
        target = self.folder / key
        python = _python_in(target)
        if not python.exists():
            begins()
        async with self._locks.setdefault(key, asyncio.Lock()):
            if not python.exists():
                uv = _find_uv(self.environ)
                if uv is None:
                    said.add(_NO_UV)
                    return Failed(said.tail())
                draft = self.folder / f"{_DRAFT}{key}"
                try:
                    if not await self._build(uv, draft, packages, said):
                        return Failed(said.tail())
                    draft.rename(target)
                finally:
                    await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
        os.utime(target)
        return Ready(python)

    async def _build(self, uv: str, draft: Path, packages: Sequence[str], said: _Said) -> bool:
        said.add(f"making an environment with {', '.join(packages)}")
        venv = [uv, "venv", "--no-project", "--relocatable", "--python", sys.executable, str(draft)]
        # After --, so that nothing a declaration says is taken for an option.
        install = [uv, "pip", "install", "--python", str(_python_in(draft)), "--", *packages]
        for command in (venv, install):
            status = await self._run(command, said)
            if status != 0:
                said.add(f"{command[1]} ended with status {status}")
                return False
        return True

    async def _run(self, command: Sequence[str], said: _Said) -> int:
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.folder,
            env={**uv_environment(for_installing(self.environ)), MARKER: self.marker, "NO_COLOR": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        try:
            assert child.stdout is not None  # noqa: S101 -- a pipe
            async for line in child.stdout:
                said.add(line.decode("utf-8", "replace").rstrip())
            return await child.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
            raise


class _Said:
    """Lines of one build, each with a time of its own."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, message: str) -> None:
        if message:
            latest = self.lines[-1][0] if self.lines else 0
            self.lines.append((max(time.time_ns(), latest + 1), message))

    def tail(self) -> str:
        return "\n".join(message for _, message in deque(self.lines, maxlen=_TAIL))


def _keys(modules: Collection[Module]) -> set[str]:
    return {environment_key(module.environment.python_packages) for module in modules}


def _python_in(environment: Path) -> Path:
    return environment / "bin" / "python"


def _find_uv(environ: Mapping[str, str]) -> str | None:
    """uv beside this interpreter, where the extra installs it, else on PATH."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if os.access(beside, os.X_OK) else shutil.which("uv", path=environ.get("PATH"))
