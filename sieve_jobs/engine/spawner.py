"""Starting worker processes: their command, their environment, their ends of what ties them to the engine."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sieve_jobs.engine.catalog import Module
from sieve_jobs.engine.inherited import without_secrets
from sieve_jobs.engine.interpreter import within, worker_command
from sieve_jobs.engine.process import Keep, Started, WorkerProcess
from sieve_jobs.engine.settings import Settings
from sieve_jobs.engine.tree import MARKER
from sieve_jobs.engine.watch import Watch


def worker_environment(environ: Mapping[str, str], marker: str, scratch: Path) -> dict[str, str]:
    """The environment a worker starts with."""
    return {**without_secrets(environ), MARKER: marker, "TMPDIR": str(scratch)}


@dataclass(frozen=True, slots=True)
class Grounds:
    """What workers run on, see `Environments`."""

    python: Callable[[Module], Path | None]
    """The interpreter of a module's environment, None for the engine's own. Raises OSError where it has none yet."""
    lent: Path
    """Where `sieve_jobs` alone can be imported from."""


@dataclass(frozen=True, slots=True)
class Spawner:
    """Starts workers. *umask* is the one they get; *keep* takes what they print, see `Capture`."""

    settings: Settings
    scratch: Path
    marker: str
    umask: int
    keep: Keep
    watch: Watch
    grounds: Grounds

    def spawn(self, module: Module, gpu: int | None = None) -> WorkerProcess:
        """Starts a worker in the folder of *module*'s file, in a session of its own. Raises OSError.

        It is spawned, never forked: a forked copy would hold the engine's locks and sockets. *gpu* is the only one
        it is to see; by default it sees what the engine does.
        """
        python = self.grounds.python(module)
        own = uuid.uuid4().hex
        scratch = self.scratch / own
        scratch.mkdir(mode=0o700)
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        marker = f"{self.marker}.{own}"
        try:
            child = subprocess.Popen(
                worker_command(python, self.grounds.lent, theirs.fileno()),
                cwd=module.file.parent,
                env={**within(worker_environment(os.environ, marker, scratch), python), **_gpu_environment(gpu)},
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                umask=self.umask,
            )
        except OSError:
            ours.close()
            os.close(reading)
            scratch.rmdir()
            raise
        finally:
            theirs.close()
            os.close(writing)
        started = Started(child, marker, scratch, ours, reading)
        return WorkerProcess(module, started, self.settings, self.keep, self.watch)


def _gpu_environment(gpu: int | None) -> dict[str, str]:
    """Numbered as nvidia-smi does, not by speed."""
    return {} if gpu is None else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": str(gpu)}
