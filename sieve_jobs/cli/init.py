"""`init`: a project that applies at once on this machine: config, first spec, first function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from sieve_jobs.cli.ci import Planted, plant, target_for_ci
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.new_file import write_new
from sieve_jobs.cli.options import verb
from sieve_jobs.codes import Code
from sieve_jobs.config.settings import CONFIG_NAME, STATE_FOLDER
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError

CONFIG = """\
# Everything here is optional; `sieve-jobs schema config` describes every key.

[project]
specs = ["jobspecs"]            # folders of specs
functions = ["functions"]       # Python functions for the embedded engine
owner = "me"                    # their author: me/hello
"""
EXAMPLE = """
# The default target is the embedded engine, which needs no key and no network. To send jobs to Sieve,
# take the signs of comment away, set SIEVE_API_KEY, and run `sieve-jobs plan --target prod`.
#
# [targets.prod]
# endpoint = "https://mango.sievedata.com"
# api_key_env = "SIEVE_API_KEY"           # the name of the variable, never the key
# state = "git"                           # shared on the remote; `sieve-jobs init --ci github` writes all of this
# allow_env = ["CDN_*", "OPENAI_API_KEY"] # what specs may read from the environment
# wait = "30m"                            # how long `apply` follows what it pushed
"""
SPEC = """\
# `sieve-jobs plan` says what this does, `sieve-jobs apply` does it.
name: hello
function: me/hello
inputs:
  name: world
"""
FUNCTION = '''\
"""A first function: what it returns is the output of the job."""

from sieve_jobs import sdk as sieve


@sieve.function(name="hello")
def hello(name: str) -> str:
    print(f"saying hello to {name}")
    return f"Hello, {name}!"
'''
IGNORED = (f"{STATE_FOLDER}/", ".env", "out/")


@verb(
    "init",
    "sieve-jobs init",
    "sieve-jobs -C my-videos init",
    "sieve-jobs init --ci github",
    project=False,
)
@click.option("--ci", type=click.Choice(["github"]), help="Also write a workflow, and share the target's state.")
@click.option(
    "-t", "--target", metavar="NAME", help="The target that CI applies; default the only remote one, or prod."
)
@click.option("--action", metavar="REPO@COMMIT", help="Where the workflow takes the action from.")
def command(session: Session, *, ci: str | None, action: str | None) -> ExitCode:
    """Start a project in this folder: a config, a first spec and a first function.

    The folder that -C names is made where it is missing. Nothing that is there is overwritten; the examples are left
    out where there are specs already, and with --ci, as a merge would push them. With --ci a target of the config gets
    the keys that it lacks for a state that runners share; running it again changes nothing.
    """
    if not ci and (action or session.invocation.target):
        raise UsageError(Diagnostic(Code.USAGE, "--target and --action go with --ci"))
    if session.invocation.directory:
        (session.working_folder / Path(session.invocation.directory).expanduser()).mkdir(parents=True, exist_ok=True)
    root = session.start
    chosen = target_for_ci(session, action) if ci else None
    files = {CONFIG_NAME: CONFIG if chosen else CONFIG + EXAMPLE}
    if chosen is None and not _has_specs(root / "jobspecs"):
        files |= {"jobspecs/hello.yaml": SPEC, "functions/hello.py": FUNCTION}
    written = [name for name, text in files.items() if write_new(root / name, text)]
    kept = [name for name in files if name not in written]
    if _ignore(root / ".gitignore"):
        written.append(".gitignore")
    planted = plant(session, chosen, action) if chosen else Planted((), (), (), ())
    return _answer(session, written, kept, planted)


def _answer(session: Session, written: Sequence[str], kept: Sequence[str], planted: Planted) -> ExitCode:
    changed = [name for name in planted.changed if name not in written]
    kept = [name for name in (*kept, *planted.kept) if name not in changed]
    written = [*written, *planted.written]
    if session.as_json:
        root = str(session.start)
        steps = list(planted.steps)
        session.streams.document({"root": root, "written": written, "changed": changed, "kept": kept, "next": steps})
        return ExitCode.OK
    rows = [
        *(f"wrote {name}" for name in written),
        *(f"added to {name} what the target lacked" for name in changed),
        *(f"kept  {name}, which was there" for name in kept),
    ]
    steps = [f"{number}. {step}" for number, step in enumerate(planted.steps, start=1)]
    following = (
        ["next:", *(f"  {step}" for step in steps)] if steps else ["next: sieve-jobs plan, then sieve-jobs apply"]
    )
    session.streams.answer("\n".join([*rows, "", *following]))
    return ExitCode.OK


def _has_specs(folder: Path) -> bool:
    return folder.is_dir() and any(path.suffix in {".yaml", ".yml"} for path in folder.rglob("*"))


def _ignore(path: Path) -> bool:
    """Adds what git should ignore and does not yet; whether anything was added."""
    there = path.read_bytes() if path.is_file() else b""  # names in it may be in any encoding
    lines = {line.strip() for line in there.splitlines()}
    missing = [line.encode() for line in IGNORED if line.encode() not in lines]
    if not missing:
        return False
    separator = b"" if not there or there.endswith(b"\n") else b"\n"
    path.write_bytes(there + separator + b"\n".join(missing) + b"\n")
    return True
