"""`outputs`: what a job gave, and its files downloaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sieve_jobs.cli.connection import FarSide, call, far_side, path_on_disk
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import one_entry, redactor_of
from sieve_jobs.cli.options import name_argument, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import CallError, ExitCode, SieveJobsError, UsageError
from sieve_jobs.push.naming import Wanted, file_urls, places_for
from sieve_jobs.render.quantity import plain_size
from sieve_jobs.render.text import escape
from sieve_jobs.state.entry import SavedFile
from sieve_jobs.wire import Job, Json, Status

if TYPE_CHECKING:
    from sieve_jobs.push.client import Client


@verb(
    "outputs",
    "sieve-jobs outputs dub-intro",
    "sieve-jobs outputs dub-intro --download out",
    "sieve-jobs outputs dub-intro --json",
)
@name_argument
@click.option("--download", "folder", metavar="DIR", help="Save the files of the outputs in this folder.")
@click.option("--overwrite", is_flag=True, help="Replace files of the same name.")
def command(session: Session, name: str, folder: str | None, overwrite: bool) -> ExitCode:
    """Print the outputs of NAME's job, or download their files.

    With --json the outputs stand in the document as the API gives them. What `save` put on the disk is listed too.
    """
    if overwrite and folder is None:
        raise UsageError(Diagnostic(Code.USAGE, "--overwrite goes with --download"))
    if folder == "":
        raise UsageError(Diagnostic(Code.USAGE, "--download takes a folder, and it is empty", hint="'.' is this one"))
    with session.open_store(read_only=True) as store:
        entry = one_entry(session, store, name)
    if entry.stand_in is not None:
        session.streams.say(f"note: {escape(str(entry.stand_in))}")
    with far_side(session) as far:
        try:
            job = call(far, lambda client: client.job(entry.job_id))
        except CallError as error:
            if error.status == 404 and folder is None and entry.saved is not None and not session.as_json:
                session.streams.say(f"the far side no longer knows job {entry.job_id}; what was saved of it:")
                _print_saved(session, entry.saved.files)
                return ExitCode.OK
            raise
        saved = _download(session, far, job, folder, overwrite=overwrite) if folder is not None else ()
    if not job.outputs and job.status is not Status.FINISHED:
        session.streams.say(f"job {job.id} is {job.status.value} and has no outputs")
    if session.as_json:
        outputs = [dict(output) for output in job.outputs]
        body: dict[str, object] = {"name": entry.name, "job_id": job.id, "status": job.status.value, "outputs": outputs}
        kept = saved if folder is not None else entry.saved.files if entry.saved is not None else ()
        body["saved"] = [{"path": each.path, "size": each.size, "sha256": each.sha256} for each in kept]
        session.streams.document(body | ({} if entry.stand_in is None else entry.stand_in.as_json()))
    elif folder is not None:
        _print_saved(session, saved)
        session.streams.say(f"{len(saved)} saved, {plain_size(sum(each.size for each in saved))} in all")
    else:
        _print(session, job)
        if entry.saved is not None and entry.saved.files:
            session.streams.answer("saved" if entry.saved.complete else "to be saved")
            _print_saved(session, entry.saved.files, indent="    ")
    return ExitCode.OK


def _print_saved(session: Session, files: Sequence[SavedFile], indent: str = "") -> None:
    for each in files:
        session.streams.answer(f"{indent}{escape(each.path)}  {plain_size(each.size)}")


def shown_place(session: Session, url: str) -> str:
    """Where a file is, for people: a path on this disk for the engine's, else its url."""
    path = path_on_disk(session, url)
    return url if path is None else path


def _download(session: Session, far: FarSide, job: Job, folder: str, *, overwrite: bool) -> Sequence[SavedFile]:
    urls = [url for output in job.outputs for url in file_urls(output.get("data"), output.get("type"))]
    to = session.start / Path(folder).expanduser()
    places = places_for(urls, to)
    taken = [path for path in places if path.exists() or path.is_symlink()]
    if taken and not overwrite:
        names = ", ".join(f"'{path.name}'" for path in taken[:5])
        raise UsageError(
            Diagnostic(
                Code.USAGE, f"'{to}' has {names} already; nothing was downloaded", hint="--overwrite replaces them"
            )
        )
    to.mkdir(parents=True, exist_ok=True)

    async def work(client: Client) -> list[SavedFile]:
        from sieve_jobs.push.part import Part, clear_leftovers
        from sieve_jobs.push.save import fetch

        saved: list[SavedFile] = []
        clear_leftovers(to)
        for url, path in zip(urls, places, strict=True):
            part = Part(to)
            try:
                await fetch(client, Wanted(str(path), url), part)
                part.give(path)
            except CallError as error:
                raise SieveJobsError(_not_saved(path, error, len(saved), len(urls))) from error
            finally:
                part.discard()
            saved.append(SavedFile(str(path), part.size, part.sha256))
        return saved

    return call(far, work)


def _not_saved(path: Path, error: CallError, done: int, of: int) -> Diagnostic:
    hint = f"{done} of {of} files are saved in that folder"
    return Diagnostic(Code.CALL_FAILED, f"could not save '{path.name}': {error.message}", hint=hint)


def _print(session: Session, job: Job) -> None:
    """Each output with its number and type: files by their place, everything else as JSON."""
    redactor = redactor_of(session)
    for index, output in enumerate(job.outputs):
        shown = _shown(session, output.get("data"))
        items = shown if isinstance(shown, list) and len(shown) > 1 else [shown]
        lines = [item if isinstance(item, _Place) else json.dumps(item, ensure_ascii=False) for item in items]
        title = f"[{index}] {output.get('type') or 'any'}"
        text = [f"{title}  {lines[0]}"] if len(lines) == 1 else [title, *(f"    {line}" for line in lines)]
        session.streams.answer("\n".join(escape(redactor.clean(line)) for line in text))


class _Place(str):
    """Where a file is: shown bare, not as JSON."""

    __slots__ = ()


def _shown(session: Session, data: Json) -> Json:
    """*data* with the place of each file instead of its object."""
    if isinstance(data, dict):
        url = data.get("url")
        if isinstance(url, str):
            return _Place(shown_place(session, url))
        return {key: _shown(session, item) for key, item in data.items()}
    if isinstance(data, list):
        return [_shown(session, item) for item in data]
    return data
