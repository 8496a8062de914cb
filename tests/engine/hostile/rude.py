"""Functions that behave as badly as functions do: each has a job whose end must say what was wrong."""

import atexit
import ctypes
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import sieve


@sieve.function(name="calm", restart_on_error=False)
def calm(a: int):
    return a


@sieve.function(name="prints", restart_on_error=False)
def prints(mebibytes: int):
    line = "x" * 1023 + "\n"
    for _ in range(mebibytes * 64):
        sys.stdout.write(line * 16)
    return "done"


@sieve.function(name="leaves", restart_on_error=False)
def leaves(a: int):
    os._exit(9)


@sieve.function(name="closes", restart_on_error=False)
def closes(a: int):
    os.closerange(0, 1024)


@sieve.function(name="closes_output", restart_on_error=False)
def closes_output(a: int):
    os.closerange(0, 3)
    sys.stdout.close()
    return "said nothing"


@sieve.function(name="daemon", restart_on_error=False)
def daemon(a: int):
    """What it leaves has a session, a parent and an environment of its own."""
    started = subprocess.run(
        ["env", "-i", "/bin/sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return int(started.stdout)


@sieve.function(name="unserialisable", restart_on_error=False)
def unserialisable(a: int):
    return {"here": [object()]}


@sieve.function(name="holds_itself", restart_on_error=False)
def holds_itself(a: int):
    found = []
    found.append(found)
    return found


@sieve.function(name="big", restart_on_error=False)
def big(mebibytes: int):
    return "x" * (mebibytes * 1024 * 1024)


@sieve.function(name="many", restart_on_error=False)
def many(a: int):
    while True:
        yield a


@sieve.function(name="stops", restart_on_error=False)
def stops(a: int):
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


@sieve.function(name="kills", restart_on_error=False)
def kills(a: int):
    os.kill(os.getpid(), signal.SIGKILL)


@sieve.function(name="crashes", restart_on_error=False)
def crashes(a: int):
    ctypes.string_at(0)


@sieve.function(name="recurses", restart_on_error=False)
def recurses(a: int):
    return recurses(a + 1)


@sieve.function(name="asks_too_much", restart_on_error=False)
def asks_too_much(a: int):
    return len(bytearray(1 << 60))


@sieve.function(name="exits", restart_on_error=False)
def exits(a: int):
    sys.exit(3)


@sieve.function(name="interrupts", restart_on_error=False)
def interrupts(a: int):
    raise KeyboardInterrupt


@sieve.function(name="threads", restart_on_error=True)
def threads(a: int):
    """The thread keeps the worker from ending, and the worker is to end: the job failed."""
    threading.Thread(target=time.sleep, args=(600,)).start()
    raise ValueError("and a thread goes on")


@sieve.function(name="lingers", restart_on_error=True)
def lingers(a: int):
    atexit.register(time.sleep, 600)
    raise ValueError("and the exit hangs")


@sieve.function(name="stubborn", restart_on_error=False)
def stubborn(a: int):
    """Takes no TERM and swallows what it cannot ignore."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield "so far"
    while True:
        try:
            time.sleep(600)
        except BaseException:
            print("not now")


@sieve.function(name="patches", restart_on_error=False)
def patches(a: int):
    json.dumps = os.kill = os.chdir = None
    return "patched"


@sieve.function(name="babbles", restart_on_error=False)
def babbles(a: int):
    """Writes to the engine's socket what is no frame."""
    for descriptor in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"\xff" * 64)
        except OSError:
            continue
    time.sleep(600)


@sieve.function(name="hears", restart_on_error=False)
def hears(a: int):
    """Shuts the engine's socket down."""
    for descriptor in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                socket.socket(fileno=os.dup(descriptor)).shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
    time.sleep(600)


@sieve.function(name="removes", restart_on_error=False)
def removes(a: int):
    """Its temporary folder, and the worker's above it."""
    shutil.rmtree(Path(tempfile.gettempdir()).parent)
    return "removed"


@sieve.function(name="vanishes", restart_on_error=False)
def vanishes(a: int):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()
    return "nowhere"


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError("no words")

    __repr__ = __str__


@sieve.function(name="mute", restart_on_error=False)
def mute(a: int):
    raise MuteError


@sieve.function(name="lies", restart_on_error=False)
def lies(a: int):
    class Liar(dict):
        def items(self):
            raise SystemError("no items")

    return Liar(a=1)


@sieve.function(name="unset", restart_on_error=False)
class Unset:
    def __setup__(self):
        raise RuntimeError("no model")

    def __predict__(self, a: int):
        return a
