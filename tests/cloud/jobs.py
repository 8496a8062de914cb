"""The stand-in's jobs: made by a push, moved on by being read, shown in the form the contract gives them."""

from __future__ import annotations

import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from tests.cloud.script import Outcome, Script

KEY = "key-of-the-stand-in"
ORGANIZATION = "7f6f8b1e-3f3c-4b5c-9d5e-111111111111"
OTHER_ORGANIZATION = "0a0a8b1e-3f3c-4b5c-9d5e-222222222222"
FINAL = ("finished", "error", "cancelled")


@dataclass(eq=False)
class CloudJob:
    """One job; *pushed* is the body of its push."""

    id: str
    run_id: str
    organization_id: str
    pushed: dict[str, Any]
    at: float
    """When it was made, seconds since the epoch by this side's clock."""
    outcome: Outcome
    seen_after: float
    """The list shows it from the list call of this number on."""
    client_ref: str = ""
    reads: int = 0
    status: str = "queued"
    error: str = ""
    ended: float | None = None
    hidden: bool = False
    """Out of the list until told; still answered by id."""
    gone: bool = False
    """Answered with 404."""
    waiters: list[Any] = field(default_factory=list)

    @property
    def function(self) -> str:
        return str(self.pushed.get("function") or f"sieve/{str(self.pushed.get('id'))[:7]}")

    @property
    def function_id(self) -> str:
        pinned = self.function.partition(":")[2]
        return str(self.pushed.get("id") or pinned or uuid.uuid5(uuid.NAMESPACE_URL, self.function))

    def read(self) -> None:
        """One look at it: a job is found queued, then processing, and ended after *polls* of them."""
        if self.status in FINAL or self.outcome.polls < 0:
            return
        self.reads += 1
        if self.reads > self.outcome.polls:
            self.end(self.outcome.status, self.outcome.error)
        elif self.reads > 1:
            self.status = "processing"

    def end(self, status: str, error: str = "") -> None:
        """Its end, which comes once."""
        if self.status in FINAL:
            return
        self.status, self.error, self.ended = status, error, self.at + 1.0
        for waiter in self.waiters:
            waiter.set()


class Jobs:
    """All jobs of the far side, other organisations' included."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.url = ""
        self.by_id: dict[str, CloudJob] = {}
        self.list_calls = 0

    def make(self, pushed: dict[str, Any], raw: bytes, at: float, organization: str, ref: str = "") -> CloudJob:
        job_id = str(uuid.uuid4())
        job = CloudJob(
            job_id, f"{job_id}-{uuid.uuid4()}", organization, pushed, at, self.script.outcome(raw),
            seen_after=self.list_calls + self.script.lag_calls, client_ref=ref, hidden=self.script.lag_until_told,
        )  # fmt: skip
        self.by_id[job_id] = job
        return job

    def page(self, organization: str, query: dict[str, str], now: float) -> dict[str, Any]:
        """GET /v2/jobs. Jobs of other organisations show too where the script put them there by hand."""
        limit, offset = min(int(query.get("limit") or 500), self.script.most_listed), int(query.get("offset") or 0)
        if offset == 0:
            self.list_calls += 1
        else:
            for number in range(self.script.arrivals):
                self.make({"function": "other/thing", "inputs": {"n": number}}, b"", now, organization)
        ref = query.get("client_ref")
        rows = [job for job in self.by_id.values() if self._shows(job, now) and not job.gone]
        if ref is not None and self.script.engine:
            rows = [job for job in self.by_id.values() if job.client_ref == ref]
        if query.get("status"):
            rows = [job for job in rows if job.status == query["status"]]
        rows = self._ordered(rows)
        chosen = rows[offset : offset + limit]
        for job in chosen:
            job.read()
        following = offset + len(chosen)
        return {
            "data": [shown(job, self.script, self.url) for job in chosen],
            "next_offset": following if following < len(rows) and chosen else -1,
        }

    def _shows(self, job: CloudJob, now: float) -> bool:
        waited = now - job.at >= self.script.lag_seconds
        return waited and not job.hidden and self.list_calls > job.seen_after

    def _ordered(self, rows: list[CloudJob]) -> list[CloudJob]:
        if self.script.order == "mixed":
            return random.Random(7).sample(rows, len(rows))
        return rows if self.script.order == "oldest" else rows[::-1]


def wire_time(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def shown(job: CloudJob, script: Script, url: str) -> dict[str, Any]:
    """A Job object of the contract's section 4: inputs expanded, env and webhooks left out."""
    owner, _, name = job.function.partition(":")[0].partition("/")
    return {
        "id": job.id,
        "function_id": job.function_id,
        "organization_id": job.organization_id,
        "function": {"name": name, "owner_name": owner},
        "status": job.status,
        "created_at": wire_time(job.at) if script.created_at else None,
        "started_at": wire_time(job.at + 0.1) if job.status not in ("queued", "cancelled") else None,
        "completed_at": wire_time(job.ended),
        "error": job.error,
        "visibility": "private",
        "run_id": job.run_id,
        "children": None,
        "restarts": [],
        "inputs": expanded(job, script.functions.get(job.function.partition(":")[0])),
        "outputs": outputs(job, url),
    }


def expanded(job: CloudJob, parameters: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Inputs by parameter as InputOutput: defaults filled in, files under new URLs that hold the job's id."""
    sent = job.pushed["inputs"]
    if isinstance(sent, list):
        names = [parameter["name"] for parameter in parameters or []]
        sent = {names[i] if i < len(names) else f"arg{i}": value for i, value in enumerate(sent)}
    known = {parameter["name"]: parameter for parameter in parameters or []}
    if parameters is None:
        known = {"quality": {"name": "quality", "type": "str", "default": "high"}}
    filled = {name: known[name].get("default") for name in known if "default" in known[name]} | sent
    return {name: _parameter(job, name, value, known.get(name, {})) for name, value in filled.items()}


def _parameter(job: CloudJob, name: str, value: Any, known: dict[str, Any]) -> dict[str, Any]:
    is_file = isinstance(value, dict) and isinstance(value.get("url"), str)
    if known.get("type") == "sieve.File" and isinstance(value, str):
        value, is_file = {"url": value}, True
    return {
        "type": known.get("type") or ("sieve.File" if is_file else type(value).__name__),
        "name": name,
        "data": _rehosted(job, name, value),
        "description": None,
        "schema": None,
        "run_id": None,
        "is_optional": "default" in known,
    }


def _rehosted(job: CloudJob, name: str, value: Any) -> Any:
    if isinstance(value, dict) and isinstance(value.get("url"), str):
        suffix = PurePosixPath(urlsplit(value["url"]).path).suffix
        fresh = (
            f"https://bucket.storage.googleapis.com/{job.function_id}/{job.id}-input-{name}{suffix}?X-Goog-Expires=1"
        )
        return {**value, "url": fresh, "_path": None}
    if isinstance(value, dict):
        return {key: _rehosted(job, f"{name}-{key}", item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rehosted(job, f"{name}-{i}", item) for i, item in enumerate(value)]
    return value


def outputs(job: CloudJob, url: str) -> list[dict[str, Any]]:
    if job.status != "finished":
        return []
    values = job.outcome.outputs
    filled = json.loads(json.dumps(["done"] if values is None else values).replace("{url}", url))
    return [
        {"type": "sieve.File" if isinstance(value, dict) and "url" in value else type(value).__name__, "name": None,
         "data": value, "description": None, "schema": None, "run_id": job.run_id, "is_optional": False}
        for value in filled
    ]  # fmt: skip
