"""A spec file's bytes as text, within limits, and places in it."""

from __future__ import annotations

import os
import re
import stat

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.spec.document import Span
from sieve_jobs.spec.files import why
from sieve_jobs.spec.scan import UNREADABLE_HINT
from sieve_jobs.spec.stamp import Stamp, stamp_of

MAX_BYTES = 4 * 1024 * 1024

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]|\r(?!\n)")
"""What YAML does not allow, and what one reader takes for a line's end and another does not: a lone CR, NEL, LS, PS.
A reviewer would see one line where libyaml sees two."""


_PLAIN = bytes([0x09, 0x0A, *range(0x20, 0x7F)])
"""The bytes of a file in which there is nothing to look for."""


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
            raise TextError(Diagnostic(Code.FILE_NOT_READ, "not a regular file", Place(shown)))
        data = b"" if status.st_size > MAX_BYTES else os.read(descriptor, status.st_size + 1)
    except OSError as error:
        raise _unreadable(shown, error) from error
    finally:
        os.close(descriptor)
    if status.st_size > MAX_BYTES:
        message = f"the file has {status.st_size:,} bytes, more than {MAX_BYTES:,}"
        raise TextError(Diagnostic(Code.FILE_NOT_READ, message, Place(shown), hint="split it into several spec files"))
    return decoded(data, shown), stamp_of(status)


def decoded(data: bytes, shown: str) -> str:
    """UTF-8 text, a byte order mark left out. Raises TextError naming the offset of the first bad byte."""
    if not data.translate(None, _PLAIN):
        return data.decode("ascii")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        wide = " (it looks like UTF-16)" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        message = f"byte {error.start} is not UTF-8{wide}"
        sound = data[: error.start].decode()
        place = _place_at(sound + data[error.start :].decode(errors="replace"), len(sound), shown)
        raise TextError(Diagnostic(Code.NOT_CLEAN_UTF8, message, place, hint="save the file as UTF-8")) from error
    if bad := _FORBIDDEN.search(text):
        raise TextError(_forbidden(text, bad, shown))
    return text.removeprefix("\ufeff")


def _forbidden(text: str, bad: re.Match[str], shown: str) -> Diagnostic:
    number, where = ord(bad[0]), bad.start()
    message = f"the character U+{number:04X} at byte {len(text[:where].encode())} cannot stand in a spec file"
    escape = f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
    hint = f'write it as an escape in double quotes, "{escape}", or remove it'
    return Diagnostic(Code.NOT_CLEAN_UTF8, message, _place_at(text, where, shown), hint=hint)


def _place_at(text: str, where: int, shown: str) -> Place:
    """The place of the character at offset *where*, the mark at a file's beginning not counted."""
    start = text.rfind("\n", 0, where) + 1
    end = text.find("\n", where)
    line = text[start : end if end >= 0 else len(text)].removesuffix("\r")
    marked = start == 0 and line.startswith("\ufeff")
    column = where - start + 1
    return Place(shown, text.count("\n", 0, where) + 1, column - marked, line.removeprefix("\ufeff"))


class Lines:
    """The lines of a text, to show places."""

    def __init__(self, text: str, shown: str) -> None:
        self._lines = text.replace("\r\n", "\n").split("\n")
        self._shown = shown

    def place(self, span: Span, needle: str = "") -> Place:
        """Where *span* stands, or the first *needle* within it."""
        if needle:
            pattern = _needle(needle)
            for line in range(span.line, min(span.end_line + 1, len(self._lines))):
                found = pattern.search(self._lines[line], span.column if line == span.line else 0)
                if found:
                    return Place(self._shown, line + 1, found.start() + 1, self._lines[line], len(needle))
        text = self._lines[span.line] if span.line < len(self._lines) else ""
        end = span.end_column if span.end_line == span.line else len(text)
        return Place(self._shown, span.line + 1, span.column + 1, text, max(1, end - span.column))


def _needle(text: str) -> re.Pattern[str]:
    """*text* as a whole: `${NAME` is neither found in `$${NAME` nor in `${NAMES`."""
    before = r"(?<!\$)" if text.startswith("$") else r"(?<!\w)"
    return re.compile(before + re.escape(text) + (r"(?!\w)" if text[-1].isalnum() or text[-1] == "_" else ""))


def _unreadable(shown: str, error: OSError) -> TextError:
    message = f"cannot read the file: {why(error)}"
    return TextError(Diagnostic(Code.FILE_UNREADABLE, message, Place(shown), hint=UNREADABLE_HINT))
