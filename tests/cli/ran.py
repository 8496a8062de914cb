"""One command line, run in this process: its exit code and what stood on its two streams."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from sieve_jobs.cli.main import run
from sieve_jobs.cli.streams import Streams
from tests.acceptance.project import Ran
from tests.cloud import Cloud

KEY = {"SIEVE_API_KEY": "key-of-the-stand-in"}


def ran(root: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
    """Runs *arguments* as if in the folder *root*, with *environ* alone as its environment."""
    out, err = io.StringIO(), io.StringIO()
    code = run(["-C", str(root), *arguments], dict(environ or {}), Streams(out, err))
    return Ran(code, out.getvalue(), err.getvalue())


def project(root: Path, specs: Mapping[str, str], config: str = "") -> Path:
    """A project at *root* with *specs* by file name, and a config."""
    (root / "jobspecs").mkdir(parents=True)
    (root / "sieve-jobs.toml").write_text(config)
    for name, text in specs.items():
        path = root / "jobspecs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def remote_config(cloud: Cloud, settings: str = "") -> str:
    """A config whose target `prod` is *cloud*."""
    return f'[targets.prod]\nendpoint = "{cloud.url}"\n{settings}\n'


def spec(width: int = 640, function: str = "sieve/dubbing") -> str:
    return f"function: {function}\ninputs: {{width: {width}}}\n"
