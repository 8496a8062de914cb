"""Everything that is wrong with one file is told in one run, by place, once, and nothing that only follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.spec.files import LocalFileError
from sieve_jobs.spec.parse import ParseSettings, parse_file
from sieve_jobs.spec.reading import MAX_FINDINGS
from sieve_jobs.spec.variables import Variables
from tests.spec.loading import parse, problems, where

At = list[tuple[str, int, int]]

EVERYTHING = """\
function: a/b
description: [x]
inputs:
  a: .inf
  b: !x 5
  5: x
  a: 2
  c: *no
  d: ${UNSET}
  e: {true: 1, f: 1, f: 2}
bogus: 1
"""

TOGETHER = [
    pytest.param("id: a\nid: b\nlabels: {c: x, c: y, c: z}\n", [("SJ104", 2, 1), ("SJ104", 3, 16), ("SJ104", 3, 22)],
                 id="duplicates"),
    pytest.param("id: a\ninputs: {a: !x 1, b: !!set {c}, d: !!int e, !x f: 1}\n",
                 [("SJ105", 2, 13), ("SJ105", 2, 22), ("SJ105", 2, 36), ("SJ105", 2, 45)], id="tags"),
    pytest.param("id: a\ninputs: [.inf, -.inf, .nan, 1e999, 9007199254740993, !!float .inf]\n",
                 [("SJ106", 2, 10), ("SJ106", 2, 16), ("SJ106", 2, 23), ("SJ106", 2, 29), ("SJ106", 2, 36),
                  ("SJ106", 2, 54)], id="numbers"),
    pytest.param("id: &i a\ninputs:\n  5: a\n  ~: a\n  ? [a]\n  : b\n  ? {a: b}\n  : c\n  *i : d\n",
                 [("SJ108", 3, 3), ("SJ108", 4, 3), ("SJ108", 5, 5), ("SJ108", 7, 5), ("SJ108", 9, 3)], id="keys"),
    pytest.param("id: a\ninputs: [*x, *y, &z [*z]]\n", [("SJ100", 2, 10), ("SJ100", 2, 14), ("SJ101", 2, 22)],
                 id="aliases"),
    pytest.param("id: a\ninputs: {b: {<<: 5}, c: {<<: [x]}, d: {<<: {}, <<: {}}}\n",
                 [("SJ109", 2, 14), ("SJ109", 2, 26), ("SJ104", 2, 48)], id="merges"),
    pytest.param(EVERYTHING, [("SJ210", 2, 14), ("SJ106", 4, 6), ("SJ105", 5, 6), ("SJ108", 6, 3), ("SJ104", 7, 3),
                              ("SJ100", 8, 6), ("SJ120", 9, 6), ("SJ108", 10, 7), ("SJ104", 10, 22), ("SJ201", 11, 1)],
                 id="all-kinds-and-findings"),
    pytest.param("id: a\nbad: 1\n---\nid: a\nname: b\n5: x\n---\nid: a\nname: c\nlabels: {d: 1}\n---\nid: .inf\n",
                 [("SJ201", 2, 1), ("SJ108", 6, 1), ("SJ210", 10, 13), ("SJ202", 12, 1), ("SJ106", 12, 5)],
                 id="several-documents"),
    pytest.param("id: a\n---\nid: a\n---\nid: a\nname: c\nname: d\n", [("SJ202", 3, 1), ("SJ104", 7, 1)],
                 id="valid-ones-first"),
    pytest.param("id: a\n5: x\nlabels: {a: 1}\n---\nid: a\n6: x\nname: b: c\n",
                 [("SJ108", 2, 1), ("SJ210", 3, 13), ("SJ108", 6, 1), ("SJ100", 7, 8)], id="a-syntax-error-ends-it"),
    pytest.param(f"id: a\n5: x\ninputs: {'[' * 64}\n---\nbad: 1\n", [("SJ108", 2, 1), ("SJ102", 3, 72)],
                 id="depth-ends-it"),
    pytest.param(f"id: a\n5: x\ninputs: [{'1,' * 100_000}]\n", [("SJ108", 2, 1), ("SJ101", 3, 199_996)],
                 id="size-ends-it"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TOGETHER)
def test_all_is_told_by_place(tmp_path: Path, text: str, expected: At) -> None:
    assert problems(tmp_path, text) == expected


ALONE = [
    pytest.param("5: x\n", ("SJ108", 1, 1), id="the-key-may-have-been-function"),
    pytest.param("? [function]\n: a/b\n", ("SJ108", 1, 3), id="a-list-as-key"),
    pytest.param("function: {{ x }}\n", ("SJ108", 1, 12), id="braces-that-are-no-text"),
    pytest.param("{{{{a}}}}: b\n", ("SJ108", 1, 1), id="keys-within-a-key"),
    pytest.param("!x function: a/b\n", ("SJ105", 1, 1), id="a-key-with-a-tag"),
    pytest.param("!x function: a/b\nwebhooks: [{url: 'https://a', type: job.start}]\n", ("SJ105", 1, 1), id="below-it"),
    pytest.param("function: .inf\n", ("SJ106", 1, 11), id="a-function-that-is-no-number"),
    pytest.param("function: !x a/b\n", ("SJ105", 1, 11), id="a-function-with-a-tag"),
    pytest.param("function: *f\n", ("SJ100", 1, 11), id="a-function-from-nowhere"),
    pytest.param("function: a\nfunction: b\n", ("SJ104", 2, 1), id="a-function-given-twice"),
    pytest.param("id: a\n---\nid: a\nname: .nan\n", ("SJ106", 4, 7), id="a-name-that-is-needed"),
    pytest.param("id: a\n---\nid: a\n!x name: b\n", ("SJ105", 4, 1), id="the-key-may-have-been-name"),
    pytest.param("id: a\nprotect: .inf\n", ("SJ106", 2, 10), id="a-truth-value"),
    pytest.param("id: a\ninputs: .inf\n", ("SJ106", 2, 9), id="inputs"),
    pytest.param("id: a\nenv: *e\n", ("SJ100", 2, 6), id="a-mapping-from-nowhere"),
    pytest.param("id: a\nenv: !x [a]\n", ("SJ105", 2, 6), id="a-list-with-a-tag"),
    pytest.param("id: a\nlabels: {a: &n .inf, b: *n, c: *n}\n", ("SJ106", 2, 13), id="repeated-by-aliases"),
    pytest.param("id: a\nwebhooks: [&w {5: x}, *w, {<<: *w}]\n", ("SJ108", 2, 16), id="a-mapping-repeated"),
    pytest.param("id: a\nwebhooks: [{type: job.start, <<: *w}]\n", ("SJ100", 2, 34), id="merged-from-nowhere"),
    pytest.param("id: a\nwebhooks: [{<<: 5}]\n", ("SJ109", 2, 13), id="merged-from-a-number"),
    pytest.param("id: a\nwebhooks: [{<<: {type: job.start}, <<: {}}]\n", ("SJ104", 2, 36), id="merged-twice"),
    pytest.param("id: a\n? &k 5\n: x\nlabels: {a: *k}\n", ("SJ108", 2, 3), id="an-anchor-on-a-key"),
    pytest.param("id: a\nid: &k b\nlabels: {a: *k}\n", ("SJ104", 2, 1), id="an-anchor-on-what-is-left-out"),
    pytest.param("id: a\ninputs: {x: {file: gone.mp4, 5: x}}\n", ("SJ108", 2, 30), id="no-local-file"),
    pytest.param("id: a\ninputs: {x: {file: !x [a]}}\n", ("SJ105", 2, 20), id="no-path"),
    pytest.param("--- .inf\n", ("SJ106", 1, 5), id="a-document-that-is-a-number"),
    pytest.param("--- *x\n", ("SJ100", 1, 5), id="a-document-from-nowhere"),
]


@pytest.mark.parametrize(("text", "expected"), ALONE)
def test_nothing_is_told_that_only_follows(tmp_path: Path, text: str, expected: tuple[str, int, int]) -> None:
    assert problems(tmp_path, text) == [expected]


def test_what_a_refusal_does_not_touch_is_judged(tmp_path: Path) -> None:
    text = "id: a\nfunction: .inf\nlabels: !x {a: 1}\nenv: {5: x, '1A': y}\nwebhooks: [{5: x}, {type: job.start}]\n"
    assert problems(tmp_path, text) == [
        ("SJ220", 1, 1), ("SJ106", 2, 11), ("SJ105", 3, 9), ("SJ210", 3, 16), ("SJ108", 4, 7), ("SJ215", 4, 13),
        ("SJ108", 5, 13), ("SJ204", 5, 20),
    ]  # fmt: skip


def test_both_places_of_every_duplicate_are_shown(tmp_path: Path) -> None:
    found = parse(tmp_path, "id: a\nlabels:\n  b: x\n  b: y\nid: c\n").problems
    assert [str(place) for problem in found for place in problem.also] == ["spec.yaml:3:3", "spec.yaml:1:1"]


def test_what_a_merge_repeats_is_told_once(tmp_path: Path) -> None:
    text = "id: a\ninputs: {a: &a {x: '${UNSET}'}, b: {<<: *a}, c: {<<: *a}}\n"
    assert problems(tmp_path, text) == [("SJ120", 2, 21)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("id: a\ninputs:\n" + "".join(f"  {i}: x\n" for i in range(100_000)), "SJ108", id="keys"),
        pytest.param("id: a\ninputs:\n" + "  a: x\n" * 100_000, "SJ104", id="duplicates"),
        pytest.param(f"id: a\ninputs: [{'.inf, ' * 100_000}]\n", "SJ106", id="numbers"),
        pytest.param("---\nid: a\nname: b\n5: x\n" * 100_000, "SJ108", id="documents"),
    ],
)
def test_no_more_than_a_hundred_are_told(tmp_path: Path, text: str, code: str) -> None:
    found = [problem.code for problem in parse(tmp_path, text).problems]
    assert found == [code] * MAX_FINDINGS + ["SJ112"]


def test_findings_and_refusals_share_the_limit(tmp_path: Path) -> None:
    document = "---\nid: a\nname: b\nbad: 1\n5: x\n"
    found = [problem.code for problem in parse(tmp_path, document * MAX_FINDINGS).problems]
    assert found == ["SJ201", "SJ108"] * (MAX_FINDINGS // 2) + ["SJ112"]


def test_a_file_mended_between_the_two_readings_is_not_without_specs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    times = 0

    def known(path: str, stamp: object) -> str | None:
        nonlocal times
        times += 1
        if times == 1:
            raise LocalFileError("SJ110", "it changed")
        return "0" * 64

    (tmp_path / "spec.yaml").write_text("id: a\ninputs: {x: {file: clip.mp4}}\n")
    settings = ParseSettings(tmp_path.resolve(), Variables(environ={}))
    found = parse_file(str(tmp_path / "spec.yaml"), "spec.yaml", "spec", settings, known)
    assert ([where(problem) for problem in found.problems], found.details) == ([("SJ110", 0, 0)], ())


def test_a_local_file_is_hashed_once(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    asked: list[str] = []
    (tmp_path / "spec.yaml").write_text("id: a\ninputs: {x: {file: clip.mp4}}\nlabels: {a: 1}\n")
    settings = ParseSettings(tmp_path.resolve(), Variables(environ={}))
    path = str(tmp_path / "spec.yaml")
    parse_file(path, "spec.yaml", "spec", settings, lambda found, stamp: asked.append(found))
    assert asked == [str(tmp_path / "clip.mp4")]


FAULTS = [
    ("  k{}: .inf\n", "SJ106"), ("  k{}: !x 1\n", "SJ105"), ("  k{}: *no\n", "SJ100"), ("  {}: x\n", "SJ108"),
    ("  fine: x\n", "SJ104"), ("  ? [k{}]\n  : x\n", "SJ108"), ("  k{}: {{<<: 5}}\n", "SJ109"),
    ("  k{}: ${{UNSET}}\n", "SJ120"), ("  k{}: [{{!x a: b}}, 1]\n", "SJ105"), ("  k{}: &a [*a]\n", "SJ101"),
]  # fmt: skip
SOUND = ["  k{}: 1\n", "  k{}: [a, {{b: c}}]\n", "  k{}: &x {{a: 1}}\n", "  k{}: {{<<: {{a: 1}}}}\n"]
LINES = st.lists(st.sampled_from([*FAULTS, *((line, "") for line in SOUND)]), max_size=12)


@given(st.lists(LINES, min_size=1, max_size=3))
def test_as_many_as_were_put_in_are_told(tmp_path_factory: pytest.TempPathFactory, documents: list[At]) -> None:
    folder = tmp_path_factory.getbasetemp() / "injected"
    folder.mkdir(exist_ok=True)
    text, expected = "", []
    for number, lines in enumerate(documents):
        text += f"---\nname: n{number}\nid: a\ninputs:\n  fine: x\n"
        for index, (line, code) in enumerate(lines):
            if code:
                expected.append((code, text.count("\n") + 1))
            text += str(line).format(index)
    found = parse(folder, text).problems
    assert [(problem.code, problem.place and problem.place.line) for problem in found] == expected
