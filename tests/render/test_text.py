"""What untrusted text may do to a terminal or a CI runner: nothing."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.render.text import escape, lines_of, pad, shorten, width_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("dub-intro", "dub-intro", id="plain"),
        pytest.param("größe 日本 é", "größe 日本 é", id="letters of any script"),
        pytest.param("a\x1b[2Jb", "a\\x1b[2Jb", id="escape sequence"),
        pytest.param("a\x9b2Jb", "a\\x9b2Jb", id="C1 control"),
        pytest.param("a\x7f\x00", "a\\x7f\\x00", id="delete and nul"),
        pytest.param("one\ntwo\tthree\r", "one\\ntwo\\tthree\\r", id="line ends and tabs"),
        pytest.param("a\u202eb", "a<U+202E>b", id="right-to-left override"),
        pytest.param("a\u200bb\ufeff", "a<U+200B>b<U+FEFF>", id="zero width"),
        pytest.param("a\u2028b", "a<U+2028>b", id="line separator"),
        pytest.param("a\ud800b", "a<U+D800>b", id="lone surrogate"),
        pytest.param("a\U000e0041b", "a<U+E0041>b", id="tag character"),
        pytest.param("::stop-commands::x", "\\::stop-commands::x", id="workflow command"),
        pytest.param("  ::error::x", "  \\::error::x", id="workflow command behind spaces"),
        pytest.param("a::b", "a::b", id="colons elsewhere"),
        pytest.param("x ##[error]y", "x ##\\[error]y", id="old form of a workflow command"),
        pytest.param("ok\r::set-output name=a::b", "ok\\r::set-output name=a::b", id="behind a carriage return"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_every_control_and_format_character_is_shown_by_its_number() -> None:
    odd = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert len(odd) > 2000
    for character in odd:
        shown = escape(f"a{character}b")
        assert shown.isascii()
        assert shown.isprintable()


@given(st.text())
def test_what_comes_out_is_one_line_and_stays_as_it_is(text: str) -> None:
    once = escape(text)
    assert len(once.splitlines()) <= 1
    assert not once.lstrip().startswith("::")
    assert "##[" not in once
    assert escape(once) == once


def test_lines_of_a_log_are_escaped_one_by_one() -> None:
    assert lines_of("one\n::error::x\r\n\tthree\rfour\n") == ["one", "\\::error::x", "    three", "four"]
    assert lines_of("1\n2\n3", most=2) == ["2", "3"]
    assert lines_of("1\n2\n3", most=0) == []


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param("abc", 3, id="ASCII"),
        pytest.param("日本", 4, id="wide"),
        pytest.param("e\u0301a", 2, id="combining"),
        pytest.param("", 0, id="empty"),
    ],
)
def test_width(text: str, columns: int) -> None:
    assert width_of(text) == columns
    assert width_of(pad(text, 6)) == 6


@given(st.text(st.characters(exclude_categories=["C", "M"])), st.integers(4, 30))
def test_shortened_text_fits(text: str, width: int) -> None:
    short = shorten(text, width)
    assert width_of(short) <= width
    assert (short == text) == (width_of(text) <= width)


def test_the_middle_makes_room() -> None:
    assert shorten("jobspecs/shows/season-1/intro.yaml", 20) == "jobspecs/s…ntro.yaml"
