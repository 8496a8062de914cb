"""What words of a command line mean: a name, else a glob, else a file or folder."""

from __future__ import annotations

import pytest

from sieve_jobs.errors import ExitCode, UsageError
from sieve_jobs.spec.select import select

KNOWN = {
    "intro": "jobspecs/intro.yaml",
    "shows/a": "jobspecs/shows/a.yaml",
    "shows/b": "jobspecs/shows/b.yaml",
    "shows/deep/c": "jobspecs/shows/deep/c.yaml",
    "dub[lang=es]": "jobspecs/dub.yaml",
    "dub[lang=fr]": "jobspecs/dub.yaml",
    "x*y": "jobspecs/odd.yaml",
    "xay": "jobspecs/odd.yaml",
    "jobspecs": "jobspecs/named.yaml",
    "a.b": "jobspecs/dots.yaml",
    "axb": "jobspecs/dots.yaml",
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["intro"], {"intro"}, id="name"),
        pytest.param(["intro", "shows/a", "intro"], {"intro", "shows/a"}, id="several"),
        pytest.param(["x*y"], {"x*y"}, id="exact-name-before-glob"),
        pytest.param(["jobspecs"], {"jobspecs"}, id="exact-name-before-folder"),
        pytest.param(["shows/*"], {"shows/a", "shows/b"}, id="star-stays-in-a-part"),
        pytest.param(["shows/**"], {"shows/a", "shows/b", "shows/deep/c"}, id="two-stars-cross-parts"),
        pytest.param(["**/c"], {"shows/deep/c"}, id="two-stars-before"),
        pytest.param(["**/intro"], {"intro"}, id="two-stars-may-be-nothing"),
        pytest.param(["shows/**/c"], {"shows/deep/c"}, id="two-stars-between"),
        pytest.param(["**"], set(KNOWN), id="two-stars-are-all"),
        pytest.param(["*"], {name for name in KNOWN if "/" not in name}, id="star-alone"),
        pytest.param(["shows/?"], {"shows/a", "shows/b"}, id="question-mark"),
        pytest.param(["dub[lang=es]"], {"dub[lang=es]"}, id="brackets-in-a-name"),
        pytest.param(["dub[lang=*]"], {"dub[lang=es]", "dub[lang=fr]"}, id="brackets-in-a-glob"),
        pytest.param(["a.?"], {"a.b"}, id="a-dot-is-a-dot"),
        pytest.param(["jobspecs/shows"], {"shows/a", "shows/b", "shows/deep/c"}, id="folder"),
        pytest.param(["jobspecs/shows/"], {"shows/a", "shows/b", "shows/deep/c"}, id="folder-with-a-slash"),
        pytest.param(["./jobspecs/../jobspecs//shows"], {"shows/a", "shows/b", "shows/deep/c"}, id="folder-by-detours"),
        pytest.param(["jobspecs/dub.yaml"], {"dub[lang=es]", "dub[lang=fr]"}, id="file"),
        pytest.param(["./jobspecs/intro.yaml"], {"intro"}, id="file-with-a-dot"),
        pytest.param(["."], set(KNOWN), id="all"),
        pytest.param(["./"], set(KNOWN), id="all-with-a-slash"),
        pytest.param([], set(), id="no-words"),
    ],
)
def test_select(words: list[str], expected: set[str]) -> None:
    assert select(words, KNOWN) == expected


@pytest.mark.parametrize(
    "word",
    [
        "", "/", "//", "nothing", "dub[lang=e]", "[ij]ntro", "job", "jobspecs/sho", "show*", "intro/", "..", "/intro",
        "{intro,a}", "!intro", "INTRO", "jobspecs/intro",
    ],
)  # fmt: skip
def test_no_match_is_an_error(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        select(["intro", word], KNOWN)
    assert caught.value.exit_code == ExitCode.USAGE
    assert [problem.code for problem in caught.value.diagnostics] == ["SJ187"]
    assert f"'{word}'" in caught.value.diagnostics[0].message


def test_every_word_without_a_match_is_named_with_what_may_have_been_meant() -> None:
    with pytest.raises(UsageError) as caught:
        select(["intor", "intro", "zzz*"], KNOWN)
    assert [problem.hint for problem in caught.value.diagnostics] == [
        "did you mean 'intro'?", "`sieve-jobs status` lists the names",
    ]  # fmt: skip
