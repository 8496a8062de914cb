"""A tree of files: which are specs, their names, what is told when they change under a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.errors import InvalidError
from sieve_jobs.spec.cache import ParseCache
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.tree import default_name
from tests.project import write
from tests.spec.loading import settings, where

RUN = "function: a/b\n"


def names(root: Path, **changes: object) -> dict[str, str]:
    tree = load_tree(settings(root, **changes), None)
    assert not tree.problems, tree.problems
    return {row.name: f"{row.path}:{row.line}" for row in tree.wanted}


def test_which_files_are_specs(tmp_path: Path) -> None:
    write(tmp_path, dict.fromkeys([
        "jobspecs/a.yaml", "jobspecs/b.yml", "jobspecs/shows/c.yaml", "jobspecs/shows/deep/d.e.yaml",
        "jobspecs/_part.yaml", "jobspecs/.hidden.yaml", "jobspecs/_parts/x.yaml", "jobspecs/.git/x.yaml",
        "jobspecs/README.md", "jobspecs/x.yaml.bak", "jobspecs/x.YAML", "jobspecs/yaml", "other/x.yaml", "x.yaml",
    ], RUN))  # fmt: skip
    assert names(tmp_path) == {
        "a": "jobspecs/a.yaml:1", "b": "jobspecs/b.yml:1", "shows/c": "jobspecs/shows/c.yaml:1",
        "shows/deep/d.e": "jobspecs/shows/deep/d.e.yaml:1",
    }  # fmt: skip
    assert load_tree(settings(tmp_path), None).files == 4


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        pytest.param(["jobspecs"], {"a", "in/b"}, id="one"),
        pytest.param(["./jobspecs/"], {"a", "in/b"}, id="with-dots"),
        pytest.param(["jobspecs", "more"], {"a", "in/b", "c"}, id="two"),
        pytest.param(["jobspecs/in", "jobspecs"], {"a", "b"}, id="inner-first"),
        pytest.param(["jobspecs", "jobspecs/in"], {"a", "in/b"}, id="outer-first"),
        pytest.param(["jobspecs", "jobspecs"], {"a", "in/b"}, id="twice"),
        pytest.param(["."], {"jobspecs/a", "jobspecs/in/b", "more/c"}, id="the-root"),
        pytest.param([".specs"], {"d"}, id="a-hidden-folder"),
        pytest.param(["nowhere"], set(), id="none"),
        pytest.param([], set(), id="no-folders"),
    ],
)
def test_names_come_from_paths(tmp_path: Path, specs: list[str], expected: set[str]) -> None:
    write(tmp_path, dict.fromkeys(["jobspecs/a.yaml", "jobspecs/in/b.yaml", "more/c.yaml", ".specs/d.yaml"], RUN))
    assert set(names(tmp_path, specs=tuple(specs))) == expected


def test_default_name() -> None:
    assert default_name("jobspecs/shows/a.b.yaml", ("jobspecs",)) == "shows/a.b"
    assert default_name("elsewhere/a.yml", ("jobspecs",)) == "elsewhere/a"
    assert default_name("jobspecsmore/a.yml", ("jobspecs",)) == "jobspecsmore/a"


def test_documents_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"jobspecs/a.yaml": f"# c\n\n{RUN}---\n---\n{RUN}name: two\n---\nname: three\n{RUN}"})
    assert names(tmp_path) == {"a": "jobspecs/a.yaml:3", "two": "jobspecs/a.yaml:6", "three": "jobspecs/a.yaml:9"}


def test_links_within_the_project_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, {"shared/a.yaml": RUN, "jobspecs/b.yaml": RUN})
    (tmp_path / "jobspecs/linked").symlink_to("../shared")
    (tmp_path / "jobspecs/again").symlink_to("../shared")
    (tmp_path / "jobspecs/round").symlink_to(".")
    (tmp_path / "jobspecs/c.yaml").symlink_to("../shared/a.yaml")
    found = names(tmp_path)
    assert {"b", "c"} < set(found)
    assert len(found) == 3


def test_a_folder_goes_by_its_own_path_however_it_is_linked(tmp_path: Path) -> None:
    write(tmp_path, {"jobspecs/m/deep/x.yaml": RUN})
    for link in ("a", "z", "m/deep/again"):
        (tmp_path / "jobspecs" / link).symlink_to(tmp_path / "jobspecs" / "m" / "deep")
    (tmp_path / "jobspecs" / "b").symlink_to(".")
    assert names(tmp_path) == {"m/deep/x": "jobspecs/m/deep/x.yaml:1"}


def test_a_folder_outside_the_specs_goes_by_the_first_of_its_links(tmp_path: Path) -> None:
    write(tmp_path, {"shared/x.yaml": RUN, "jobspecs/y.yaml": RUN})
    for link in ("z", "b", "m"):
        (tmp_path / "jobspecs" / link).symlink_to("../shared")
    assert set(names(tmp_path)) == {"b/x", "y"}


@pytest.mark.parametrize("specs", ["..", "../other", "/etc", "link"])
def test_folders_of_specs_are_in_the_project(tmp_path: Path, specs: str) -> None:
    write(tmp_path, {"other/a.yaml": "secret: value\n", "project/jobspecs/a.yaml": RUN})
    (tmp_path / "project/link").symlink_to("../other")
    tree = load_tree(settings(tmp_path / "project", specs=("jobspecs", specs)), None)
    assert [(problem.code, problem.place) for problem in tree.problems] == [("SJ206", None)]
    assert [row.name for row in tree.wanted] == ["a"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../../outside.yaml", "/proc/self/environ", "/"])
def test_links_out_of_the_project_are_refused_unread(tmp_path: Path, target: str) -> None:
    root = tmp_path / "project"
    write(tmp_path, {"outside.yaml": "a secret: value\n", "project/jobspecs/a.yaml": RUN})
    (root / "jobspecs/x.yaml").symlink_to(target)
    (root / "jobspecs/folder").symlink_to(Path(target).parent)
    tree = load_tree(settings(root), None)
    assert {problem.code for problem in tree.problems} == {"SJ206"}
    assert all(problem.place is not None and not problem.place.text for problem in tree.problems)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        pytest.param("clip", "clip", True, id="equal"),
        pytest.param("clip", "Clip", True, id="case"),
        pytest.param("straße", "STRASSE", True, id="case-folding"),
        pytest.param("caf\u00e9", "CAF\u00c9", True, id="case-beyond-ascii"),
        pytest.param("\u212bngstrom", "\u00e5ngstrom", True, id="unicode-form"),
        pytest.param("\u1112\u1161\u11ab", "\ud55c", True, id="composed-letters"),
        pytest.param("clip", "clip2", False, id="unlike"),
        pytest.param("a/b", "a_b", False, id="unlike-signs"),
        pytest.param("caf\u00e9", "cafe", False, id="unlike-letters"),
    ],
)
def test_names_are_unique_for_every_reader(tmp_path: Path, one: str, other: str, alike: bool) -> None:
    write(tmp_path, {"jobspecs/a.yaml": f"{RUN}name: {one}\n", "jobspecs/b.yaml": f"id: x\n---\nname: {other}\n{RUN}"})
    problems = load_tree(settings(tmp_path), None).problems
    assert [where(problem) for problem in problems] == ([("SJ104", 3, 7)] if alike else [])
    assert [str(place) for problem in problems for place in problem.also] == (["jobspecs/a.yaml:2:7"] if alike else [])


def test_a_name_may_be_taken_by_a_path(tmp_path: Path) -> None:
    write(
        tmp_path, {"jobspecs/a.yaml": RUN, "jobspecs/b.yaml": f"{RUN}name: a\n", "jobspecs/c.yaml": f"{RUN}name: A\n"}
    )
    problems = load_tree(settings(tmp_path), None).problems
    assert [where(problem) for problem in problems] == [("SJ104", 2, 7), ("SJ104", 2, 7)]
    assert {str(place) for problem in problems for place in problem.also} == {"jobspecs/a.yaml:1:1"}


class TestDetails:
    """What a plan asks for after the cache has answered."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        write(
            tmp_path,
            {f"jobspecs/{name}.yaml": f"{RUN}inputs: {{n: {name}}}\n---\nname: {name}2\n{RUN}" for name in "ab"},
        )
        return tmp_path

    def test_those_asked_for(self, root: Path) -> None:
        tree = load_tree(settings(root), None)
        assert set(tree.details(["a", "b2", "unknown"])) == {"a", "b2"}
        assert set(tree.all_details()) == {"a", "a2", "b", "b2"}
        digests = {row.name: row.digest for row in tree.wanted}
        assert {name: found.digest for name, found in tree.all_details().items()} == digests

    def test_what_changed_under_the_run_is_told(self, root: Path) -> None:
        tree = load_tree(settings(root), None)
        tree.parsed.clear()
        write(root, {"jobspecs/a.yaml": f"{RUN}inputs: {{n: other}}\n---\nname: a2\n{RUN}"})
        assert set(tree.details(["a2", "b"])) == {"a2", "b"}
        tree.parsed.clear()
        with pytest.raises(InvalidError) as caught:
            tree.details(["a", "b"])
        assert [where(problem) for problem in caught.value.diagnostics] == [("SJ110", 1, 1)]

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            pytest.param(None, "SJ111", id="removed"),
            pytest.param("[", "SJ100", id="broken"),
            pytest.param(f"{RUN}name: other\n", "SJ110", id="renamed"),
            pytest.param("# nothing\n", "SJ110", id="emptied"),
        ],
    )
    def test_what_is_gone_or_broken_is_told(self, root: Path, content: str | None, code: str) -> None:
        cache = ParseCache(root / "cache.db", basis=settings(root).basis())
        tree = load_tree(settings(root), cache)
        tree.parsed.clear()
        (root / "jobspecs/a.yaml").unlink()
        if content is not None:
            write(root, {"jobspecs/a.yaml": content})
        with pytest.raises(InvalidError) as caught:
            tree.all_details()
        assert {problem.code for problem in caught.value.diagnostics} == {code}
