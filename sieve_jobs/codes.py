"""Every error code with its title and its page, read from errors.md: what `explain SJnnn` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

_HEADING = re.compile(r"^## (SJ\d{3}): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Code:
    """A stable id. *title* is a noun phrase; *page* says what happened, why it is refused, and the way out."""

    id: str
    title: str
    page: str


def parse_pages(text: str) -> Iterator[Code]:
    """The codes of a page of errors, in its order: a heading `## SJ140: title` each, and the paragraph below it."""
    headings = [*_HEADING.finditer(text)]
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        yield Code(heading[1], heading[2], " ".join(text[heading.end() : end].split()))


def read_codes() -> Mapping[str, Code]:
    """All codes by id, from the page that comes with the package. docs/errors.md is the same page."""
    text = resources.files("sieve_jobs").joinpath("errors.md").read_text(encoding="utf-8")
    return MappingProxyType({code.id: code for code in parse_pages(text)})
