"""Running one job: its environment, inputs as arguments, results as they come, and nothing left behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import GeneratorType, TracebackType
from urllib.parse import urlsplit

from sieve_jobs.engine.frames import FrameError
from sieve_jobs.engine.worker.lifeline import StopRequested
from sieve_jobs.engine.worker.loading import Declared
from sieve_jobs.engine.worker.room import Rooms
from sieve_jobs.engine.worker.talk import EngineGone, Talk
from sieve_jobs.sdk import FatalException, File, session
from sieve_jobs.sdk.bind import InputError, bind
from sieve_jobs.sdk.describe import Signature, signature_of
from sieve_jobs.sdk.encode import OutputError, encode
from sieve_jobs.sdk.files import attributes_of, from_json
from sieve_jobs.sdk.session import Api
from sieve_jobs.wire import Json

_ERROR_LENGTH = 262_144
_EXHAUSTED = object()
"""What `next` gives at the end of a generator: nothing that one could yield."""


class SetupError(Exception):
    """`__setup__` raised; the message is the whole text of the job's error."""


@dataclass(frozen=True, slots=True)
class Order:
    """A job to run. *env* is its own; *environ* adds what every job is told."""

    function: Declared
    inputs: dict[str, Json] | list[Json]
    env: Mapping[str, str]
    environ: Mapping[str, str]
    api: tuple[str, str] = ("", "")
    """Where the job may push further ones, and its pass."""


@dataclass(slots=True)
class Runner:
    """Runs jobs on the functions of one module, and keeps the instances of its classes between them."""

    talk: Talk
    rooms: Rooms
    _signatures: dict[str, Signature] = field(default_factory=dict)
    _instances: dict[str, tuple[Mapping[str, str], object]] = field(default_factory=dict)
    _opened: list[int] = field(default_factory=list)

    def run(self, order: Order) -> None:
        """Runs to the end and tells the engine how it went. Raises StopRequested, EngineGone.

        That is told when all is as it was before the job. What then cannot be put back is raised too, and ends the
        worker: under the job that broke it, not under the next one.
        """
        end_questions, ask = self.talk.for_job()
        api = Api(*order.api, share=partial(_share, ask))
        defaults = {it.name: it.default for it in order.function.declaration.env if it.default is not None}
        try:
            with self.rooms.room({**defaults, **order.environ}) as folder, session.job(api):
                try:
                    frames = self._run(order, folder) + self.talk.pack({"op": "done"})
                except (StopRequested, EngineGone):
                    raise
                except BaseException as error:  # whatever a function raises is the job's end, not the worker's
                    frames = self._failed(order, error)
                end_questions()
        finally:
            while self._opened:
                os.close(self._opened.pop())
        _flush()
        self.talk.send(frames)

    def _run(self, order: Order, folder: Path) -> bytes:
        """The frame of its one output, which goes with the word that the job is done; a generator's have gone."""
        target = order.function.target
        declared = order.function.declaration.env
        missing = [it.name for it in declared if it.default is None and it.name not in order.env]
        if missing:
            raise InputError(f"Missing environment variable: {', '.join(missing)}")
        arguments = bind(self._signature(order), order.inputs, open_file=lambda value: self._open(value, folder))
        call = self._instance(order) if isinstance(target, type) else target
        result = _theirs(call, **arguments)
        if not isinstance(result, GeneratorType):
            return self._output(result)
        while (value := _theirs(next, result, _EXHAUSTED)) is not _EXHAUSTED:
            output = self._output(value)
            _flush()
            self.talk.send(output)
        return b""

    def _signature(self, order: Order) -> Signature:
        """Read once: annotations are evaluated for it."""
        name = order.function.attribute
        found = self._signatures.get(name)
        if found is None:
            found = self._signatures[name] = signature_of(order.function.target)
        return found

    def _instance(self, order: Order) -> Callable[..., object]:
        """The warm instance, set up anew if this job's env is not the one it was set up with."""
        name = order.function.attribute
        kept = self._instances.get(name)
        if kept is None or kept[0] != order.env:
            self._instances.pop(name, None)
            self._stage("setup")
            try:
                instance = _theirs(order.function.target)
                if hasattr(instance, "__setup__"):
                    _theirs(instance.__setup__)
            except (StopRequested, EngineGone):
                raise
            except BaseException as error:
                raise SetupError(f"Setup failed: {error_text(error)}") from error
            kept = self._instances[name] = (dict(order.env), instance)
            self._stage("run")
        predict: Callable[..., object] = getattr(kept[1], "__predict__")  # noqa: B009 -- the object has no type
        return predict

    def _output(self, value: object) -> bytes:
        """The frame of one output, whose files the engine has by then."""
        encoded = encode(value, keep_file=self._keep)
        try:
            return self.talk.pack({"op": "output", "value": encoded})
        except FrameError as error:
            raise OutputError(f"Input/Output too large: {error}") from error

    def _keep(self, path: Path) -> dict[str, Json]:
        """Hands an output file to the engine, as a handle; it is copied when this returns."""
        handle = os.open(path, os.O_RDONLY)
        try:
            answer, _ = self.talk.request({"op": "keep", "name": path.name}, handle)
        finally:
            os.close(handle)
        if answer.get("op") != "kept":
            raise OutputError(f"could not keep the file {str(path)!r}: {answer.get('message')}")
        return {"url": answer["url"]}

    def _open(self, value: Json, folder: Path) -> File:
        """A file input. One on this machine or of this engine comes as a handle, the rest is fetched when used."""
        file = from_json(value)
        if file.url is None or not _is_local(file.url):
            return file
        answer, handle = self.talk.request({"op": "open", "url": file.url}, None)
        if answer.get("op") != "opened":
            raise ValueError(str(answer.get("message")))
        self._opened.append(handle)
        path = _place(handle, folder / str(len(self._opened)), str(answer.get("name")))
        opened = File(path=path)
        for attribute, item in attributes_of(file).items():
            setattr(opened, attribute, item)
        return opened

    def _stage(self, stage: str) -> None:
        """A job is at "run" until it says else. The engine is waited for: what is printed later must be read later."""
        _flush()
        self.talk.request({"op": "stage", "stage": stage}, None)

    def _failed(self, order: Order, error: BaseException) -> bytes:
        is_refused = isinstance(error, InputError)
        restarts = order.function.declaration.restart_on_error and not is_refused
        cause = error.__cause__ if isinstance(error, SetupError) else error
        fatal = isinstance(cause, FatalException) or not isinstance(cause, Exception)
        text = str(error) if isinstance(error, SetupError) else error_text(error)
        return self.talk.pack({"op": "failed", "error": shortened(text), "recycle": restarts or fatal})


