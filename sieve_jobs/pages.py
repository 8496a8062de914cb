"""The page of every error code, read from errors.md: what `explain SJnnn` prints."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

_HEADING = re.compile(r"^## (SJ\d{3}): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Page:
    """What people read of a code. *title* is a noun phrase; *text* says what happened, why, and the way out."""

    id: str
    title: str
    text: str


def parse_pages(text: str) -> Iterator[Page]:
    """The pages of a text such as errors.md, in its order: a heading `## SJ140: title` each, and what stands below."""
    headings = [*_HEADING.finditer(text)]
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    for heading, end in zip(headings, ends, strict=True):
        yield Page(heading[1], heading[2], " ".join(text[heading.end() : end].split()))


def read_pages() -> Mapping[str, Page]:
    """All pages by code, from the file that comes with the package. docs/errors.md is the same."""
    text = resources.files("sieve_jobs").joinpath("errors.md").read_text(encoding="utf-8")
    return MappingProxyType({page.id: page for page in parse_pages(text)})
