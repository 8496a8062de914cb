"""`functions stub`: a local function that answers as an example job did, its files beside it. Nothing is pushed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from sieve_jobs.cli.connection import FarSide, call, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.entries import redactor_of
from sieve_jobs.cli.example import Example, called, from_document, from_far_side, known_jobs, no_example
from sieve_jobs.cli.given_file import STDIN
from sieve_jobs.cli.options import verb
from sieve_jobs.cli.stub_files import StubPlace, fetch_all, names_of, nursery, place_of, put, require_free
from sieve_jobs.codes import Code
from sieve_jobs.config.choose import TARGET_VARIABLE
from sieve_jobs.config.settings import CONFIG_NAME, LOCAL
from sieve_jobs.config.stand_ins import StandIn, config_line, is_function
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, UsageError
from sieve_jobs.push.naming import file_urls
from sieve_jobs.render.python import NoSourceError
from sieve_jobs.render.quantity import count, plain_size
from sieve_jobs.render.stub import Stub, source, takes_any_name
from sieve_jobs.render.text import escape
from sieve_jobs.source import is_function_name
from sieve_jobs.state.entry import SavedFile
from sieve_jobs.wire import Job, Parameter

_NOWHERE = FarSide("http://127.0.0.1", "none", local=True)
"""What fetches the files of a document: their urls are whole, and no key goes along with them."""


@verb(
    "stub",
    "sieve-jobs functions stub sieve/dubbing -t prod",
    "sieve-jobs functions stub sieve/dubbing --job 3f0c1d2e-8a11-4f6e-9a52-0c4b1d7e2f10",
    "sieve-jobs functions stub sieve/dubbing --from job.json --name dub_draft",
)
@click.argument("function", metavar="AUTHOR/NAME")
@click.option("--job", "job_id", metavar="ID", help="The example; default the latest that finished.")
@click.option("--from", "file", metavar="FILE", help="A saved job, or its outputs, as JSON; - is stdin.")
@click.option("--name", metavar="NAME", help="Name of the local function; default that of the other.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier stub and its files.")
def stub(
    session: Session, function: str, *, job_id: str | None, file: str | None, name: str | None, overwrite: bool
) -> ExitCode:
    """Write a local function that answers with the outputs of an example job.

    Files of the outputs are downloaded beside it. The job is the latest one that the target's state, or the target,
    knows to have finished; without -t the target is the only remote one of the config. It pushes nothing and pays
    nothing. Inputs and env of the job are not written, and secrets at hand are taken out of its outputs.
    """
    if job_id is not None and file is not None:
        raise UsageError(Diagnostic(Code.USAGE, "--job and --from do not go together"))
    wanted = _wanted(session, function, name)
    require_free(wanted.place, overwrite=overwrite)
    if file is not None:
        example = from_document(function, file if file == STDIN else str(session.start / Path(file).expanduser()))
        made = _write(session, _NOWHERE, wanted, example)
    else:
        there = _with_jobs(session, wanted)
        known = () if job_id is not None else known_jobs(there, function)
        target = there.target.name
        with far_side(there) as far:
            example = call(far, lambda client: from_far_side(client, function, target, job_id, known))
            made = _write(there, far, wanted, example)
    return _answer(session, wanted, made, example)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A stub that is to be made."""

    stand_in: StandIn
    name: str
    """Its own, without the author."""
    place: StubPlace


def _wanted(session: Session, function: str, name: str | None) -> _Wanted:
    """Raises UsageError for names that are none, and for one that another function of the project has."""
    if not is_function(function) or ":" in function:
        raise UsageError(
            Diagnostic(Code.USAGE, f"'{function}' is no function", expected="author/name, without a version")
        )
    local = function.rpartition("/")[2] if name is None else name
    if not (is_function_name(local) and local.isprintable()):
        raise UsageError(Diagnostic(Code.USAGE, f"--name: '{local}' cannot name a function", expected="a word"))
    folders = session.config.project.functions
    if not folders:
        raise UsageError(
            Diagnostic(Code.USAGE, "the project has no folder of functions", expected="[project] functions")
        )
    place = place_of(session.root / folders[0], local)
    there = session.declared.functions.get(local)
    if there is not None and there.file != place.module:
        message = f"{_shown(session, there.file)}:{there.line} declares '{local}' already; nothing was written"
        raise UsageError(Diagnostic(Code.USAGE, message, hint="--name gives the stub another name"))
    return _Wanted(StandIn(f"{session.config.project.owner}/{local}", function), local, place)


