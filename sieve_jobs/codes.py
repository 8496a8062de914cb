"""Every error code with its title and its page: the one place `explain SJnnn` and docs/errors.md are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Code:
    """A stable id. *title* is a noun phrase; *page* says what happened, why it is refused, and the way out."""

    id: str
    title: str
    page: str


_PAGES: tuple[Code, ...] = (
    # One Code(id, title, page) for each code, in order of the id. A page is two to six sentences of plain text.
)

CODES: Mapping[str, Code] = MappingProxyType({code.id: code for code in _PAGES})
