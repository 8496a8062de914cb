"""A project on disk, and the command line run in it: in this process, as a process, or in the background."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sieve_jobs.cli.main import run as run_here
from sieve_jobs.cli.streams import Streams
from tests.cloud import Cloud

REPOSITORY = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "sieve_jobs"]
KEY = {"SIEVE_API_KEY": Cloud.key}
_PASSED_ON = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Files by path from *root*."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def project(root: Path, specs: Mapping[str, str | bytes], config: str = "") -> Path:
    """A project at *root* with *specs* by file name, and a config."""
    (root / "jobspecs").mkdir(parents=True)
    # A git folder above the temporary one would be another project's.
    (root / ".git").mkdir()
    write(root, {"sieve-jobs.toml": config} | {f"jobspecs/{name}": text for name, text in specs.items()})
    return root


def remote_config(endpoint: str, settings: str = "") -> str:
    """A config whose target `prod` is *endpoint*, with more *settings* of that target."""
    return f'[targets.prod]\nendpoint = "{endpoint}"\n{settings}\n'


def spec(function: str = "sieve/dubbing", **inputs: object) -> str:
    """A spec's text. JSON is YAML."""
    return f"function: {function}\ninputs: {json.dumps(inputs)}\n"


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def all(self) -> str:
        return self.out + self.err


def ran(root: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
    """Runs *arguments* in this process as if in the folder *root*, with *environ* alone as its environment."""
    out, err = io.StringIO(), io.StringIO()
    code = run_here(["-C", str(root), *arguments], dict(environ or {}), Streams(out, err))
    return Ran(code, out.getvalue(), err.getvalue())


def environment(**more: str) -> dict[str, str]:
    """What a process gets: the key of the stand-in, *more*, and of our own environment what a program needs to run."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | KEY | more


def run(root: Path, *arguments: str, **env: str) -> Ran:
    """Runs *arguments* as a process in the folder *root*, to its end."""
    return run_program([*COMMAND, *arguments], root, **env)


def run_program(command: list[str], folder: Path, **env: str) -> Ran:
    """Runs any program in *folder* as `run` runs ours."""
    done = subprocess.run(
        command, cwd=folder, env=environment(**env), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(root: Path, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """A process in the background; killed at the end if it still runs."""
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=root, env=environment(**env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@dataclass
class Project:
    """A project whose target `prod` is *endpoint*, and an environment that every command in it gets."""

    root: Path
    endpoint: str
    settings: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        project(self.root, {}, remote_config(self.endpoint, self.settings))

    def configure(self, settings: str = "") -> None:
        write(self.root, {"sieve-jobs.toml": remote_config(self.endpoint, settings)})

    def write(self, name: str, text: str | bytes) -> Path:
        """Writes the spec file *name*; its path."""
        write(self.root, {f"jobspecs/{name}": text})
        return self.root / "jobspecs" / name

    def ran(self, *arguments: str, **env: str) -> Ran:
        """A command in this process."""
        return ran(self.root, *arguments, environ={**KEY, **self.environ, **env})

    def run(self, *arguments: str, **env: str) -> Ran:
        """A command as a process."""
        return run(self.root, *arguments, **{**self.environ, **env})

    def remote(self, verb: str, *arguments: str, **env: str) -> Ran:
        """A verb on the remote target, in this process."""
        return self.ran(verb, "-t", "prod", *arguments, **env)

    def apply(self, *arguments: str, **env: str) -> Ran:
        """`apply` on the remote target, consented to, in this process."""
        return self.remote("apply", "--yes", *arguments, **env)
