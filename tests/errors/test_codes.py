"""Every code stands in one place and has one page, and every page a code that is printed."""

from __future__ import annotations

import ast
import re

import pytest

from sieve_jobs.codes import Code
from sieve_jobs.pages import Page, parse_pages, read_pages
from tests.project import REPOSITORY

PACKAGE = REPOSITORY / "sieve_jobs"
TREES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
NODES = [(path, node) for path, tree in TREES.items() for node in ast.walk(tree)]


def test_the_number_of_a_code_stands_in_one_place() -> None:
    """Elsewhere it has its name, and mypy takes nothing else for the code of a problem."""
    stands = [
        (path, node.value)
        for path, node in NODES
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"SJ\d{3}", node.value)
    ]
    assert stands == [("codes.py", code.value) for code in Code]
    assert len(set(Code)) == len(Code.__members__)


def test_every_code_is_used_and_made_by_its_name_alone() -> None:
    named = {
        node.attr for _, node in NODES
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code"
    }  # fmt: skip
    assert named == set(Code.__members__)
    # Code("SJ100") or Code[name] would make one that no reader finds.
    made = [
        path for path, node in NODES
        if isinstance(node, ast.Call | ast.Subscript)
        and isinstance(node.func if isinstance(node, ast.Call) else node.value, ast.Name)
        and ast.unparse(node.func if isinstance(node, ast.Call) else node.value) == "Code"
    ]  # fmt: skip
    assert made == []


def test_every_code_has_one_page_and_every_page_a_code() -> None:
    pages = [page.id for page in parse_pages((PACKAGE / "errors.md").read_text())]
    assert pages == sorted(Code)


def test_the_page_in_docs_is_the_one_that_explain_prints() -> None:
    page = (REPOSITORY / "docs" / "errors.md").read_text()
    assert {code.id: code for code in parse_pages(page)} == dict(read_pages())


@pytest.mark.parametrize("page", read_pages().values(), ids=lambda page: page.id)
def test_a_page_says_what_and_what_to_do(page: Page) -> None:
    assert not page.title.endswith(".")
    assert page.text.endswith(".")
    assert len(re.findall(r"[.:;] ", page.text)) >= 1
