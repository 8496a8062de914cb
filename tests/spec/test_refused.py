"""What the YAML builder refuses, and where; its limits."""

from __future__ import annotations

import pytest

from sieve_jobs.spec.build import MAX_DOCUMENTS
from sieve_jobs.spec.document import BuildError
from sieve_jobs.spec.expansion import MAX_DEPTH, MAX_NODES, MAX_REPEATED
from tests.spec.documents import one, read, refused

REFUSED = [
    pytest.param("a: 1\nb: 2\na: 3\n", "SJ104", (2, 0), (0, 0), id="duplicate"),
    pytest.param('a: 1\n"a": 3\n', "SJ104", (1, 0), (0, 0), id="duplicate-quoted"),
    pytest.param("x:\n  - {a: 1, b: 2, a: 3}\n", "SJ104", (1, 17), (1, 5), id="duplicate-within"),
    pytest.param("x: &x {b: 1}\ny:\n  <<: *x\n  a: 1\n  a: 2\n", "SJ104", (4, 2), (3, 2), id="duplicate-by-a-merge"),
    pytest.param("x: &x {b: 1}\ny:\n  <<: *x\n  <<: *x\n", "SJ104", (3, 2), (2, 2), id="duplicate-merge"),
    pytest.param("y: {<<: {a: 1, a: 2}}\n", "SJ104", (0, 15), (0, 9), id="duplicate-in-a-merge"),
    pytest.param("a: !!binary aGk=\n", "SJ105", (0, 3), None, id="binary"),
    pytest.param("a: !!set {x, y}\n", "SJ105", (0, 3), None, id="set"),
    pytest.param("a: !!omap [x: 1]\n", "SJ105", (0, 3), None, id="omap"),
    pytest.param("a: !!timestamp x\n", "SJ105", (0, 3), None, id="timestamp"),
    pytest.param("a: !!python/object/apply:os.system [ls]\n", "SJ105", (0, 3), None, id="python"),
    pytest.param("a: !mine 5\n", "SJ105", (0, 3), None, id="local-tag"),
    pytest.param("!mine {a: 1}\n", "SJ105", (0, 0), None, id="tagged-root"),
    pytest.param("!!int 5: 1\n", "SJ105", (0, 0), None, id="integer-tag-on-a-key"),
    pytest.param("!!merge <<: {a: 1}\n", "SJ105", (0, 0), None, id="merge-tag"),
    pytest.param("a: !!int x\n", "SJ105", (0, 3), None, id="tag-that-does-not-fit"),
    pytest.param("a: !!bool yes\n", "SJ105", (0, 3), None, id="boolean-that-is-none"),
    pytest.param("a: !!str [x]\n", "SJ105", (0, 3), None, id="string-tag-on-a-list"),
    pytest.param("%TAG !! tag:example.com,2000:\n---\na: !!int 5\n", "SJ105", (2, 3), None, id="redefined-handle"),
    pytest.param("a: .nan\n", "SJ106", (0, 3), None, id="nan"),
    pytest.param("a: !!float .inf\n", "SJ106", (0, 3), None, id="tagged-infinity"),
    pytest.param("a: 9007199254740993\n", "SJ106", (0, 3), None, id="large-integer"),
    pytest.param("a:\n  5: x\n", "SJ108", (1, 2), None, id="integer-key"),
    pytest.param("true: x\n", "SJ108", (0, 0), None, id="boolean-key"),
    pytest.param("~: x\n", "SJ108", (0, 0), None, id="null-key"),
    pytest.param("?\n: x\n", "SJ108", (0, 1), None, id="empty-key"),
    pytest.param(".inf: x\n", "SJ108", (0, 0), None, id="infinite-key"),
    pytest.param("[a]: x\n", "SJ108", (0, 0), None, id="list-key"),
    pytest.param("? {a: 1}\n: x\n", "SJ108", (0, 2), None, id="mapping-key"),
    pytest.param("x: &x a\n*x : b\n", "SJ108", (1, 0), None, id="alias-key"),
    pytest.param("y:\n  <<: 5\n  a: 1\n", "SJ109", (1, 2), None, id="merge-of-a-number"),
    pytest.param("y:\n  a: 1\n  <<:\n", "SJ109", (2, 2), None, id="merge-of-nothing"),
    pytest.param("y: {<<: [{a: 1}, x]}\n", "SJ109", (0, 4), None, id="merge-of-a-list-of-text"),
    pytest.param("a: *b\n", "SJ100", (0, 3), None, id="no-anchor"),
    pytest.param("a: [1, 2\nb: 3\n", "SJ100", (1, 1), None, id="unclosed-flow"),
    pytest.param("a: 'x\n", "SJ100", (0, 3), None, id="unclosed-quote"),
    pytest.param("a:\n  - {b: 1\n\n", "SJ100", (1, 4), None, id="unclosed-mapping"),
    pytest.param("a: b: c\n", "SJ100", (0, 4), None, id="two-colons"),
    pytest.param("a:\n\tb: 1\n", "SJ100", (1, 0), None, id="tab"),
    pytest.param('a: "\\q"\n', "SJ100", (0, 4), None, id="unknown-escape"),
    pytest.param('a: "\\ud800"\n', "SJ100", (0, 6), None, id="surrogate-escape"),
    pytest.param("%YAML 3.0\n---\na: 1\n", "SJ100", (0, 0), None, id="unknown-version"),
    pytest.param("a: 1\n--- b: 2\n", "SJ100", (1, 5), None, id="text-behind-a-document's-start"),
    pytest.param("{ ?a: b }\n", "SJ100", (0, 2), None, id="key-sign-of-1.1"),
    pytest.param("- [?a]\n", "SJ100", (0, 3), None, id="key-sign-of-1.1-in-a-list"),
    pytest.param("# [?x\na: [\n?a]\n", "SJ100", (2, 0), None, id="key-sign-of-1.1-on-its-line"),
    pytest.param("a: &x:y b\n", "SJ100", (0, 3), None, id="anchor-of-1.1"),
    pytest.param("a: \ud800\n", "SJ100", (0, 0), None, id="surrogate"),
    pytest.param("a: \0\n", "SJ100", (0, 0), None, id="nul"),
    pytest.param("a: &x [*x]\n", "SJ101", (0, 7), None, id="cycle"),
    pytest.param("a: &x {b: {c: [*x]}}\n", "SJ101", (0, 15), None, id="deep-cycle"),
    pytest.param("x: &x 1\na: &x [*x]\n", "SJ101", (1, 7), None, id="cycle-in-spite-of-an-earlier-anchor"),
    pytest.param("a: &x {<<: *x}\n", "SJ101", (0, 11), None, id="merge-cycle"),
]