def _with_jobs(session: Session, wanted: _Wanted) -> Session:
    """The run on the target that has example jobs: the one that was said, else the only remote one."""
    said = session.invocation.target or session.environ.get(TARGET_VARIABLE)
    own = wanted.stand_in.asked.startswith(f"{session.config.project.owner}/")
    if said or own or not session.target.is_local:
        return session
    remotes = session.config.remotes
    if len(remotes) == 1:
        return session.saying(replace(session.invocation, target=remotes[0]))
    expected = " or ".join(f"-t {name}" for name in remotes) or "-t NAME of a remote target, or --from FILE"
    raise UsageError(Diagnostic(Code.USAGE, "which target has the example job was not said", expected=expected))


def _write(session: Session, far: FarSide, wanted: _Wanted, example: Example) -> Stub:
    """Makes the stub, and puts it in its place once all of it is there."""
    outputs = example.job.outputs
    urls = dict.fromkeys(url for each in outputs for url in file_urls(each.get("data"), each.get("type")))
    names = names_of([*urls])
    clean = redactor_of(session).clean
    made = Stub(
        name=wanted.name, of=wanted.stand_in.asked, job_id=example.job.id, outputs=outputs,
        parameters=_parameters(example), streams=example.function is not None and example.function.streams,
        folder=wanted.place.folder.name, files={url: SavedFile(name, 0, "") for url, name in names.items()},
    )  # fmt: skip
    try:
        source(made, clean)  # before anything is downloaded
        with nursery(wanted.place) as folder:
            if names:
                made = replace(made, files=call(far, lambda client: fetch_all(client, names, folder)))
            put(wanted.place, source(made, clean), folder)
    except NoSourceError as error:
        raise no_example(f"the outputs of {called(example.job)} {error}", "another one, by --job ID") from error
    return made


def _parameters(example: Example) -> Sequence[Parameter] | None:
    """What the function takes, else what the job was given; never a value of the job's inputs."""
    function = example.function
    if function is not None and function.parameters is not None:
        return function.parameters
    return [*_given(example.job)] or None


def _given(job: Job) -> Iterator[Parameter]:
    for name, item in job.inputs.items():
        fields: Mapping[str, object] = item if isinstance(item, dict) else {}
        yield Parameter(name, str(fields.get("type") or "any"), fields.get("is_optional") is True)


def _notes(made: Stub, example: Example) -> Iterator[str]:
    if takes_any_name(made):
        yield "what it takes is not known: it takes any input by its name"
    elif example.function is None or example.function.parameters is None:
        yield "what it takes is told by the job's inputs alone: defaults are not known"
    links = sum(map(_links, (output.get("data") for output in made.outputs)))
    if links:
        yield f"{count(links, 'text')} in the outputs may be a signed url, which dies within days: look at it"


def _links(data: object) -> int:
    """How many texts are urls with a query."""
    if isinstance(data, str):
        return data.startswith(("http://", "https://")) and "?" in data
    if isinstance(data, dict):
        return 0 if data.get("url") else sum(map(_links, data.values()))
    return sum(map(_links, data)) if isinstance(data, list) else 0


def _answer(session: Session, wanted: _Wanted, made: Stub, example: Example) -> ExitCode:
    stand_in, place = wanted.stand_in, wanted.place
    known = session.config.targets[LOCAL].stand_ins
    is_there = stand_in.function == stand_in.asked or known.get(stand_in.asked) == stand_in.function
    line = None if is_there else config_line(known, stand_in.asked, stand_in.function)
    files = [(_shown(session, place.folder / file.path), file) for file in made.files.values()]
    notes = [*_notes(made, example)]
    if session.as_json:
        rows = [{"path": path, "size": file.size, "sha256": file.sha256} for path, file in files]
        session.streams.document({
            **stand_in.as_json(), "job_id": made.job_id or None, "path": _shown(session, place.module), "files": rows,
            "stand_ins": line, "notes": notes,
        })  # fmt: skip
        return ExitCode.OK
    lines = [
        f"{stand_in.function} answers as {called(example.job)} of {stand_in.asked}",
        f"wrote {_shown(session, place.module)}",
        *(f"wrote {path}  {plain_size(file.size)}" for path, file in files),
    ]
    if len(files) > 1:
        lines.append(f"{count(len(files), 'file')}, {plain_size(sum(file.size for _, file in files))} in all")
    lines += [f"note: {note}" for note in notes]
    session.streams.answer("\n".join(map(escape, lines)))
    if line is not None:
        session.streams.answer(f"\nnext: in {CONFIG_NAME}, under [targets.{LOCAL}]\n  {escape(line)}")
    return ExitCode.OK


def _shown(session: Session, path: Path) -> str:
    return path.relative_to(session.root).as_posix() if path.is_relative_to(session.root) else str(path)
