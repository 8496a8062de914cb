"""The JSON documents of `--json`, from the same data as the text for people. Their shapes are promises."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence

from sieve_jobs import __version__
from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.explain import Explanation, diff_json
from sieve_jobs.plan.moment import stamp
from sieve_jobs.plan.plan import Notice, Plan
from sieve_jobs.push.result import ApplyResult
from sieve_jobs.state.entry import Entry, PastJob, Saved
from sieve_jobs.state.loaded import Header

FORMAT_VERSION = "1.0"
"""Raised in its first part when a key changes its meaning or goes, in its second when keys are added."""


def dump(document: Mapping[str, object]) -> str:
    """*document* as text of ASCII alone: no terminal, pipe or CI runner finds anything in it to act on."""
    text = json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("##[", "##\\u005b") + "\n"


def plan_document(plan: Plan, diagnostics: Iterable[Diagnostic] = ()) -> dict[str, object]:
    """`plan --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "target": plan.where.target,
        "endpoint": plan.where.endpoint,
        "serial": plan.where.serial,
        "summary": plan.summary._asdict(),
        "changes": [_change(change) for change in plan.changes],
        "notices": _notices(plan.notices),
        "diagnostics": _diagnostics(diagnostics),
    }


def apply_document(result: ApplyResult, target: str, diagnostics: Iterable[Diagnostic] = ()) -> dict[str, object]:
    """`apply --json`, also of verbs that push (`rerun`, `resolve`). *diagnostics* go before the result's own."""
    return {
        "format_version": FORMAT_VERSION,
        "target": target,
        "summary": result.summary.as_json(),
        "results": [row.as_json() for row in result.results],
        **({"unrecorded": [row.as_json() for row in result.unrecorded.answers]} if result.unrecorded else {}),
        "still_running": [{"name": name, "job_id": job_id} for name, job_id in sorted(result.still_running.items())],
        "notices": _notices(result.notices),
        "diagnostics": _diagnostics((*diagnostics, *result.problems)),
    }


def status_document(entries: Iterable[Entry], diagnostics: Iterable[Diagnostic] = ()) -> dict[str, object]:
    """`status --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "jobs": [_job(entry) for entry in sorted(entries, key=lambda entry: entry.name)],
        "diagnostics": _diagnostics(diagnostics),
    }


def validate_document(*, files: int, specs: int, problems: Sequence[Diagnostic]) -> dict[str, object]:
    """`validate --json`. *files* and *specs* are how many were looked at and how many are valid."""
    return {
        "format_version": FORMAT_VERSION,
        "valid": not problems,
        "files": files,
        "specs": specs,
        "diagnostics": _diagnostics(problems),
    }


def explain_document(said: Explanation) -> dict[str, object]:
    """`explain NAME --json`."""
    return {"format_version": FORMAT_VERSION, **said.data, "lines": list(said.lines)}


def show_document(entry: Entry | None, said: Explanation, past: Sequence[PastJob]) -> dict[str, object]:
    """`show NAME --json`: the entry and everything `explain` says."""
    return {
        "format_version": FORMAT_VERSION,
        "name": said.name,
        "entry": None if entry is None else entry_document(entry),
        "explanation": {**said.data, "lines": list(said.lines)},
        "earlier_jobs": len(past),
    }


def state_list_document(header: Header, entries: Iterable[Entry]) -> dict[str, object]:
    """`state list --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "lineage": header.lineage,
        "serial": header.serial,
        "endpoint": header.endpoint,
        "organization_id": header.organization_id,
        "entries": [entry_document(entry) for entry in sorted(entries, key=lambda entry: entry.name)],
    }


def doctor_document(checks: Iterable[tuple[str, bool, str]]) -> dict[str, object]:
    """`doctor --json`: each check with whether it holds, and what was found."""
    rows = [{"check": check, "ok": ok, "detail": detail} for check, ok, detail in checks]
    return {"format_version": FORMAT_VERSION, "ok": all(row["ok"] for row in rows), "checks": rows}


def version_document() -> dict[str, object]:
    """`version --json`."""
    return {
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "python": platform.python_version(),
        "platform": sys.platform,
    }


def entry_document(entry: Entry) -> dict[str, object]:
    """An entry, whole but for its tags, which tell nothing without the key."""
    return {
        **_job(entry),
        "line": entry.line,
        "reason": entry.reason,
        "completed_at": stamp(entry.completed_at) if entry.completed_at else None,
        "error": entry.error or None,
        "commit": entry.commit,
        "parts": dict(entry.parts),
        "orphaned": entry.orphaned,
        "lost": entry.lost,
        "protect": entry.protect,
        "save": entry.save or None,
        "saved": None if entry.saved is None else _saved(entry.saved),
    }


def _job(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "job_id": entry.job_id,
        "run_id": entry.run_id,
        "status": entry.status.value,
        "function": entry.function,
        "digest": entry.digest,
        "pushed_at": stamp(entry.pushed_at),
        "path": entry.path,
        **_mark(entry.stand_in),
    }


def _mark(found: StandIn | None) -> dict[str, str]:
    """The keys that a row has whose function is a stand-in."""
    return {} if found is None else found.as_json()


def _saved(saved: Saved) -> dict[str, object]:
    files = [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in saved.files]
    return {"complete": saved.complete, "files": files}


def _change(change: Change) -> dict[str, object]:
    row: dict[str, object] = {
        "name": change.name,
        "action": change.action.value,
        "reason": change.reason.value,
        "path": change.path,
        "line": change.line,
        "digest": change.digest,
        "diff": [diff_json(field) for field in change.diff],
    }
    if change.moved_from is not None:
        row["moved_from"] = change.moved_from
    if change.reuses is not None:
        row["reuses"] = change.reuses.job_id
    if change.prune is not None:
        row["prune"] = change.prune
    return row | _mark(change.stand_in)


def _notices(notices: Iterable[Notice]) -> list[dict[str, object]]:
    return [
        {
            "name": notice.name,
            "reason": notice.reason.value if notice.reason else None,
            "text": notice.text,
            "hint": notice.hint,
        }
        for notice in notices
    ]


def _diagnostics(problems: Iterable[Diagnostic]) -> list[dict[str, object]]:
    return [problem.as_json() for problem in problems]
