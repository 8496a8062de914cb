"""Functions of the engine's tests: quick ones, failing ones, and ones that meet the test on a socket."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Literal

import sieve


def meet(port, **told):
    """Tells the test what it asks for and waits for its word; the connection stays open."""
    meeting = socket.create_connection(("127.0.0.1", port), timeout=30)
    meeting.sendall((json.dumps({"pid": os.getpid(), **told}) + "\n").encode())
    return meeting, meeting.recv(16).decode()


@sieve.function(name="add", metadata=sieve.Metadata(title="Add", tags=["sums"]))
def add(a: int, b: int = 2) -> int:
    """Adds.

    :param a: The first
    """
    return a + b


@sieve.function(name="boom", restart_on_error=False)
def boom(text: str):
    print("about to fail")
    raise ValueError(text)


@sieve.function(name="pick", restart_on_error=False)
def pick(colour: Literal["red", "blue"]):
    return colour


@sieve.function(name="wait")
def wait(port: int):
    return meet(port)[1]


@sieve.function(name="stream")
def stream(port: int):
    yield "first"
    _, word = meet(port)
    yield word


@sieve.function(name="tree")
def tree(port: int):
    """Leaves a child that ignores TERM, one in a session of its own and a daemon; all hold the connection."""
    meeting = socket.create_connection(("127.0.0.1", port), timeout=30)
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    )
    first = subprocess.Popen([sys.executable, "-c", stubborn], pass_fds=(meeting.fileno(),), stdout=subprocess.PIPE)
    first.stdout.readline()
    subprocess.Popen(["sleep", "600"], pass_fds=(meeting.fileno(),), start_new_session=True)
    daemon = ["env", "-i", "/bin/sh", "-c", "setsid sleep 600 >/dev/null 2>&1 &"]
    subprocess.run(daemon, pass_fds=(meeting.fileno(),), check=True)
    meeting.sendall(b"{}\n")
    yield "so far"
    time.sleep(600)


@sieve.function(name="environment", environment_variables=[sieve.Env("GREETING", default="hello")])
def environment(port: int):
    found = dict(os.environ)
    os.environ["LEFT_BEHIND"] = "yes"
    Path(tempfile.mkdtemp(), "left").touch()
    return {"env": found, "cwd": str(Path.cwd()), "tmp": tempfile.gettempdir(), "pid": os.getpid()}


@sieve.function(name="shout")
def shout(text: sieve.File, name: str = "loud.txt") -> sieve.File:
    folder = Path(tempfile.mkdtemp())
    (folder / name).write_bytes(Path(text.path).read_bytes().upper())
    return sieve.File(path=folder / name, suffix=Path(text.path).suffix)


@sieve.function(name="count")
def count(to: int):
    for number in range(to):
        time.sleep(0.002)
        yield number


@sieve.function(name="long")
def long(sizes: list):
    for size in sizes:
        yield "x" * size


@sieve.function(name="talk")
def talk(port: int):
    print("one")
    print("two", file=sys.stderr)
    subprocess.run(["echo", "three"], check=True)
    sys.stdout.write("10%\r20%\rfour")


@sieve.function(name="flood")
def flood(lines: int):
    for number in range(lines):
        print(number)


@sieve.function(name="odd")
def odd(what: str):
    if what == "exit":
        sys.exit(3)
    if what == "vanish":
        os._exit(9)
    if what == "nan":
        return float("nan")
    if what == "huge":
        return "x" * 60_000_000
    if what == "fatal":
        raise sieve.FatalException("worn out")
    if what == "close":
        os.closerange(3, 256)
    if what in {"fork", "fork-exit", "fork-raise"}:
        if child := os.fork():
            return [os.getpid(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
        if what == "fork-exit":
            sys.exit(7)
        if what == "fork-raise":
            raise RuntimeError("in the fork")
    if what == "surrogate":
        raise ValueError("half a pair: \ud83d")
    if what == "thread":
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return os.getpid()


def square(number):
    return number * number


@sieve.function(name="pool")
def pool(numbers: list):
    with multiprocessing.get_context("fork").Pool(2) as processes:
        return [processes.map(square, numbers), os.getpid()]


@sieve.function(name="hand-over")
def hand_over(port: int):
    from sieve_jobs.sdk import session

    return meet(port, token=session.current().key)[1]
