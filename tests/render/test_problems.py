"""Problems as people read them, in the shape that house style fixes."""

from __future__ import annotations

import pytest

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.render.problems import diagnostics
from sieve_jobs.render.style import Style

WIDE = Style(width=100)


def test_a_bad_spec_is_shown() -> None:
    problem = Diagnostic(
        "SJ212",
        "unknown webhook event 'job.done'",
        Place("jobspecs/dub.yaml", 7, 11, "  - type: job.done", 8),
        "job.start, job.new_output, job.complete or job.complete.no_output",
        "job.complete fires however the job ends",
    )
    assert diagnostics([problem], WIDE) == (
        "jobspecs/dub.yaml:7:11: error: unknown webhook event 'job.done'  [SJ212]\n"
        "  7 |   - type: job.done\n"
        "    |           ^^^^^^^^ expected job.start, job.new_output, job.complete or job.complete.no_output\n"
        "hint: job.complete fires however the job ends\n"
    )


def test_a_failed_call_has_no_place() -> None:
    call = Diagnostic("SJ140", "could not confirm the push of 'dub-es'", hint="it is held")
    assert diagnostics([call, call], WIDE) == (
        "error: could not confirm the push of 'dub-es'  [SJ140]\nhint: it is held\n"
        "\n"
        "error: could not confirm the push of 'dub-es'  [SJ140]\nhint: it is held\n"
    )


def test_what_was_expected_may_be_lines_to_copy() -> None:
    problem = Diagnostic(
        "SJ185", "the state would be lost", expected='in sieve-jobs.toml:\n[targets.prod]\nstate = "x"'
    )
    assert diagnostics([problem], WIDE) == (
        "error: the state would be lost  [SJ185]\n"
        'expected in sieve-jobs.toml:\n[targets.prod]\nstate = "x"\n'
    )  # fmt: skip


def test_a_warning_is_called_one() -> None:
    problem = Diagnostic("SJ158", "could not back up the state")
    assert diagnostics([problem], WIDE, word="warning") == "warning: could not back up the state  [SJ158]\n"


def test_no_problem_is_no_text() -> None:
    assert diagnostics([], WIDE) == ""


def test_other_places_are_shown_too() -> None:
    problem = Diagnostic(
        "SJ104", "key 'a' is there twice", Place("x.yaml", 12, 1, "a: 2"), also=(Place("x.yaml", 3, 1, "a: 1"),)
    )
    assert diagnostics([problem], WIDE) == (
        "x.yaml:12:1: error: key 'a' is there twice  [SJ104]\n"
        "  12 | a: 2\n"
        "     | ^\n"
        "x.yaml:3:1: note: and here\n"
        "  3 | a: 1\n"
        "    | ^\n"
    )


@pytest.mark.parametrize(
    ("place", "first"),
    [
        pytest.param(Place("a.yaml"), "a.yaml: error: x  [SJ100]\n", id="a file"),
        pytest.param(Place("a.yaml", 3), "a.yaml:3: error: x  [SJ100]\n", id="a line"),
        pytest.param(Place("a.yaml", 3, 9), "a.yaml:3:9: error: x  [SJ100]\n", id="a column without its line"),
        pytest.param(Place("a\n::b", 3), "a\\n::b:3: error: x  [SJ100]\n", id="a hostile path"),
    ],
)
def test_places(place: Place, first: str) -> None:
    assert diagnostics([Diagnostic("SJ100", "x", place)], WIDE) == first


@pytest.mark.parametrize(
    ("text", "column", "width", "line", "carets"),
    [
        pytest.param("a: b", 4, 1, "a: b", "   ^", id="plain"),
        pytest.param("\ta: b", 5, 1, "    a: b", "       ^", id="tab"),
        pytest.param("a\tb", 3, 1, "a   b", "    ^", id="tab to the next stop"),
        pytest.param("日本: x", 5, 1, "日本: x", "      ^", id="after wide characters"),
        pytest.param("a: 日本", 4, 2, "a: 日本", "   ^^^^", id="wide characters"),
        pytest.param("e\u0301: x", 5, 1, "e\u0301: x", "   ^", id="after a combining character"),
        pytest.param("a\x1b: x", 5, 1, "a\\x1b: x", "       ^", id="after a control character"),
        pytest.param("##[x]", 4, 1, "##\\[x]", "    ^", id="after a broken-up command"),
        pytest.param("a: b", 5, 1, "a: b", "    ^", id="behind the end"),
        pytest.param("a: b", 99, 5, "a: b", "    ^", id="far behind the end"),
        pytest.param("a: b", 4, 99, "a: b", "   ^", id="wider than the line"),
        pytest.param("a: b\r\n", 4, 1, "a: b", "   ^", id="line end"),
    ],
)
def test_the_caret_stands_under_what_is_meant(text: str, column: int, width: int, line: str, carets: str) -> None:
    shown = diagnostics([Diagnostic("SJ100", "x", Place("a.yaml", 1, column, text, width))], WIDE)
    assert shown.splitlines()[1:] == [f"  1 | {line}", f"    | {carets}"]


def test_the_caret_holds_in_ascii() -> None:
    place = Place("a.yaml", 1, 4, "é: x")
    shown = diagnostics([Diagnostic("SJ100", "x", place)], Style(width=80, unicode=False))
    assert shown.splitlines()[1:] == ["  1 | \\xe9: x", "    |       ^"]


@pytest.mark.parametrize("column", [1, 40, 500, 1000], ids=["first", "near", "middle", "last"])
@pytest.mark.parametrize("wide", [False, True], ids=["narrow text", "wide text"])
def test_of_a_long_line_the_part_around_the_caret_is_shown(column: int, wide: bool) -> None:
    line = ("日" if wide else "a") * 1000
    line = line[: column - 1] + "#" + line[column:]
    shown = diagnostics([Diagnostic("SJ100", "x", Place("a.yaml", 1, column, line))], Style(width=80)).splitlines()
    assert shown[1].startswith("  1 | ")
    before = shown[1][: shown[1].index("#")]
    columns = sum(2 if character == "日" else 1 for character in before)
    assert shown[2].index("^") == columns
    assert sum(2 if character == "日" else 1 for character in shown[1]) <= 80
    assert ("…" in shown[1][:8]) == (column > 100 or (wide and column > 30))


def test_what_was_expected_goes_below_where_there_is_no_room_beside() -> None:
    problem = Diagnostic("SJ100", "x", Place("a.yaml", 1, 4, "a: b"), "one of many things that take " + "room " * 6)
    assert diagnostics([problem], Style(width=50)).splitlines()[1:] == [
        "  1 | a: b",
        "    |    ^",
        "    | expected one of many things that take room",
        "    | room room room room room",
    ]


def test_colour_changes_nothing_but_colour() -> None:
    import re

    problem = Diagnostic("SJ100", "x", Place("a.yaml", 1, 4, "a: b"), "c", "d", (Place("b.yaml", 1, 1, "q"),))
    coloured = diagnostics([problem], Style(colour=True, width=80))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == diagnostics([problem], Style(width=80))
    assert "\x1b[" in coloured
