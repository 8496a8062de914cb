"""A project in a folder of its own, and the real command line run in it as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sieve_jobs"]


@dataclass
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


@dataclass
class Project:
    """A folder with a config whose target `prod` is *endpoint*, and specs."""

    root: Path
    endpoint: str
    settings: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "jobspecs").mkdir(parents=True)
        self.configure(self.settings)
        # A git folder above the temporary one would be another project's.
        (self.root / ".git").mkdir()

    def configure(self, settings: str = "") -> None:
        text = f'[targets.prod]\nendpoint = "{self.endpoint}"\napi_key_env = "SIEVE_API_KEY"\n{settings}\n'
        (self.root / "sieve-jobs.toml").write_text(text)

    def write(self, name: str, text: str) -> Path:
        path = self.root / "jobspecs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def env(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "VIRTUAL_ENV"}}
        return kept | {"SIEVE_API_KEY": "key-of-the-stand-in"} | self.environ | more

    def run(self, *args: str, timeout: float = 60, **env: str) -> Ran:
        done = subprocess.run(
            [*COMMAND, *args], cwd=self.root, env=self.env(**env), capture_output=True, text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def remote(self, verb: str, *args: str, **env: str) -> Ran:
        return self.run(verb, "-t", "prod", *args, **env)

    def apply(self, *args: str, **env: str) -> Ran:
        """`apply` on the remote target, consented to."""
        return self.remote("apply", "--yes", *args, **env)

    @contextmanager
    def started(self, *args: str, **env: str) -> Iterator[subprocess.Popen[str]]:
        """A command in the background; killed at the end if it still runs."""
        with subprocess.Popen(
            [*COMMAND, *args], cwd=self.root, env=self.env(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip
            try:
                yield process
            finally:
                process.kill()


def spec(function: str = "sieve/dubbing", **inputs: object) -> str:
    """A spec's text. JSON is YAML."""
    return f"function: {function}\ninputs: {json.dumps(inputs)}\n"
