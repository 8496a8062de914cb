"""Text that somebody else wrote, made safe to print: names, values, paths, logs, the far side's words.

What comes out of `escape` moves no cursor, changes no direction of reading, stays on its line, and starts no command of
a CI runner.
"""

from __future__ import annotations

import re
import unicodedata

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}

_COMMAND = re.compile(r"\A\s*::")
"""A workflow command of GitHub: two colons at the start of a line, white space before them or not."""

_ODD = re.compile(r"[^\x20-\x7e]")


def escape(text: str) -> str:
    """*text* on one line: controls as `\\x1b`, invisible and direction-changing characters as `<U+202E>`.

    A workflow command of a CI runner is broken up: `::` at the start, and the old form `##[` wherever it stands.
    """
    if not (text.isascii() and text.isprintable()):
        text = _ODD.sub(_shown, text)
    if "::" in text and _COMMAND.match(text):
        text = text.replace("::", "\\::", 1)
    return text.replace("##[", "##\\[") if "##[" in text else text


def lines_of(text: str, most: int | None = None) -> list[str]:
    """The lines of *text*, each escaped; with *most* only the last so many. Tabs become spaces."""
    lines = re.split(r"\r\n|\n|\r(?=[^\n])", text.rstrip("\r\n"))
    kept = lines if most is None else lines[-most:] if most else []
    return [escape(line.expandtabs(4)) for line in kept]


def shorten(text: str, width: int, ellipsis: str = "…") -> str:
    """*text*, already escaped, in at most *width* columns: its middle makes room, as both ends tell most."""
    if width_of(text) <= width:
        return text
    room = max(width - len(ellipsis), 1)
    head, tail = "", ""
    for character in text:
        if width_of(head + character) > (room + 1) // 2:
            break
        head += character
    for character in reversed(text):
        if width_of(head + character + tail) > room:
            break
        tail = character + tail
    return head + ellipsis + tail


def clip(text: str, width: int, ellipsis: str = "…") -> str:
    """*text*, already escaped, in at most *width* columns: its end makes room."""
    if width_of(text) <= width:
        return text
    kept, used = "", len(ellipsis)
    for character in text:
        used += _columns(character)
        if used > width:
            break
        kept += character
    return kept + ellipsis


def width_of(text: str) -> int:
    """Columns that *text* takes at a terminal: wide characters two, combining marks none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def pad(text: str, width: int) -> str:
    return text + " " * max(0, width - width_of(text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _shown(match: re.Match[str]) -> str:
    """One character that is not printable ASCII: as it is where it is harmless, else by its number."""
    character = match[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if code < 0xA0:
        return f"\\x{code:02x}"
    category = unicodedata.category(character)
    return f"<U+{code:04X}>" if category in {"Cf", "Cs", "Cn", "Co", "Zl", "Zp"} or code == 0x3164 else character
