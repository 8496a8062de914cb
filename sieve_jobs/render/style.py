"""Style: how text looks on a stream: colour or not, how wide, and which signs it can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from sieve_jobs.wire import Status

if TYPE_CHECKING:
    from sieve_jobs.plan.change import Change

Role: TypeAlias = Literal["add", "change", "remove", "good", "bad", "busy", "dim", "strong", "accent"]

_CODES: Final[Mapping[Role, str]] = MappingProxyType(
    {
        "add": "32",
        "change": "33",
        "remove": "31",
        "good": "32",
        "bad": "31",
        "busy": "36",
        "dim": "2",
        "strong": "1",
        "accent": "36",
    }
)
"""SGR parameters of the sixteen colours every terminal has, so that a person's own palette holds."""

_ASCII: Final[Mapping[str, str]] = MappingProxyType(
    {
        "↺": "*", "→": ">", "−": "-", "…": "...", "✓": "v", "✗": "x", "◌": ".", "◐": "o", "⊘": "/", "·": "-",
        "│": "|", "─": "-", "└": "`",
    }
)  # fmt: skip
"""What stands for a sign where the stream cannot show it."""

_GLYPH_ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {"+": "add", "~": "change", "!": "change", "↺": "accent", "→": "accent", "−": "remove", "?": "bad", "=": "dim"}
)

_STATUS: Final[Mapping[Status, tuple[str, Role]]] = MappingProxyType(
    {
        Status.QUEUED: ("◌", "dim"),
        Status.PROCESSING: ("◐", "busy"),
        Status.FINISHED: ("✓", "good"),
        Status.ERROR: ("✗", "bad"),
        Status.CANCELLED: ("⊘", "change"),
    }
)


@dataclass(frozen=True, slots=True)
class Style:
    """How text looks on one stream."""

    colour: bool = False
    width: int = 80
    """Columns that may be used."""
    unicode: bool = True
    """Whether the stream can show signs such as `↺`; if not, text comes out in ASCII."""

    def paint(self, text: str, *roles: Role) -> str:
        if not self.colour or not text or not roles:
            return text
        return f"\x1b[{';'.join(_CODES[role] for role in roles)}m{text}\x1b[0m"

    def sign(self, sign: str) -> str:
        """*sign*, or what stands for it on this stream."""
        return sign if self.unicode else _ASCII.get(sign, sign)

    def glyph(self, change: Change) -> str:
        """The sign of a change, coloured."""
        glyph = change.glyph
        return self.paint(self.sign(glyph), _GLYPH_ROLES.get(glyph, "strong"))

    def status_sign(self, status: Status) -> str:
        sign, role = _STATUS[status]
        return self.paint(self.sign(sign), role)

    def status(self, status: Status, width: int = 0) -> str:
        """A status as the wire has it, coloured, padded to *width*."""
        return self.paint(status.value, _STATUS[status][1]) + " " * max(0, width - len(status.value))

    def finish(self, text: str) -> str:
        """What the stream can show of *text*: everything, or ASCII with the rest by its number."""
        return text if self.unicode else text.encode("ascii", "backslashreplace").decode("ascii")


def style_for(
    environ: Mapping[str, str], *, terminal: bool, width: int, encoding: str | None, no_color: bool = False
) -> Style:
    """The style of a stream. Colour is for terminals alone, and not with `--no-color`, NO_COLOR or TERM=dumb."""
    colour = terminal and not no_color and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(colour=colour, width=max(width, 20), unicode=_can_show(encoding))


def _can_show(encoding: str | None) -> bool:
    try:
        "".join(_ASCII).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
