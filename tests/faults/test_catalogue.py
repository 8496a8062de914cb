"""docs/reliability.md: every fault has its row, and every test that a row names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)
]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_there_is_one_row_for_each_fault() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 68))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_tests_that_are_there_or_says_why_not(row: list[str]) -> None:
    _, _, _, tests, result = row
    if result.startswith(("impossible here:", "open")):
        return
    named = NAMED.findall(tests)
    assert named
    for path, name in named:
        functions = {
            node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{path}::{name}"