def _share(ask: Callable[[dict[str, Json], int | None], dict[str, Json]], path: Path) -> str:
    """The URL of a file that a job hands to one it pushes; copied when this returns. Raises OSError, RuntimeError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        answer = ask({"op": "keep", "name": path.name}, handle)
    finally:
        os.close(handle)
    if answer.get("op") != "kept":
        raise OSError(f"could not keep the file {str(path)!r}: {answer.get('message')}")
    return str(answer["signed"])


def _theirs(call: Callable[..., object], *args: object, **kwargs: object) -> object:
    """Calls the function's own code. A process it forked that comes back from it ends here, as a script would.

    There is one worker: two of them would both answer for the job, and the second answer be taken for the next one's.
    """
    worker, status = os.getpid(), 0
    try:
        result = call(*args, **kwargs)
        if os.getpid() == worker:
            return result
    except BaseException as error:
        if os.getpid() == worker:
            raise
        status = _exit_status(error)
    _flush()
    os._exit(status & 0xFF)


def _exit_status(error: BaseException) -> int:
    """What Python ends with after *error*, which it prints if it is not meant."""
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        return error.code or 0
    traceback.print_exception(error)
    return 1


def shortened(text: str) -> str:
    """An error small enough to be kept and shown: its beginning and its end, where the message is."""
    if len(text) <= _ERROR_LENGTH:
        return text
    half = _ERROR_LENGTH // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def error_text(error: BaseException) -> str:
    """The traceback as the function's author wants it: from their own code on."""
    trace = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip("\n")


def _is_ours(trace: TracebackType) -> bool:
    name = str(trace.tb_frame.f_globals.get("__name__", ""))
    return name.startswith(("sieve_jobs.engine.", "sieve_jobs.sdk.", "importlib.", "_frozen_importlib"))


def _is_local(url: str) -> bool:
    """Whether the engine opens it: a file of this machine, or one it has signed itself."""
    if url[:5].lower() == "file:":
        return True
    try:
        parts = urlsplit(url)
        return parts.hostname == "127.0.0.1" and parts.path.startswith("/v2/files/") and "sig=" in parts.query
    except ValueError:
        return False


def _place(handle: int, folder: Path, name: str) -> Path:
    """A path for an open file that keeps its name, and so its extension, and that child processes can open too."""
    folder.mkdir()
    path = folder / (name or "file")
    by_handle = Path(f"/proc/{os.getpid()}/fd/{handle}")
    if by_handle.exists():
        path.symlink_to(by_handle)
    else:
        with os.fdopen(os.dup(handle), "rb") as source, path.open("wb") as out:
            shutil.copyfileobj(source, out)
    return path


def _flush() -> None:
    """What was printed goes before what is said next, so that it is filed under the right stage and job."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed or replaced by the function
            stream.flush()
