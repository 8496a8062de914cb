"""The tree that the YAML builder gives: values, aliases and merges, templates, marks."""

from __future__ import annotations

import json

import pytest

from sieve_jobs.spec.document import TemplateText
from tests.spec.documents import one, read, refused

TREES = [
    pytest.param("a: 1\nb: [x, 'y', \"z\\n\"]\n", {"a": 1, "b": ["x", "y", "z\n"]}, id="block-and-flow"),
    pytest.param("a:\n- 1\n-\n- {}\n- []\n", {"a": [1, None, {}, []]}, id="empty-values"),
    pytest.param("{a, b: , c: 1}", {"a": None, "b": None, "c": 1}, id="flow-keys-without-values"),
    pytest.param("? a\n? b\n: 1\n", {"a": None, "b": 1}, id="explicit-keys"),
    pytest.param("a: |\n  x\n   y\n\nb: >-\n  x\n  y\n", {"a": "x\n y\n", "b": "x y"}, id="block-scalars"),
    pytest.param("- - 1\n  - 2\n- - 3\n", [[1, 2], [3]], id="nested-lists"),
    pytest.param("just text", "just text", id="scalar-root"),
    pytest.param('"5": 1\n\'true\': 2\n"": 3\n"<<": 4\n', {"5": 1, "true": 2, "": 3, "<<": 4}, id="quoted-keys"),
    pytest.param("010: 1\n", None, id="integer-key"),
    pytest.param('"\\x66ile": "\\u00e9\\U0001F600\\0\\x1b"\n', {"file": "é😀\0\x1b"}, id="escapes"),
    pytest.param("b: !!bool 'true'\ne: ''\nt: \"true\"\nn: '10'\nl: |\n  a\n  b\n",
                 {"b": True, "e": "", "t": "true", "n": "10", "l": "a\nb\n"}, id="quotes-tags-and-blocks"),
    pytest.param("&a x: 1\nb: *a\n", {"x": 1, "b": "x"}, id="anchor-on-a-key"),
    pytest.param("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}, id="anchor-given-again"),
    pytest.param("a: &x [&x 1, *x]\nb: *x\n", {"a": [1, 1], "b": 1}, id="anchor-given-again-within"),
    pytest.param("a: &x\nb: *x\n", {"a": None, "b": None}, id="anchor-on-nothing"),
    pytest.param("%YAML 1.2\n---\na: no\n", {"a": "no"}, id="version-1.2"),
    pytest.param("%YAML 1.1\n---\na: no\n", {"a": "no"}, id="version-1.1-is-read-as-1.2"),
    pytest.param("a: !!str 5\nb: !!int '5'\nc: !!float 5\nd: !!null ''\ne: !!bool 'true'\nf: ! 5\n",
                 {"a": "5", "b": 5, "c": 5.0, "d": None, "e": True, "f": "5"}, id="standard-tags"),
    pytest.param("!!map {a: !!seq [1]}", {"a": [1]}, id="tags-of-collections"),
    pytest.param("!!str 5: 1\n", {"5": 1}, id="tagged-key"),
    pytest.param("!<tag:yaml.org,2002:str> 5", "5", id="verbatim-tag"),
    pytest.param("%TAG !e! tag:yaml.org,2002:\n---\n!e!str 5", "5", id="tag-with-a-handle"),
    pytest.param("a: 1\r\nb: 2\r\n", {"a": 1, "b": 2}, id="crlf"),
    pytest.param("a: \"\\u2028\"", {"a": "\u2028"}, id="line-separator-as-escape"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), TREES)
def test_trees(text: str, tree: object) -> None:
    if tree is None:
        assert refused(text).code == "SJ108"
    else:
        assert json.dumps(one(text)) == json.dumps(tree)
        assert read(text, marks=True)[0].value == tree


@pytest.mark.parametrize(
    ("text", "values", "lines"),
    [
        pytest.param("", [], [], id="nothing"),
        pytest.param("# only\n\n# comments\n", [], [], id="comments"),
        pytest.param("---\n---\n...\n---\n", [], [], id="empty-documents"),
        pytest.param("---\n# c\na: 1\n---\n\n\nb: 2\n", [{"a": 1}, {"b": 2}], [3, 7], id="two"),
        pytest.param("~\n---\na: 1\n", [{"a": 1}], [3], id="null-is-left-out"),
        pytest.param("a: &x 1\n---\nb: 2\n...\n--- {c: 3}\n", [{"a": 1}, {"b": 2}, {"c": 3}], [1, 3, 5], id="three"),
        pytest.param("--- []\n--- {}\n--- ''\n--- 0\n--- false\n", [[], {}, "", 0, False], [1, 2, 3, 4, 5], id="falsy"),
    ],
)
def test_documents(text: str, values: list[object], lines: list[int]) -> None:
    documents = read(text)
    assert ([each.value for each in documents], [each.line for each in documents]) == (values, lines)


def test_anchors_end_with_their_document() -> None:
    assert refused("a: &x 1\n---\nb: *x\n").code == "SJ100"


MERGES = [
    pytest.param("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"b": 3, "a": 1}, id="written-out-wins-after"),
    pytest.param("x: &x {a: 1, b: 2}\ny: {b: 3, <<: *x}", {"b": 3, "a": 1}, id="written-out-wins-before"),
    pytest.param("x: &x {a: 1}\nz: &z {a: 2, b: 2}\ny: {<<: [*x, *z]}", {"a": 1, "b": 2}, id="first-of-a-list-wins"),
    pytest.param("x: &x {a: 1}\nl: &l [*x, {b: 2}]\ny: {<<: *l}", {"a": 1, "b": 2}, id="an-aliased-list"),
    pytest.param("y: {<<: {a: 1}}", {"a": 1}, id="written-in-place"),
    pytest.param("y: {<<: [{a: 1}, {a: 2, c: [1]}]}", {"a": 1, "c": [1]}, id="list-in-place"),
    pytest.param("y: {<<: {<<: {a: 1}, b: 2}, c: 3}", {"c": 3, "b": 2, "a": 1}, id="nested"),
    pytest.param("x: &x {a: 1}\nz: &z {<<: *x, b: 2}\ny: {<<: *z}", {"b": 2, "a": 1}, id="merged-twice"),
    pytest.param("y: {<<: {}, a: 1}", {"a": 1}, id="empty-mapping"),
    pytest.param("y: {<<: [], a: 1}", {"a": 1}, id="empty-list"),
    pytest.param("y: {<<: {d: {e: 1}}, d: {f: 2}}", {"d": {"f": 2}}, id="shallow"),
    pytest.param("y:\n  '<<': {a: 1}\n", {"<<": {"a": 1}}, id="a-quoted-key-is-no-merge"),
    pytest.param("y: {a: <<, b: 1}", {"a": "<<", "b": 1}, id="a-value-is-no-merge"),
]


@pytest.mark.parametrize(("text", "expected"), MERGES)
def test_merges(text: str, expected: object) -> None:
    assert one(text)["y"] == expected
    assert read(text, marks=True)[0].value["y"] == expected  # type: ignore[index,call-overload]


def test_copies_are_not_shared() -> None:
    tree = one("x: &x {a: [1]}\ny: *x\nz: {<<: *x}\nl: [*x, *x]\n")
    assert tree["x"]["a"] is not tree["y"]["a"]
    assert tree["x"]["a"] is not tree["z"]["a"]
    assert tree["x"] is not tree["y"]
    assert tree["l"][0] is not tree["l"][1]


def test_templates_have_the_pointer_and_container_of_each_place_they_stand_in() -> None:
    text = """\
base: &base
  url: "${A}"
  list: &list [x, "${B}"]
  <<: {deep: {er: "${C}"}}
copy: *base
merged:
  <<: [*base, {own: "${D}"}]
  url: ${E}
list: [*list, *list]
text: &text ${F}
again: *text
&key ${G}: *key
plain: no template
"""
    for marks in (False, True):
        (document,) = read(text, marks=marks)
        found = {template.pointer: str(template.text) for template in document.templates}
        assert len(found) == len(document.templates)
        assert found == {
            ("base", "url"): "${A}", ("base", "list", 1): "${B}", ("base", "deep", "er"): "${C}",
            ("copy", "url"): "${A}", ("copy", "list", 1): "${B}", ("copy", "deep", "er"): "${C}",
            ("merged", "list", 1): "${B}", ("merged", "deep", "er"): "${C}", ("merged", "own"): "${D}",
            ("merged", "url"): "${E}",
            ("list", 0, 1): "${B}", ("list", 1, 1): "${B}",
            ("text",): "${F}", ("again",): "${F}", ("${G}",): "${G}",
        }  # fmt: skip
        for template in document.templates:
            template.container[template.key] = "/".join(map(str, template.pointer))  # type: ignore[index]
        assert document.value == {
            "base": {"url": "base/url", "list": ["x", "base/list/1"], "deep": {"er": "base/deep/er"}},
            "copy": {"url": "copy/url", "list": ["x", "copy/list/1"], "deep": {"er": "copy/deep/er"}},
            "merged": {"url": "merged/url", "own": "merged/own", "list": ["x", "merged/list/1"],
                       "deep": {"er": "merged/deep/er"}},
            "list": [["x", "list/0/1"], ["x", "list/1/1"]],
            "text": "text", "again": "again", "${G}": "${G}", "plain": "no template",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        pytest.param("a: ${V}", True, id="plain"),
        pytest.param("a: '${V}'", False, id="single"),
        pytest.param('a: "${V}"', False, id="double"),
        pytest.param("a: |-\n  ${V}", False, id="literal"),
        pytest.param("a: !!str ${V}", False, id="tagged"),
        pytest.param("a: [*x]\n", None, id="no-anchor"),
    ],
)
def test_a_template_knows_whether_it_was_quoted(text: str, plain: bool | None) -> None:
    if plain is None:
        assert refused(text).code == "SJ100"
    else:
        (template,) = read(text)[0].templates
        assert isinstance(template.text, TemplateText)
        assert template.text.plain is plain


def test_marks_of_every_node() -> None:
    text = """\
a: 1
b:
  - x
  - {c: "two words", d: [1, 2]}
e: &e
  f: |
    text
g: *e
h:
  <<: *e
  i: 2
j: {<<: [{k: 1}, {l: {m: 2}}]}
"""
    (document,) = read(text, marks=True)
    keys = {pointer: (span.line, span.column) for pointer, span in document.keys.items() if -1 not in pointer}
    values = {pointer: (span.line, span.column) for pointer, span in document.values.items() if -1 not in pointer}
    assert keys == {
        ("a",): (0, 0), ("b",): (1, 0), ("b", 1, "c"): (3, 5), ("b", 1, "d"): (3, 21), ("e",): (4, 0),
        ("e", "f"): (5, 2), ("g",): (7, 0), ("g", "f"): (5, 2), ("h",): (8, 0), ("h", "f"): (5, 2), ("h", "i"): (10, 2),
        ("j",): (11, 0), ("j", "k"): (11, 10), ("j", "l"): (11, 18), ("j", "l", "m"): (11, 22),
    }  # fmt: skip
    assert values == {
        (): (0, 0), ("a",): (0, 3), ("b",): (2, 2), ("b", 0): (2, 4), ("b", 1): (3, 4), ("b", 1, "c"): (3, 8),
        ("b", 1, "d"): (3, 24), ("b", 1, "d", 0): (3, 25), ("b", 1, "d", 1): (3, 28), ("e",): (4, 3),
        ("e", "f"): (5, 5), ("g",): (7, 3), ("g", "f"): (5, 5), ("h",): (9, 2), ("h", "f"): (5, 5), ("h", "i"): (10, 5),
        ("j",): (11, 3), ("j", "k"): (11, 13), ("j", "l"): (11, 21), ("j", "l", "m"): (11, 25),
    }  # fmt: skip
