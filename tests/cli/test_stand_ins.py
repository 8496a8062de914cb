"""Specs for a cloud function that run on a local one: on the real engine, marked, and never counted as bought."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import KEY, Ran, project, ran, remote_config, write

DRAFT = """
from sieve_jobs import sdk as sieve

@sieve.function(name="dub_draft")
def dub_draft(text: str, language: str = "spanish") -> str:
    return f"{text} in {language}"
"""
SPEC = "function: sieve/dubbing\ninputs: {text: hello}\nsave: out/dub/\n"
MARK = "me/dub_draft stands in for sieve/dubbing"
LINE = '[targets.local]\nstand_ins = {"sieve/dubbing" = "me/dub_draft"}\n'


def here(root: Path, *arguments: str) -> Ran:
    return ran(root, *arguments, environ={"PATH": os.environ["PATH"], **KEY})


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Cloud, Ran]]:
    """A project whose spec for a cloud function was applied on the engine, and the cloud that it never spoke to."""
    with Cloud.running() as cloud:
        root = tmp_path_factory.mktemp("stand-ins") / "p"
        project(root, {"dub.yaml": SPEC}, LINE + remote_config(cloud.url))
        write(root, {"functions/dub.py": DRAFT})
        done = here(root, "apply")
        yield root, cloud, done


def test_it_runs_on_the_engine_and_what_is_shown_is_marked(applied: tuple[Path, Cloud, Ran]) -> None:
    root, cloud, done = applied
    assert done.code == 0, done.err
    assert (root / "out/dub/0.json").read_text() == '"hello in spanish"\n'
    assert (MARK in done.out, MARK in done.err) == (True, True)
    assert cloud.requests == []
    assert f"function  {MARK}" in here(root, "show", "dub").out
    assert "me/dub_draft for sieve/dubbing" in here(root, "status").out
    assert "no result of sieve/dubbing" in here(root, "explain", "dub").out
    assert MARK in here(root, "outputs", "dub").err
    assert "function: me/dub_draft  # stands in for sieve/dubbing" in here(root, "render", "dub").out
    assert MARK in here(root, "plan", "--show-request", "dub").err
    assert MARK in here(root, "plan", "--rerun", "dub", "--format", "markdown").out
    assert MARK in here(root, "plan", "--rerun", "dub", "--format", "github").out


def test_documents_are_marked(applied: tuple[Path, Cloud, Ran]) -> None:
    root, _, _ = applied
    rows = [
        here(root, "status", "--json").document["jobs"][0],
        here(root, "outputs", "dub", "--json").document,
        here(root, "show", "dub", "--json").document["entry"],
        here(root, "explain", "dub", "--json").document,
        here(root, "plan", "--rerun", "dub", "--json").document["changes"][0],
        here(root, "render", "dub", "--json").document["specs"][0],
    ]
    assert [(row["function"], row["stands_in_for"]) for row in rows] == [("me/dub_draft", "sieve/dubbing")] * len(rows)
    kept = here(root, "state", "show", "dub").document["entry"]
    assert (kept["parts"]["stands_in_for"], kept["saved"]["complete"]) == ("sieve/dubbing", True)
    again = here(root, "rerun", "dub", "--json")
    assert [row["stands_in_for"] for row in again.document["results"]] == ["sieve/dubbing"]


def test_a_result_of_a_stand_in_is_none_of_the_cloud(applied: tuple[Path, Cloud, Ran]) -> None:
    root, cloud, _ = applied
    remote = here(root, "plan", "-t", "prod", "--json").document
    assert [(row["name"], row["action"], row["reason"]) for row in remote["changes"]] == [("dub", "push", "new")]
    assert "stands_in_for" not in remote["changes"][0]
    bought = here(root, "apply", "-t", "prod", "--yes", "--json")
    assert bought.code == 4, bought.err  # the file that the draft left is in the way, and stays
    assert [push.json["function"] for push in cloud.pushes] == ["sieve/dubbing"]
    assert (root / "out/dub/0.json").read_text() == '"hello in spanish"\n'


def test_an_edited_stand_in_runs_again_and_a_removed_one_is_a_change(applied: tuple[Path, Cloud, Ran]) -> None:
    root, _, _ = applied
    write(root, {"functions/dub.py": DRAFT.replace(" in ", " dubbed to ")})
    again = here(root, "apply", "--json")
    assert [(row["reason"], row["status"]) for row in again.document["results"]] == [("function_changed", "finished")]
    config = (root / "sieve-jobs.toml").read_text()
    write(root, {"sieve-jobs.toml": config.replace(LINE, "")})
    planned = here(root, "plan", "--json").document
    write(root, {"sieve-jobs.toml": config})
    (change,) = planned["changes"]
    assert change["reason"] == "function_changed"
    assert [field["path"] for field in change["diff"]] == ["function", "stands_in_for", "source"]
    assert here(root, "plan", "--detailed-exitcode").code == 0


def test_a_stand_in_that_is_missing_is_named_with_what_it_stands_in_for(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"dub.yaml": SPEC}, LINE)
    (notice,) = ran(root, "plan", "--json").document["notices"]
    assert notice["text"] == "the engine has no function 'me/dub_draft' to stand in for sieve/dubbing (1 spec)"
    assert notice["hint"].splitlines()[0] == 'write it: @sieve.function(name="dub_draft") in a file of functions/'


def test_a_function_that_the_engine_lacks_is_said_with_three_ways_out(tmp_path: Path) -> None:
    config = '[targets.local]\nstand_ins = {"a/b" = "me/b"}\n' + remote_config("https://far.example")
    root = project(tmp_path / "p", {"dub.yaml": SPEC}, config)
    lines = ran(root, "plan").out.splitlines()
    first = lines.index("note: the engine has no function 'sieve/dubbing' (1 spec)")
    assert lines[first + 1 : first + 4] == [
        '      a stand-in: [targets.local] stand_ins = {"a/b" = "me/b", "sieve/dubbing" = "me/dubbing"}',
        "      a stub of a job: sieve-jobs functions stub sieve/dubbing -t prod",
        "      another target: sieve-jobs apply -t prod",
    ]
    assert "sieve-jobs functions stub sieve/dubbing -t prod" in ran(root, "plan", "--format", "markdown").out
