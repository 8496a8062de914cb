"""`python -m sieve_jobs.engine.worker FD`: loads what the engine names on its socket and runs its jobs in turn."""

from __future__ import annotations

import io
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from sieve_jobs.engine.frames import BlockingChannel, Frame
from sieve_jobs.engine.settings import MEBIBYTE, Settings
from sieve_jobs.engine.worker.lifeline import Lifeline, StopRequested
from sieve_jobs.engine.worker.loading import Declared, described, drop_racy_bytecode, load
from sieve_jobs.engine.worker.room import Rooms
from sieve_jobs.engine.worker.running import Order, Runner, error_text, shortened
from sieve_jobs.engine.worker.talk import EngineGone, Talk
from sieve_jobs.sdk import session
from sieve_jobs.wire import Json

_LIMIT = Settings(root=Path()).body_limit + MEBIBYTE
"""Of one frame; the engine's side has the same."""


def main() -> int:
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.set_inheritable(False)
    sys.argv = sys.argv[:1]
    channel = BlockingChannel(sock, _LIMIT)
    lifeline = Lifeline(channel)
    try:
        lifeline.start()
        _work(channel, lifeline)
    except (StopRequested, EngineGone):
        return 0


def _work(channel: BlockingChannel, lifeline: Lifeline) -> NoReturn:
    """Raises StopRequested when the worker is to end, EngineGone when there is nobody to work for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")
    functions: dict[str, Declared] = {}
    talk = Talk(channel, lifeline.receive)
    scratch = Path(os.environ["TMPDIR"])
    runner = Runner(talk, Rooms(scratch))
    session.in_worker()
    while True:
        frame = lifeline.receive()
        if frame.op == "load":
            functions = _load(talk, frame)
            runner = Runner(talk, Rooms(scratch))  # what the import has left is what jobs are brought back to
        elif frame.op == "run":
            _run(talk, runner, frame, functions)


def _load(talk: Talk, frame: Frame) -> dict[str, Declared]:
    try:
        drop_racy_bytecode(_paths(frame.body.get("files")))
        functions = load(Path(str(frame.body.get("file"))), _paths(frame.body.get("roots")))
        told = described(functions)
    except StopRequested:
        raise
    except BaseException as error:  # whatever a module does when it is imported
        talk.send(talk.pack({"op": "failed", "error": shortened(error_text(error))}))
        return {}
    talk.send(talk.pack({"op": "ready", "functions": told}))
    return functions


def _paths(value: Json) -> list[Path]:
    return [Path(str(item)) for item in value] if isinstance(value, list) else []


def _run(talk: Talk, runner: Runner, frame: Frame, functions: Mapping[str, Declared]) -> None:
    name, inputs = str(frame.body.get("function")), frame.body.get("inputs")
    function = functions.get(name)
    if function is None or not isinstance(inputs, dict | list):
        talk.send(talk.pack({"op": "failed", "error": f"the module has no function {name!r}", "recycle": True}))
        return
    env, environ, api = (_texts(frame.body.get(key)) for key in ("env", "environ", "api"))
    runner.run(Order(function, inputs, env, environ, (api.get("url", ""), api.get("token", ""))))


def _texts(value: Json) -> dict[str, str]:
    return {name: str(item) for name, item in value.items()} if isinstance(value, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
