"""What a runner of GitHub is told beside the log: the step's outputs, its summary, and the text of a comment.

The runner names the files in its environment; where a name is not set, that part is left out.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.ending import problems_of
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.errors import ExitCode
from sieve_jobs.plan.plan import Plan
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.render import github, human, markdown
from sieve_jobs.render.document import dump, plan_document

_URL = re.compile(r"https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._/-]+")


def on_runner(session: Session, verb: str, run: Callable[[], ExitCode]) -> ExitCode:
    """Runs a verb; whatever ends it is annotated, and its exit code is an output of the step."""
    try:
        code = run()
    except (KeyboardInterrupt, click.Abort):
        tell(session, {"exit-code": str(int(ExitCode.INTERRUPTED))})
        raise
    except Exception as error:
        problems, code = problems_of(error)
        session.streams.answer(github.problems(problems, folder_of(session)))
        text = markdown.problems(problems, verb=verb, whole=whole(session))
        tell(session, {"exit-code": str(int(code))}, text)
        raise
    tell(session, {"exit-code": str(int(code))})
    return code


def tell(session: Session, outputs: Mapping[str, str], text: str = "", document: str = "") -> None:
    """Writes *outputs*, *text* as summary and comment, and *document* as a file that holds all of it.

    What cannot be written is said: the run is not undone.
    """
    environ = session.environ
    written = dict(outputs)
    folder = environ.get("RUNNER_TEMP")
    try:
        if text:
            _append(environ.get("GITHUB_STEP_SUMMARY"), f"{text}\n")
        if text and folder:
            written["comment-file"] = str(_new_file(Path(folder), ".md", text))
        if document and folder:
            written["document-file"] = str(_new_file(Path(folder), ".json", document))
        _append(environ.get("GITHUB_OUTPUT"), github.outputs(written, f"end-{secrets.token_hex(16)}"))
    except OSError as error:
        why = (error.strerror or "unwritable").lower()
        hint = "what the run did stands; look at the disk of the runner"
        session.problems(Diagnostic(Code.RUNNER_NOT_TOLD, f"could not write what the runner is told: {why}", hint=hint))


def tell_plan(session: Session, plan: Plan, refusals: Sequence[Diagnostic], saved: Path | None) -> None:
    """A plan as a runner shows it: to people in the log, as annotations, as summary and comment, as outputs.

    *refusals* are what apply would refuse it for, *saved* is where it was saved.
    """
    session.streams.say(human.plan(plan, session.style(session.streams.err)))
    session.streams.answer(github.plan(plan, refusals, folder=folder_of(session)))
    counted = {name: str(number) for name, number in plan.summary._asdict().items()}
    outputs = {"target": plan.where.target, "changes": "true" if plan.pending else "false", **counted}
    if saved is not None:
        outputs["plan-file"] = str(saved)
    document = dump(plan_document(plan, refusals))
    tell(session, outputs, markdown.plan(plan, refusals, whole=whole(session)), document)


def tell_result(session: Session, plan: Plan, result: ApplyResult) -> None:
    """The same of what an apply came to."""
    places = {change.name: Place(change.path, change.line) for change in plan.changes}
    known = (*plan.running.items(), *plan.failed.items(), *plan.unsaved.items())
    places |= {name: Place(entry.path, entry.line) for name, entry in known}
    session.streams.answer(github.applied(result, places, folder_of(session)))
    done = {name.replace("_", "-"): str(number) for name, number in result.summary.as_json().items()}
    outputs = {"target": plan.where.target, **done, "still-running": str(len(result.still_running))}
    tell(session, outputs, markdown.applied(result, plan.where, whole=whole(session)))


def folder_of(session: Session) -> str:
    """The way from the checkout to the project, which annotations need; empty where they are one folder."""
    workspace = session.environ.get("GITHUB_WORKSPACE")
    if not workspace:
        return ""
    inner, outer = session.root.resolve(), Path(workspace).resolve()
    return "" if inner == outer or not inner.is_relative_to(outer) else inner.relative_to(outer).as_posix()


def whole(session: Session) -> str:
    """A sentence that says where all of it is: in the log of the run that this is, or on this machine."""
    environ = session.environ
    parts = [environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    if not all(parts):
        return "The log has the whole." if environ.get("GITHUB_ACTIONS") else "`sieve-jobs plan` shows the whole."
    url = f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}"
    return f"[The log of the run]({url}) has the whole." if _URL.fullmatch(url) else "The log has the whole."


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)


def _new_file(folder: Path, ending: str, text: str) -> Path:
    """A new file each time: nobody else can have put one there."""
    path = folder / f"sieve-jobs-{secrets.token_hex(8)}{ending}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(text)
    return path
