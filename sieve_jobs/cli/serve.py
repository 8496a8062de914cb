"""`serve`: the engine in the foreground, until Ctrl-C."""

from __future__ import annotations

import errno
import sys
from dataclasses import replace
from pathlib import Path

import click

from sieve_jobs.cli.connection import default_workers, engine_settings, require_project
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, SieveJobsError, UsageError


@verb("serve", "sieve-jobs serve --port 8787 --workers 2", project=False)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On 127.0.0.1; default any free one.")
@click.option(
    "--workers", type=click.IntRange(0, 64), help="Worker processes; default as the config says, else one a core."
)
@click.option("--functions", "folders", multiple=True, metavar="DIR", help="Folder of functions; may be repeated.")
@click.option(
    "--cors-origin", "origins", multiple=True, metavar="ORIGIN",
    help="Let pages of this origin use the API; may be repeated.",
)  # fmt: skip
@click.option("--cpu-ok", is_flag=True, help="Run functions that declare a GPU on the CPU where there is none.")
@click.option("--gpus", type=click.IntRange(0, 1024), help="GPUs to place workers on; default what nvidia-smi lists.")
@click.option("--no-install", is_flag=True, help="Install no python_packages: functions get the engine's own.")
def command(  # noqa: PLR0917 -- click passes by name
    session: Session,
    port: int,
    workers: int | None,
    folders: tuple[str, ...],
    origins: tuple[str, ...],
    cpu_ok: bool,
    gpus: int | None,
    no_install: bool,
) -> ExitCode:
    """Run the engine for this project: Sieve's API on 127.0.0.1, running the Python functions of functions/.

    `apply` finds it. The key that requests need stands in .sieve-jobs/engine/key, or in SIEVE_JOBS_ENGINE_KEY.
    Webhooks are signed where SIEVE_JOBS_WEBHOOK_SECRET holds a key (whsec_…).
    Ctrl-C ends it; running jobs are queued again for the next one.
    """
    if session.as_json:
        raise UsageError(Diagnostic(Code.USAGE, "serve has no --json: it answers until it is stopped"))
    from sieve_jobs.engine.home import HomeError
    from sieve_jobs.engine.serve import serve
    from sieve_jobs.engine.store import StoreError

    given = [session.start / Path(folder).expanduser() for folder in folders]
    for folder, path in zip(folders, given, strict=True):
        if not path.is_dir():
            raise UsageError(Diagnostic(Code.USAGE, f"--functions: '{folder}' is no folder"))
    if not given:
        require_project(session)
    settings = engine_settings(session, workers=default_workers())
    settings = replace(
        settings,
        workers=settings.workers if workers is None else workers,
        port=port,
        functions=tuple(path.resolve() for path in given) or settings.functions,
        cors_origins=(*settings.cors_origins, *map(_origin, origins)),
        cpu_ok=cpu_ok,
        gpus=gpus,
        installs=settings.installs and not no_install,
    )
    try:
        requeued = serve(settings, session.streams.err or sys.stderr)
    except (HomeError, StoreError) as error:
        raise SieveJobsError(Diagnostic(Code.ENGINE_NOT_RUNNING, f"the engine cannot run: {error}")) from error
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        where = f"port {port}: " if taken else f"'{error.filename}': " if error.filename else ""
        hint = "without --port any free one is taken" if taken else None
        problem = Diagnostic(
            Code.ENGINE_NOT_RUNNING, f"the engine cannot run: {where}{error.strerror or error}", hint=hint
        )
        raise SieveJobsError(problem) from error
    if requeued is None:
        raise SieveJobsError(
            Diagnostic(
                Code.ENGINE_NOT_RUNNING, "an engine runs for this project already", hint="`apply` finds and uses it"
            )
        )
    return ExitCode.OK


def _origin(text: str) -> str:
    from sieve_jobs.engine.cors import parse_origin

    try:
        return parse_origin(text)
    except ValueError as error:
        raise UsageError(Diagnostic(Code.USAGE, f"--cors-origin: {error}")) from error