@pytest.mark.parametrize(("text", "code", "at", "first"), REFUSED)
def test_what_is_refused_and_where(text: str, code: str, at: tuple[int, int], first: tuple[int, int] | None) -> None:
    error = refused(text)
    found = None if error.first is None else (error.first.line, error.first.column)
    assert (error.code, (error.span.line, error.span.column), found) == (code, at, first)
    assert error.message == error.message.rstrip(".")
    assert error.message[0].islower() or error.message.startswith(("<<", ".nan", ".inf"))


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


@pytest.mark.parametrize(
    ("fine", "deeper"),
    [
        pytest.param(nested(MAX_DEPTH), nested(MAX_DEPTH + 1), id="lists"),
        pytest.param(nested(MAX_DEPTH, "{a: ", "}"), nested(MAX_DEPTH + 1, "{a: ", "}"), id="mappings"),
        pytest.param("- " * MAX_DEPTH + "x", "- " * (MAX_DEPTH + 1) + "x", id="block"),
        pytest.param(f"a: &a {nested(31)}\nb: {'[' * 32}*a{']' * 32}", f"a: &a {nested(31)}\nb: {'[' * 33}*a{']' * 33}",
                     id="through-an-alias"),
        pytest.param(f"a: &a {{k: {nested(31)}}}\nb: {'[' * 30}{{<<: *a}}{']' * 30}",
                     f"a: &a {{k: {nested(31)}}}\nb: {'[' * 31}{{<<: *a}}{']' * 31}",
                     id="through-a-merge-which-is-a-level-where-it-is-written"),
    ],
)  # fmt: skip
def test_depth(fine: str, deeper: str) -> None:
    assert len(read(fine)) == 1
    assert refused(deeper).code == "SJ102"


@pytest.mark.parametrize(
    ("fine", "more"),
    [
        pytest.param("[" + "a," * (MAX_NODES - 1) + "]", "[" + "a," * MAX_NODES + "]", id="values"),
        pytest.param("[&a x, " + "*a," * 99_998 + "]", "[&a x, " + "*a," * 99_999 + "]", id="aliases"),
        pytest.param("[&a [], " + "*a," * 99_998 + "]", "[&a [], " + "*a," * 99_999 + "]", id="of-empty-lists"),
        pytest.param(
            "a: &a [" + "x," * 998 + "]\nb: [" + "*a," * 98 + "]",
            "a: &a [" + "x," * 998 + "]\nb: [" + "*a," * 100 + "]",
            id="copies",
        ),
    ],
)  # fmt: skip
def test_number_of_values(fine: str, more: str) -> None:
    assert len(read(fine)) == 1
    with pytest.raises(BuildError, match="100,000 values") as caught:
        read(more)
    assert caught.value.code == "SJ101"


def test_repeated_text_is_bounded() -> None:
    text = "x" * 65_536
    fine, more = MAX_REPEATED // len(text), MAX_REPEATED // len(text) + 1
    assert len(one(f"a: &a {text}\nb: [{'*a,' * fine}]")["b"]) == fine
    assert refused(f"a: &a {text}\nb: [{'*a,' * more}]").code == "SJ101"
    assert refused(f"a: &a {{? {text}}}\nb: [{'*a,' * more}]").code == "SJ101"
    assert refused(f"a: &a {{k: {text}}}\nb: [{'{<<: *a},' * more}]").code == "SJ101"


def test_number_of_documents_and_directives() -> None:
    assert len(read("--- a\n" * MAX_DOCUMENTS)) == MAX_DOCUMENTS
    with pytest.raises(BuildError) as caught:
        read("--- a\n" * (MAX_DOCUMENTS + 1))
    assert caught.value.code == "SJ101"
    tags = "".join(f"%TAG !t{index}! tag:x,2000:\n" for index in range(101))
    assert refused(tags + "---\na\n").span.line == 100
    assert one("%TAG !t! tag:x,2000:\n---\na\n") == "a"


def test_what_both_versions_read_alike() -> None:
    text = """\
a: [x?y, "?x", '&a:b', {? b: c}, {"?": d}]  # {?x &a:b
https://h.example/?x&y:z: ?x &a:b
b: |
  [?x, &a:b]
"""
    assert one(text) == {
        "a": ["x?y", "?x", "&a:b", {"b": "c"}, {"?": "d"}], "https://h.example/?x&y:z": "?x &a:b", "b": "[?x, &a:b]\n",
    }  # fmt: skip


def test_a_look_at_what_they_do_not_is_bounded() -> None:
    text = "--- [" + "a, " * 60_000 + "' ?x']\n"
    with pytest.raises(BuildError, match="too many values") as caught:
        read(text + text)
    assert caught.value.code == "SJ101"
