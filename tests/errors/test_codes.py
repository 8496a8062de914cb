"""Every code that the tool can print has a page, and every page a code that is printed."""

from __future__ import annotations

import re

import pytest

from sieve_jobs.codes import Code, parse_pages, read_codes
from tests.project import REPOSITORY

USED = {
    code for path in (REPOSITORY / "sieve_jobs").rglob("*.py") for code in re.findall(r'"(SJ\d{3})"', path.read_text())
}


def test_every_code_has_one_page_and_every_page_a_code() -> None:
    pages = [code.id for code in parse_pages((REPOSITORY / "sieve_jobs" / "errors.md").read_text())]
    assert sorted(pages) == sorted(USED)


def test_the_page_in_docs_is_the_one_that_explain_prints() -> None:
    page = (REPOSITORY / "docs" / "errors.md").read_text()
    assert {code.id: code for code in parse_pages(page)} == dict(read_codes())
    assert [*read_codes()] == sorted(read_codes())


@pytest.mark.parametrize("code", read_codes().values(), ids=lambda code: code.id)
def test_a_page_says_what_and_what_to_do(code: Code) -> None:
    assert not code.title.endswith(".")
    assert code.page.endswith(".")
    assert len(re.findall(r"[.:;] ", code.page)) >= 1
