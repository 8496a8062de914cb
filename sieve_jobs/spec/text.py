"""A spec file's bytes as text, within limits, and places in it."""

from __future__ import annotations

import os
import re
import stat

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.spec.document import Span
from sieve_jobs.spec.files import Stamp, stamp_of
from sieve_jobs.spec.scan import UNREADABLE_HINT

MAX_BYTES = 4 * 1024 * 1024

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|\r(?!\n)")
_LINE_END = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_BOM = b"\xef\xbb\xbf"


class TextError(Exception):
    """A file that cannot be read as text; carries its diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def read_text(path: str, shown: str) -> tuple[str, Stamp]:
    """The text of a spec file and the stamp it had. Raises TextError.

    Never blocks on a FIFO and never reads a device; reads no more than the file's size when it was opened. A file
    that is being written meanwhile gets a stamp that the next run will not find again.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(shown, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TextError(Diagnostic("SJ103", "not a regular file", Place(shown)))
        data = b"" if status.st_size > MAX_BYTES else os.read(descriptor, status.st_size + 1)
    except OSError as error:
        raise _unreadable(shown, error) from error
    finally:
        os.close(descriptor)
    if status.st_size > MAX_BYTES:
        message = f"the file has {status.st_size:,} bytes, more than {MAX_BYTES:,}"
        raise TextError(Diagnostic("SJ103", message, Place(shown), hint="split it into several spec files"))
    return decoded(data, shown), stamp_of(status)


def decoded(data: bytes, shown: str) -> str:
    """UTF-8 text, a byte order mark left out. Raises TextError naming the offset of the first bad byte."""
    data = data.removeprefix(_BOM)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        wide = " (it looks like UTF-16)" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        message = f"byte {error.start} is not UTF-8{wide}"
        raise TextError(
            Diagnostic("SJ107", message, Place(shown, line, column), hint="save the file as UTF-8")
        ) from error
    if bad := _FORBIDDEN.search(text):
        where = bad.start()
        span = Span(text.count("\n", 0, where), where - (text.rfind("\n", 0, where) + 1), 0, 0)
        message = f"the character U+{ord(bad[0][0]):04X} at byte {len(text[:where].encode())} cannot stand in YAML"
        place = Place(shown, span.line + 1, span.column + 1)
        raise TextError(Diagnostic("SJ107", message, place, hint='write it as an escape in double quotes: "\\x1b"'))
    return text


class Lines:
    """The lines of a text as libyaml counts them, to show places."""

    def __init__(self, text: str, shown: str) -> None:
        self._lines = _LINE_END.split(text)
        self._shown = shown

    def place(self, span: Span, needle: str = "") -> Place:
        """Where *span* stands, or the first *needle* within it."""
        if needle:
            for line in range(span.line, min(span.end_line + 1, len(self._lines))):
                at = self._lines[line].find(needle, span.column if line == span.line else 0)
                if at >= 0:
                    return Place(self._shown, line + 1, at + 1, self._lines[line], len(needle))
        text = self._lines[span.line] if span.line < len(self._lines) else ""
        end = span.end_column if span.end_line == span.line else len(text)
        return Place(self._shown, span.line + 1, span.column + 1, text, max(1, end - span.column))


def _unreadable(shown: str, error: OSError) -> TextError:
    message = f"cannot read the file: {error.strerror}"
    return TextError(Diagnostic("SJ111", message, Place(shown), hint=UNREADABLE_HINT))
