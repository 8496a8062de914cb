"""Exports read back: the same state, and every way in which a file is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.state.export import export
from sieve_jobs.state.parse import DocumentError, load_json
from sieve_jobs.state.restore import parse_export, restoring
from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import PutEntry
from tests.state.samples import entry, everything, what_is_saved

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """A state with rows of every kind, exported."""
    with open_store(tmp_path_factory.mktemp("state") / "s.db") as store:
        store.commit([*everything(), *what_is_saved()], 0)
        return json.loads(json.dumps(export(store)))


def test_what_was_exported_is_what_is_restored(tmp_path: Path, document: Document) -> None:
    with open_store(tmp_path / "t.db") as store:
        store.commit([PutEntry(entry("of another state", job="job-dub-intro"))], 0)
        serial = store.commit(restoring(parse_export(json.dumps(document).encode())), 1)
        assert serial == document["serial"] + 1
        again = export(store)
    assert {**again, "serial": 0, "written_at": ""} == {**document, "serial": 0, "written_at": ""}


def test_an_export_from_before_outputs_were_saved_is_read(document: Document) -> None:
    older = copy.deepcopy(document)
    for row in (*older["entries"], *older["past"], *(intent["draft"] for intent in older["intents"])):
        row.pop("save", None)
        del row["saved"]
    exported = parse_export(json.dumps(older).encode())
    assert {entry.save for entry in exported.entries} == {""}
    assert {row.saved for row in (*exported.entries, *exported.past)} == {None}


def _set(*path: object, to: object) -> Callable[[Document], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = to

    return change


def _drop(*path: object) -> Callable[[Document], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "needle"),
    [
        pytest.param(_set("format_version", to="2.0"), "format_version", id="another version"),
        pytest.param(_drop("lineage"), "'lineage' is missing", id="no lineage"),
        pytest.param(_set("lineage", to="a\nb"), "lineage", id="lineage on two lines"),
        pytest.param(_set("serial", to=-1), "serial", id="negative serial"),
        pytest.param(_set("serial", to=True), "serial", id="a serial that is a boolean"),
        pytest.param(_set("extra", to=1), "unknown key 'extra'", id="unknown key"),
        pytest.param(_set("entries", to={}), "export.entries: expected a list", id="entries that are no list"),
        pytest.param(_set("entries", 1, to="x"), "entries[1]: expected an object", id="an entry that is a text"),
        pytest.param(_drop("entries", 0, "digest"), "entries[0]: 'digest' is missing", id="no digest"),
        pytest.param(_set("entries", 0, "name", to=""), "entries[0].name", id="empty name"),
        pytest.param(_set("entries", 0, "name", to="a\nb"), "entries[0].name", id="name on two lines"),
        pytest.param(_set("entries", 0, "status", to="done"), "entries[0].status", id="no such status"),
        pytest.param(_set("entries", 0, "pushed_at", to="yesterday"), "entries[0].pushed_at", id="no time"),
        pytest.param(_set("entries", 0, "pushed_at", to="2026-13-01T00:00:00.000000Z"), "pushed_at", id="month 13"),
        pytest.param(_set("entries", 0, "line", to=1.5), "entries[0].line", id="half a line"),
        pytest.param(_set("entries", 0, "parts", to=[]), "entries[0].parts", id="parts that are a list"),
        pytest.param(_set("entries", 0, "tags", "env", to={"A": 1}), "entries[0].tags.env", id="tag that is a number"),
        pytest.param(_set("entries", 0, "variables", to={"A": "yes"}), "entries[0].variables", id="yes is no boolean"),
        pytest.param(_set("entries", 0, "protect", to=None), "entries[0].protect", id="null for false"),
        pytest.param(_set("entries", 0, "job_id", to=""), "entries[0].job_id", id="an entry without a job"),
        pytest.param(_set("entries", 0, "unknown", to=1), "unknown key 'unknown'", id="unknown key of an entry"),
        pytest.param(_set("entries", 0, "name", to="shows/lost"), "the same name", id="two of one name"),
        pytest.param(_set("entries", 0, "job_id", to="job-shows/lost"), "the same job_id", id="two of one job"),
        pytest.param(_set("past", 0, "job_id", to="past-2"), "the same job_id", id="one earlier job twice"),
        pytest.param(_set("entries", 0, "save", to=5), "entries[0].save", id="a place that is a number"),
        pytest.param(_set("entries", 0, "saved", to=[]), "entries[0].saved", id="saved that is a list"),
        pytest.param(_set("entries", 0, "saved", "complete", to=1), "saved.complete", id="1 is no boolean"),
        pytest.param(
            _set("entries", 0, "saved", "files", 1, "path", to="a\nb"), "files[1].path", id="path on two lines"
        ),
        pytest.param(_drop("entries", 0, "saved", "files", 0, "sha256"), "files[0]: 'sha256' is missing", id="no hash"),
        pytest.param(_set("past", 0, "tags", to=None), "past[0].tags", id="no tags"),
        pytest.param(_set("intents", 0, "name", to="other"), "intents[0].name", id="intent of another name"),
        pytest.param(_set("intents", 0, "attempt", to="2"), "intents[0].attempt", id="attempt as text"),
        pytest.param(_drop("intents", 1, "draft", "digest"), "intents[1].draft", id="draft without a digest"),
        pytest.param(_set("intents", 0, "uuid", to="22222222-2222-4222-8222-222222222222"), "uuid", id="uuid twice"),
    ],
)
def test_what_is_no_export_is_refused_with_its_place(
    document: Document, change: Callable[[Document], None], needle: str
) -> None:
    changed = copy.deepcopy(document)
    change(changed)
    with pytest.raises(DocumentError) as caught:
        parse_export(json.dumps(changed).encode())
    assert needle in str(caught.value)


ASTRAY = [
    "../../etc",
    "/etc/{index}",
    "out/../../{index}",
    "~/x",
    ".git/hooks/{index}",
    "out/.Sieve-Jobs/x",
    "a\\b",
    "a//b",
]


@pytest.mark.parametrize("path", ASTRAY)
@pytest.mark.parametrize(
    ("where", "shown"),
    [
        (("entries", 0, "save"), "entries[0].save"),
        (("entries", 0, "saved", "asked"), "entries[0].saved.asked"),
        (("entries", 0, "saved", "files", 1, "path"), "entries[0].saved.files[1].path"),
        (("past", 0, "saved", "asked"), "past[0].saved.asked"),
        (("intents", 0, "draft", "save"), "intents[0].draft.save"),
    ],
)
def test_a_path_that_leads_out_of_the_project_is_refused_with_its_place(
    document: Document, path: str, where: tuple[object, ...], shown: str
) -> None:
    changed = copy.deepcopy(document)
    _set(*where, to=path)(changed)
    with pytest.raises(DocumentError) as caught:
        parse_export(json.dumps(changed).encode())
    assert f"{shown}: expected a path below the project's root" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[" * 100_000, b'{"a": NaN}', b"\xff", b"[]", b"1e999", b"9" * 5000, b"null", b'"x"'],
    ids=["empty", "cut", "deep", "nan", "not utf-8", "list", "huge", "digits", "null", "text"],
)  # fmt: skip
def test_no_text_is_more_than_refused(text: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_export(text)


def test_duplicate_keys_are_refused() -> None:
    with pytest.raises(DocumentError, match="twice"):
        load_json('{"a": 1, "a": 2}')
