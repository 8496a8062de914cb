"""`save`: the pattern that a spec's outputs are named by, and everything that could lead out of its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.save import check_save, pattern_of
from sieve_jobs.spec.variables import Variables
from tests.project import write
from tests.spec import loading
from tests.spec.loading import detail, problems


@pytest.mark.parametrize(
    ("save", "pattern"),
    [
        pytest.param("out/intro", "out/intro/{index}{ext}", id="short"),
        pytest.param("{to: out/intro/}", "out/intro/{index}{ext}", id="long"),
        pytest.param("./out//intro/.", "out/intro/{index}{ext}", id="told simply"),
        pytest.param("{to: out, as: 'cut-{index}{ext}'}", "out/cut-{index}{ext}", id="named"),
        pytest.param("{to: out, as: '{name}/{job}/{stem}{ext}'}", "out/shows/a/{job}/{stem}{ext}", id="folders"),
        pytest.param("{to: 'out/${SHOW:-none}'}", "out/none/{index}{ext}", id="interpolated"),
        pytest.param("{to: .cache/out}", ".cache/out/{index}{ext}", id="hidden on purpose"),
        pytest.param("~", None, id="null"),
    ],
)
def test_pattern(tmp_path: Path, save: str, pattern: str | None) -> None:
    assert detail(tmp_path, f"name: shows/a\nfunction: a/b\nsave: {save}\n").spec.save == pattern


@pytest.mark.parametrize(
    ("save", "code"),
    [
        pytest.param("/out", "SJ230", id="absolute"),
        pytest.param("'~/out'", "SJ230", id="home"),
        pytest.param("out/../../x", "SJ230", id="up"),
        pytest.param(".", "SJ230", id="root"),
        pytest.param("./", "SJ230", id="root with slash"),
        pytest.param(".git/hooks", "SJ230", id="git"),
        pytest.param("out/.GIT/hooks", "SJ230", id="git within, in capitals"),
        pytest.param(".sieve-jobs", "SJ230", id="ours"),
        pytest.param("jobspecs", "SJ230", id="specs"),
        pytest.param("Functions/x", "SJ230", id="functions"),
        pytest.param("{to: shows, as: 'specs/{stem}{ext}'}", "SJ230", id="specs by name"),
        pytest.param("'out/{name}'", "SJ230", id="placeholder in the folder"),
        pytest.param('"a\\\\b"', "SJ230", id="backslash"),
        pytest.param('"a\\u202eb"', "SJ230", id="direction"),
        pytest.param("s3://bucket/x", "SJ203", id="s3"),
        pytest.param("GS://bucket/x", "SJ203", id="another store"),
        pytest.param("[x]", "SJ210", id="list"),
        pytest.param("{}", "SJ204", id="no folder"),
        pytest.param("{to: 5}", "SJ210", id="number"),
        pytest.param("{to: out, as: ~}", "SJ210", id="no name"),
        pytest.param("{to: out, as: ''}", "SJ231", id="empty name"),
        pytest.param("./~/out", "SJ230", id="a home once its first part is left out"),
        pytest.param("{to: out, as: '{ext}'}", "SJ231", id="hidden by its extension"),
        pytest.param("{to: out, as: 'x/.{index}'}", "SJ231", id="hidden"),
        pytest.param("{to: out, as: '../{index}'}", "SJ231", id="up by name"),
        pytest.param("{to: out, as: '/{index}'}", "SJ231", id="absolute name"),
        pytest.param("{to: out, as: '{index}/'}", "SJ231", id="no name behind the folder"),
        pytest.param("{to: out, as: '{name'}", "SJ231", id="brace"),
        pytest.param("{to: out, as: '{indx}'}", "SJ231", id="unknown word"),
    ],
)
def test_what_is_refused(tmp_path: Path, save: str, code: str) -> None:
    folders = ("jobspecs", "functions/", "shows/specs")
    found = problems(tmp_path, f"function: a/b\nsave: {save}\n", own_folders=folders)
    assert [(problem, line) for problem, line, _ in found] == [(code, 2)]


def test_an_unknown_placeholder_gets_a_hint(tmp_path: Path) -> None:
    (told,) = loading.parse(tmp_path, "function: a/b\nsave: {to: out, as: '{idnex}'}\n").problems
    assert told.hint == "did you mean 'index'?"


def test_a_name_that_would_hide_its_outputs_is_refused(tmp_path: Path) -> None:
    text = "name: .x/a\nfunction: a/b\nsave: {to: out, as: '{name}/{index}'}\n"
    assert problems(tmp_path, text) == [("SJ231", 3, 21)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("ab./~{}\\ :\n", max_size=12), st.text("a./{}ndexti", max_size=12))
def test_what_is_taken_stays_in_its_folder(to: str, name: str) -> None:
    if list(check_save({"save": {"to": to, "as": name}}, ("jobspecs",))):
        return
    pattern = pattern_of({"to": to, "as": name}, "spec")
    assert pattern is not None
    parts = pattern.split("/")
    assert not {"", ".", "..", ".git"} & set(parts)
    assert not pattern.startswith(("/", "~"))
    assert len(parts) >= 2


def loaded(root: Path, files: dict[str, str]) -> list[tuple[str, str, int]]:
    write(root, {f"jobspecs/{name}": text for name, text in files.items()})
    tree = load_tree(loading.settings(root, variables=Variables(environ={})), None)
    return [(told.code, told.place.path, told.place.line) for told in tree.problems if told.place is not None]


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        pytest.param("out", "out", True, id="one folder"),
        pytest.param("out", "{to: ./Out/}", True, id="one folder, written otherwise"),
        pytest.param("out", "out/b", False, id="a folder within"),
        pytest.param("{to: out, as: 'b/{index}{ext}'}", "out/b", True, id="a folder by name"),
        pytest.param("{to: out, as: '{name}{ext}'}", "{to: out, as: '{name}{ext}'}", False, id="by name"),
        pytest.param("{to: out, as: '{job}{ext}'}", "{to: out, as: '{job}{ext}'}", False, id="by job"),
        pytest.param("{to: out, as: 'a.mp4'}", "{to: out, as: 'b.mp4'}", False, id="other names"),
    ],
)
def test_two_specs_never_save_over_one_another(tmp_path: Path, one: str, other: str, clash: bool) -> None:
    files = {"a.yaml": f"function: a/b\nsave: {one}\n", "b.yaml": f"function: a/b\nsave: {other}\n"}
    assert loaded(tmp_path, files) == ([("SJ232", "jobspecs/b.yaml", 2)] if clash else [])


def test_outputs_are_not_saved_among_the_specs(tmp_path: Path) -> None:
    assert loaded(tmp_path, {"a.yaml": "function: a/b\nsave: jobspecs/out\n"}) == [("SJ230", "jobspecs/a.yaml", 2)]
