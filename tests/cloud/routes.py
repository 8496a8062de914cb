"""The stand-in's routes: a request in, an answer out. No socket is touched here."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.cloud.jobs import FINAL, KEY, ORGANIZATION, CloudJob, Jobs, shown
from tests.cloud.script import ANSWERED, Fault, Script

UNAUTHORIZED = {"detail": "Unauthorized - valid API Key required."}


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    """Path and query."""
    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def route(self) -> str:
        """One of script.ROUTES, or "" for a path the contract does not know."""
        path = self.path
        if path.startswith("/files/"):
            return "file"
        if path in ("/v2/push", "/v2/jobs", "/v2/logs"):
            return path[4:]
        parts = path.strip("/").split("/")
        if parts[:2] == ["v2", "functions"] and len(parts) == 4:
            return "function"
        if parts[:2] != ["v2", "jobs"] or len(parts) not in (3, 4):
            return ""
        if len(parts) == 4:
            return "await" if parts[3] == "await" else ""
        return "cancel" if self.method == "DELETE" else "job"


@dataclass
class Answer:
    """What goes back. *fault* is played after *body* was made, so that a push has already taken effect."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class FarSide:
    """Requests, jobs and script of one stand-in. Used from its event loop alone."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.jobs = Jobs(script)
        self.requests: list[Request] = []
        self.held = asyncio.Event()
        """Set once answers that are held go out."""
        self.replays: dict[str, tuple[bytes, Answer]] = {}

    @property
    def now(self) -> float:
        return self.script.now

    @property
    def date(self) -> str:
        return formatdate(self.now + self.script.date_offset, usegmt=True)

    async def answer(self, request: Request) -> Answer:
        """Everything but push is worth a coroutine only because /await waits."""
        if request.path.startswith("/_/"):
            return self._control(request)
        if request.route == "file":
            content = self.script.files.get(request.path, request.path * 64).encode()
            fault = self.script.fault("file", request.target, b"")
            return Answer(200, content, {"Content-Type": "application/octet-stream"}, fault)
        organization = (self.script.keys or {KEY: ORGANIZATION}).get(request.headers.get("x-api-key", ""))
        fault = self.script.fault(request.route, request.target, request.body)
        if organization is not None and request.route == "push" and self.script.twins:
            for _ in range(self.script.twins):
                self.jobs.make(request.json, b"", self.now, organization)
        if fault is not None and fault.kind not in ANSWERED and not (fault.created and request.route == "push"):
            return Answer(200, {}, fault=fault)
        if fault is not None and fault.kind == "late" and not fault.created:
            await asyncio.sleep(fault.seconds)
        if organization is None:
            return Answer(401, UNAUTHORIZED, fault=fault)
        answer = await self._routed(request, organization)
        answer.fault = fault
        return answer

    async def _routed(self, request: Request, organization: str) -> Answer:
        match request.method, request.route:
            case "POST", "push":
                return self._push(request, organization)
            case "GET", "jobs":
                return Answer(200, self.jobs.page(organization, request.query, self.now))
            case "GET", ("function" | "logs") as kind:
                return self._logs(request) if kind == "logs" else self._function(request)
            case (("GET", "job" | "await") | ("DELETE", "cancel")) as kind:
                job = self.jobs.by_id.get(unquote(request.path.split("/")[3]))
                if job is None or job.gone or job.organization_id != organization:
                    return Answer(404, {"detail": "Job not found."})
                return self._cancel(job) if kind[1] == "cancel" else await self._job(job, request)
            case _:
                return Answer(404, {"detail": "Not Found"})

    def _function(self, request: Request) -> Answer:
        """A FunctionApp with its latest version, of a function that the script describes."""
        name = request.path.removeprefix("/v2/functions/")
        parameters = self.script.functions.get(name)
        if parameters is None:
            return Answer(404, {"detail": "Function not found."})
        owner, _, called = name.partition("/")
        inputs = [
            {"type": each.get("type", "any"), "name": each["name"], "data": each.get("default"), "description": None,
             "schema": None, "run_id": None, "is_optional": "default" in each}
            for each in parameters
        ]  # fmt: skip
        version = {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "inputs": inputs, "stream_output": False}
        shown_as = {"name": called, "owner_name": owner, "examples": self.script.examples, "latest_version": version}
        return Answer(200, shown_as)

    def _push(self, request: Request, organization: str) -> Answer:
        key = request.headers.get("idempotency-key", "") if self.script.engine else ""
        if key in self.replays:
            sent, first = self.replays[key]
            return Answer(*((first.status, first.body) if sent == request.body else (422, {"detail": "other body"})))
        try:
            pushed = request.json
        except ValueError:
            return Answer(406, {"detail": "Not JSON."})
        if not isinstance(pushed, dict) or not isinstance(pushed.get("inputs"), dict | list):
            problem = {"loc": ["body", "inputs"], "msg": "Field required", "type": "missing"}
            return Answer(422, {"detail": [problem]})
        if bool(pushed.get("function")) is bool(pushed.get("id")):
            return Answer(400, {"detail": "Invalid function specified."})
        job = self.jobs.make(pushed, request.body, self.now, organization, key)
        body = {
            "id": job.id, "run_id": job.run_id, "stream_output": False, "status": "queued",
            "organization_id": organization, "model_id": job.function_id, "workflow_id": None,
        }  # fmt: skip
        answer = Answer(200, body)
        if key:
            self.replays[key] = (request.body, answer)
        return answer

    async def _job(self, job: CloudJob, request: Request) -> Answer:
        if request.route == "job":
            job.read()
        elif job.status not in FINAL and job.outcome.polls >= 0:
            job.end(job.outcome.status, job.outcome.error)
        elif job.status not in FINAL:
            ended = asyncio.Event()
            job.waiters.append(ended)
            try:
                await asyncio.wait_for(ended.wait(), self.script.await_seconds)
            except TimeoutError:
                return Answer(408, {"detail": "Request timeout."})
        body = shown(job, self.script, self.jobs.url)
        body["outputs"] = body["outputs"][int(request.query.get("offset") or 0) :]
        return Answer(200, body)

    def _cancel(self, job: CloudJob) -> Answer:
        if job.status in FINAL:
            return Answer(400, {"detail": "Job is not processing."})
        job.end("cancelled")
        return Answer(200, {"message": "Job cancelled"})

    def _logs(self, request: Request) -> Answer:
        job = self.jobs.by_id.get(request.query.get("job_id", ""))
        if job is None:
            return Answer(404, {"detail": "Logs not found."})
        start = int(job.at * 1_000_000_000)
        rows = [{"message": line, "timestamp": str(start + i)} for i, line in enumerate(job.outcome.logs)]
        labels = {"run_id": job.run_id, "job_id": job.id, "stage": "run"}
        since = int(request.query.get("start_time") or 0)
        rows = [row for row in rows if int(row["timestamp"]) >= since]
        groups = [{"logs": rows, "labels": labels}] if rows else []
        return Answer(200, {"data": groups, "next_start_time": start + len(rows), "last_time_returned": str(start)})

    def _control(self, request: Request) -> Answer:
        """For a test in another process: GET /_/requests, GET /_/jobs, POST /_/reveal, POST /_/finish/ID."""
        match request.path.split("/")[2:]:
            case ["requests"]:
                rows = [{"method": r.method, "target": r.target, "body": r.body.decode()} for r in self.requests]
                return Answer(200, rows)
            case ["jobs"]:
                return Answer(200, [shown(job, self.script, self.jobs.url) for job in self.jobs.by_id.values()])
            case ["reveal"]:
                self.reveal()
                return Answer(200, {})
            case ["finish", job_id] if job_id in self.jobs.by_id:
                job = self.jobs.by_id[job_id]
                job.end(job.outcome.status, job.outcome.error)
                return Answer(200, {})
            case _:
                return Answer(404, {"detail": "Not Found"})

    def reveal(self) -> None:
        """From now on the list shows every job pushed so far."""
        for job in self.jobs.by_id.values():
            job.hidden = False
