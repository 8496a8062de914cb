"""How a worker is started on an interpreter that is not the engine's: what it needs of ours, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import sieve_jobs

_BOOT = (
    "import sys; sys.path.append(sys.argv.pop(1));from sieve_jobs.engine.worker.__main__ import main; sys.exit(main())"
)
"""The worker and the SDK need the standard library alone, so their folder is all that is lent, at the path's end."""
_OF_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def lend(folder: Path) -> None:
    """Makes *folder* one from which `sieve_jobs` can be imported, and nothing that is installed beside it."""
    folder.mkdir(mode=0o700, exist_ok=True)
    link, package = folder / "sieve_jobs", Path(sieve_jobs.__file__).parent
    if not link.is_symlink() or link.readlink() != package:
        draft = folder / f"draft.{os.getpid()}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(package)
        draft.replace(link)


def worker_command(python: Path | None, lent: Path, descriptor: int) -> list[str]:
    """What starts a worker that talks on *descriptor*. *python* None is the engine's own."""
    options = ["-P", "-X", "faulthandler"]
    if python is None:
        return [sys.executable, *options, "-m", "sieve_jobs.engine.worker", str(descriptor)]
    return [str(python), *options, "-c", _BOOT, str(lent), str(descriptor)]


def within(environ: Mapping[str, str], python: Path | None) -> dict[str, str]:
    """*environ* for a worker on *python*: the programs of its environment come first, ours are not lent."""
    if python is None:
        return dict(environ)
    kept = {name: value for name, value in environ.items() if name not in _OF_OUR_PYTHON}
    places = os.pathsep.join([str(python.parent), *filter(None, [environ.get("PATH")])])
    return {**kept, "PATH": places, "VIRTUAL_ENV": str(python.parent.parent)}
