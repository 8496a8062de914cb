"""Stored rows as the API shows them. Pure: who asks passes the signer and the time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sieve_jobs.engine.catalog import Function
from sieve_jobs.engine.history import Times
from sieve_jobs.engine.pairs import OBJECT, PAIRS, in_pairs
from sieve_jobs.engine.records import JobRow
from sieve_jobs.engine.replicas import Replicas
from sieve_jobs.engine.signing import Signer
from sieve_jobs.wire import Event, Json


@dataclass(frozen=True, slots=True)
class Described:
    """What a worker told about a version: InputOutput lists as in a Version, and its metadata."""

    inputs: list[Json]
    outputs: list[Json]
    details: dict[str, Json]


@dataclass(frozen=True, slots=True)
class ImportFailed:
    """A version whose module raised when a worker imported it."""


@dataclass(frozen=True, slots=True)
class View:
    """How jobs are shown now. *described* tells a version by its function id, None before a worker has imported it."""

    signer: Signer
    now: float
    organization_id: str
    described: Callable[[str], Described | None]


def job_json(row: JobRow, view: View, skip: int = 0) -> dict[str, Json]:
    """A Job; *skip* leaves out that many outputs at the front."""
    described = view.described(row.function_id)
    return {
        "id": row.id,
        "function_id": row.function_id,
        "organization_id": view.organization_id,
        "function": {"name": row.name, "owner_name": row.owner},
        "status": row.status,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "inputs": expand_inputs(row.inputs, described.inputs if described else None),
        "outputs": [with_urls(output, row, view) for output in row.outputs[skip:]],
        "error": row.error,
        "visibility": "private",
        "run_id": row.run_id,
        "children": {function: list(ids) for function, ids in row.children.items()} or None,
        "restarts": row.restarts,
    }


def event_json(event: Event, row: JobRow, place: int | None, view: View, shape: str = OBJECT) -> dict[str, Json] | None:
    """The envelope of a webhook event in *shape*; None if the output it is about is not there any more.

    job.start always says "processing" without outputs, whatever has become of the job since.
    """
    outputs: list[Json] = [with_urls(output, row, view) for output in row.outputs]
    ended: dict[str, Json] = {"job_id": row.id, "status": row.status, "error": row.error}
    body: dict[str, Json]
    if event is Event.START:
        body = {"job_id": row.id, "status": "processing", "error": "", "outputs": []}
    elif event is Event.LEGACY_START:
        body = {"job_id": row.id}
    elif event is Event.COMPLETE_NO_OUTPUT:
        body = ended
    elif event is Event.NEW_OUTPUT:
        if place is None or place >= len(outputs):
            return None
        body = {"job_id": row.id, "output": json_text(outputs[place])}
    else:
        body = {**ended, "outputs": outputs}
        if event is Event.LEGACY_COMPLETE:
            body["output"] = outputs[0] if outputs and not row.error else None
    return {"type": event.value, "body": in_pairs(event, body) if shape == PAIRS else body}


def function_json(
    function: Function,
    known: Described | ImportFailed | None,
    edit: Mapping[str, Json],
    version: dict[str, Json] | None = None,
) -> dict[str, Json]:
    """A FunctionApp: what is declared, and over it what was edited.

    A list leaves out `readme` and `latest_version`; with *version*, as `version_json` shows it, both are there.
    """
    described = known if isinstance(known, Described) else None
    details = described.details if described else {}
    app: dict[str, Json] = {
        "name": function.name,
        "owner_name": function.owner,
        "visibility": "public" if details.get("public") else "private",
        "title": details.get("title"),
        "code_url": details.get("code_url"),
        "description": details.get("description"),
        "tags": details.get("tags") or [],
        "cover_image_url": details.get("cover_image_url"),
        "examples": [],
        "function_type": "function",
        "webhooks": [],
        "restart_on_error": details.get("restart_on_error", True),
    }
    if version is None:
        return {**app, **{key: value for key, value in edit.items() if key != "readme"}}
    return {**app, "readme": details.get("readme"), **edit, "latest_version": version}


@dataclass(frozen=True, slots=True)
class Build:
    """How far what a version runs on is made."""

    times: Times
    status: str = "queued"
    """`queued`, `building` or `error`, of one that no worker has imported."""


def version_json(
    function: Function,
    known: Described | ImportFailed | None,
    replicas: Replicas,
    workers: dict[str, Json],
    build: Build,
) -> dict[str, Json]:
    """A Version with its present *workers*.

    Until a worker has imported it, it is "queued" or being built, and its inputs and outputs are not known.
    """
    described = known if isinstance(known, Described) else None
    status = "ready" if described else "error" if known or build.status == "error" else build.status
    details = described.details if described else {}
    declared = function.module.environment
    return {
        "id": function.id,
        "build_status": status,
        "queued_at": build.times.seen_at,
        "built_at": build.times.built_at,
        "ready_at": build.times.ready_at,
        "compute_type": details.get("compute_type", "cpu"),
        "python_packages": details.get("python_packages") or list(declared.python_packages),
        "system_packages": details.get("system_packages") or list(declared.system_packages),
        "cuda_version": details.get("cuda_version"),
        "gpu": details.get("gpu", False),
        "split": details.get("split", 1),
        "minimum_replicas": replicas.minimum,
        "maximum_replicas": replicas.maximum,
        "current_workers": workers,
        "inputs": described.inputs if described else [],
        "outputs": described.outputs if described else [],
        "environment_variables": details.get("environment_variables") or [],
        "stream_output": function.streams,
        "function_dependencies": [],
    }


def expand_inputs(sent: Mapping[str, Json] | list[Json], described: list[Json] | None) -> dict[str, Json]:
    """Inputs by parameter name as InputOutput objects, defaults filled in.

    *described* are the version's inputs, None before a worker has imported it: then an input has the type of its
    value, and positional ones go by their number.
    """
    known: dict[str, dict[str, Json]] = {
        str(item.get("name")): item for item in described or [] if isinstance(item, dict)
    }
    if isinstance(sent, list):
        names = [*known, *(str(place) for place in range(len(known), len(sent)))]
        sent = dict(zip(names, sent, strict=False))
    shown: dict[str, Json] = {}
    for name, item in known.items():
        shown[name] = {**item, "data": _file_form(item, sent[name]) if name in sent else item.get("data")}
    for name, value in sent.items():
        if name not in known:
            shown[name] = _plain_input(name, value)
    return shown


def with_urls(value: Json, row: JobRow, view: View) -> Json:
    """*value* with every reference to an output file of the job replaced by a URL signed now."""
    if isinstance(value, dict):
        return {
            key: _signed(item, row, view) if key == "url" else with_urls(item, row, view) for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_urls(item, row, view) for item in value]
    return value


def json_text(value: Json) -> str:
    """Compact JSON, ASCII alone: a lone surrogate in a user's string has no other form that can be sent."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def json_pieces(value: Json, depth: int) -> Iterator[str]:
    """The text of `json_text` in pieces, so that other threads come to run between them; *depth* levels are split."""
    if depth and isinstance(value, dict) and value:
        for place, (key, item) in enumerate(value.items()):
            yield f"{',' if place else '{'}{json_text(key)}:"
            yield from json_pieces(item, depth - 1)
        yield "}"
    elif depth and isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield "," if place else "["
            yield from json_pieces(item, depth - 1)
        yield "]"
    else:
        yield json_text(value)


def _signed(value: Json, row: JobRow, view: View) -> Json:
    if not isinstance(value, str):
        return with_urls(value, row, view)
    return view.signer.stored(value, row.function_id, row.id, view.now) or value


def _file_form(item: Mapping[str, Json], value: Json) -> Json:
    """A file that was sent as a bare URL is shown as every file is."""
    is_file = str(item.get("type")).startswith("sieve.")
    return {"url": value} if is_file and isinstance(value, str) else value


def _plain_input(name: str, value: Json) -> Json:
    kind = "any" if value is None else type(value).__name__
    return {
        "type": kind,
        "name": name,
        "data": value,
        "description": None,
        "schema": None,
        "run_id": None,
        "is_optional": False,
    }
