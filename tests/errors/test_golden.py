"""The whole message of every code as a user sees it: place, words, caret, hint and exit code.

What was meant to change is written anew by `GOLDEN=write python -m pytest tests/errors/test_golden.py`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from sieve_jobs.codes import Code
from sieve_jobs.pages import read_pages
from tests.errors.scenes import SCENES
from tests.errors.stage import Stage
from tests.project import Ran, ran
from tests.spec.test_bad import ENVIRON, EXPECTED, GENERATED, UNREADABLE, write_bad

GOLDEN = Path(__file__).parent / "golden"
_PLACES = (*EXPECTED.values(), *(at for _, at in GENERATED.values()), *UNREADABLE.values())
BAD = sorted({code for places in _PLACES for code, *_ in places})


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """What `validate` says of a project whose specs are all bad."""
    root = tmp_path_factory.mktemp("bad")
    write_bad(root)
    return ran(root, "validate", environ=ENVIRON)


def matches(code: str, text: str) -> None:
    path = GOLDEN / f"{code}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("code", BAD)
def test_what_is_said_of_a_bad_spec(code: str, bad: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path, code, monkeypatch, ExitStack())
    stage.keep("validate", bad)
    matches(code, stage.text())


@pytest.mark.parametrize("code", sorted(SCENES))
def test_what_is_said_of_anything_else(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as held:
        stage = Stage(tmp_path, code, monkeypatch, held)
        SCENES[code](stage)
        matches(code, stage.text())


@pytest.mark.parametrize("code", Code)
def test_explain_prints_its_page(code: Code, tmp_path: Path) -> None:
    page = read_pages()[code]
    said = ran(tmp_path, "explain", code.lower(), environ={"COLUMNS": "80"})
    assert (said.code, said.err) == (0, "")
    title, _, text = said.out.partition("\n\n")
    assert title == f"{code}: {page.title}"
    assert " ".join(text.split()) == page.text
    assert ran(tmp_path, "explain", code, "--json").document["page"] == page.text


def test_every_code_has_its_message_and_every_message_a_code() -> None:
    assert sorted([*BAD, *SCENES]) == sorted(Code)
    assert sorted(path.stem for path in GOLDEN.iterdir()) == sorted(Code)


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.stem)
def test_a_message_is_for_people(path: Path) -> None:
    text = path.read_text()
    assert f"[{path.stem}]" in text
    assert "Traceback" not in text
    assert "canary" not in text
    assert "s3cret" not in text
    assert set(text) - {*filter(str.isprintable, text)} == {"\n"}
