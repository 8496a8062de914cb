"""The JSON documents: the promised shapes, from the data that the text is made from."""

from __future__ import annotations

import json
from dataclasses import replace

from sieve_jobs.diagnostic import Diagnostic, Place
from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.plan.explain import explain
from sieve_jobs.plan.plan import Plan, Summary
from sieve_jobs.push.result import ApplyResult, Result, Tally
from sieve_jobs.render import document
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.loaded import Header
from sieve_jobs.wire import Status
from tests.plan.world import WHERE, World, asks, pushed, variable

BAD = Diagnostic("SJ200", "x", Place("a.yaml", 1, 2), "y", "z")


def test_plan() -> None:
    before, after = asks("dub", {"width": 640}), asks("dub", {"width": 1280})
    plan = World([after, asks("same", {"n": 1})], [pushed(before), pushed(asks("same", {"n": 1}))]).plan()
    assert document.plan_document(plan) == {
        "format_version": "1.0",
        "target": "prod",
        "endpoint": "https://far.example",
        "serial": 7,
        "summary": {"push": 1, "reuse": 0, "move": 0, "orphan": 0, "resolve": 0, "unchanged": 1},
        "changes": [
            {
                "name": "dub",
                "action": "push",
                "reason": "inputs_changed",
                "path": "jobspecs/dub.yaml",
                "line": 1,
                "digest": after.digest,
                "diff": [{"path": "inputs.width", "before": 640, "after": 1280, "masked": False}],
            }
        ],
        "notices": [],
        "diagnostics": [],
    }


def test_plan_says_where_a_job_comes_from() -> None:
    moved = World([asks("b")], [pushed(asks("a"))]).plan()
    assert document.plan_document(moved)["changes"][0]["moved_from"] == "a"  # type: ignore[index]
    back = World([asks("a")], [pushed(asks("a"), orphaned=True)]).plan()
    assert document.plan_document(back)["changes"][0]["reuses"] == "job-a"  # type: ignore[index]


def test_apply() -> None:
    row = Result("dub", Action.PUSH, Reason.NEW, "j", "r", Status.FINISHED)
    assert document.apply_document(ApplyResult((row,), Tally(pushed=1), problems=(BAD,)), "local") == {
        "format_version": "1.0",
        "target": "local",
        "summary": {"pushed": 1, "refused": 0, "reused": 0, "moved": 0, "unchanged": 0, "in_doubt": 0},
        "results": [
            {
                "name": "dub", "action": "push", "reason": "new", "job_id": "j", "run_id": "r", "status": "finished",
                "error": None, "saved": [],
            }
        ],
        "still_running": [],
        "notices": [],
        "diagnostics": [BAD.as_json()],
    }  # fmt: skip


def test_status() -> None:
    entry = pushed(asks("dub"))
    assert document.status_document([entry])["jobs"] == [
        {
            "name": "dub", "job_id": "job-dub", "run_id": "run", "status": "finished", "function": "sieve/dubbing",
            "digest": entry.digest, "pushed_at": "2026-11-23T12:00:00.000Z", "path": "jobspecs/dub.yaml",
        }
    ]  # fmt: skip


def test_validate() -> None:
    found = document.validate_document(files=2, specs=1, problems=[BAD])
    assert (found["valid"], found["files"], found["specs"], found["diagnostics"]) == (False, 2, 1, [BAD.as_json()])


def test_no_document_holds_a_tag_or_a_masked_value() -> None:
    def canary(value: str):
        return asks("dub", env={"TOKEN": variable("TOKEN", value), "PLACE": variable("PLACE", value)})

    entry = pushed(canary("canary-one"))
    plan = World([canary("canary-two")], [entry]).plan()
    said = explain("dub", plan, entry)
    documents = [
        document.plan_document(plan),
        document.explain_document(said),
        document.show_document(entry, said, [entry.past()]),
        document.state_list_document(Header("l", 1), [entry]),
    ]
    text = "".join(map(document.dump, documents))
    assert "canary" not in text
    assert "(masked" not in text
    for hidden in [*entry.tags.env.values(), *entry.tags.secrets.values()]:
        assert hidden not in text


def test_every_document_names_its_format() -> None:
    said = explain("a", World().plan(), None)
    for found in (
        document.explain_document(said),
        document.show_document(None, said, []),
        document.state_list_document(Header("l", 1), []),
        document.doctor_document([("state", True, "fine"), ("endpoint", False, "no answer")]),
        document.version_document(),
    ):
        assert json.loads(document.dump(found))["format_version"] == "1.0"
    assert document.doctor_document([("a", True, ""), ("b", False, "")])["ok"] is False


def test_a_document_is_ascii_and_starts_no_command() -> None:
    hostile = "\x1b[2J\u202e##[error]\n::error::x\ud800"
    change = World([asks("a")]).plan().changes[0]
    diff = (FieldDiff("inputs.k", hostile, None),)
    plan = Plan(WHERE, (replace(change, name=hostile, diff=diff),), Summary(push=1))
    text = document.dump(document.plan_document(plan))
    assert text.isascii()
    assert "\x1b" not in text
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert json.loads(text)["changes"][0]["name"] == hostile


def test_an_entry_is_told_whole() -> None:
    entry: Entry = pushed(asks("a"), error="boom", lost=True)
    told = document.entry_document(entry)
    assert (told["error"], told["lost"], told["parts"]) == ("boom", True, dict(entry.parts))
