"""The two streams of a run: stdout carries the answer, stderr what people read while they wait."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from typing import IO, Any, TextIO

_NO_READER = frozenset({errno.EPIPE, errno.EBADF, errno.EIO, errno.ECONNRESET})
"""A pipe, socket or terminal at whose other end nobody is any more."""


class Streams:
    """Writes to stdout and stderr, and goes on when nobody reads: a closed pipe ends no apply."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self._out = _Stream(out)
        self._err = _Stream(err)
        self.answered = False
        """Whether a JSON document was printed: there is one a run."""

    def answer(self, text: str) -> None:
        """Writes *text* to stdout, with a line end if it has none."""
        self._out.write(text if text.endswith("\n") or not text else text + "\n")

    def document(self, body: Mapping[str, object]) -> None:
        """Writes the one JSON document of a run to stdout."""
        from sieve_jobs.render.document import FORMAT_VERSION, dump

        self.answered = True
        self.answer(dump(body if "format_version" in body else {"format_version": FORMAT_VERSION, **body}))

    def line(self, body: Mapping[str, object]) -> None:
        """Writes one line of JSON to stdout, at once."""
        import json

        self.answer(json.dumps(body, separators=(",", ":")).replace("##[", "##\\u005b"))

    def say(self, text: str) -> None:
        """Writes *text* to stderr, with a line end if it has none."""
        self._err.write(text if text.endswith("\n") or not text else text + "\n")

    def ask(self, question: str) -> None:
        """Writes *question* to stderr and leaves the cursor behind it."""
        self._err.write(question)

    @property
    def out(self) -> TextIO | None:
        return self._out.stream

    @property
    def err(self) -> TextIO | None:
        return self._err.stream

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: a terminal for reading and for the question."""
        return _is_terminal(sys.stdin) and self._err.terminal

    @property
    def out_terminal(self) -> bool:
        return self._out.terminal

    @property
    def err_terminal(self) -> bool:
        return self._err.terminal

    @property
    def unwritten(self) -> str | None:
        """Why the answer could not be written, such as a full disk; None if it was, and where nobody reads it."""
        return self._out.unwritten

    def close(self) -> None:
        """Flushes both; what nobody reads is dropped without a word."""
        self._out.close()
        self._err.close()


class _Stream:
    """One text stream that may be absent (closed before the start) or broken (its reader went away)."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.unwritten: str | None = None
        """What the operating system said of a write that failed although somebody may read it."""
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    @property
    def terminal(self) -> bool:
        return _is_terminal(self.stream)

    def write(self, text: str) -> None:
        if self.stream is None or not text:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError) as error:
            self._abandon(error)

    def close(self) -> None:
        if self.stream is not None:
            try:
                self.stream.flush()
            except (OSError, ValueError) as error:
                self._abandon(error)

    def _abandon(self, why: OSError | ValueError) -> None:
        """Points the broken descriptor to nowhere, so that the interpreter's last flush fails neither."""
        if isinstance(why, OSError) and why.errno not in _NO_READER:
            self.unwritten = (why.strerror or "it could not be written").lower()
        stream, self.stream = self.stream, None
        try:
            descriptor = stream.fileno() if stream is not None else -1
            null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(null, descriptor)
            os.close(null)
        except (OSError, ValueError):
            return


def _is_terminal(stream: IO[Any] | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
