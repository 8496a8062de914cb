"""Sieve's own description of its API, held against an engine: every operation, with what schemathesis makes up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sieve_jobs.engine.launch import Running
from tests.engine.farside import Client, Meeting

if TYPE_CHECKING:
    from schemathesis.schemas import APIOperation

    Operation = APIOperation[Any, Any, Any]

DESCRIPTION = json.loads((Path(__file__).parent / "openapi.json").read_bytes())
OPERATIONS = [(method.upper(), path) for path, methods in DESCRIPTION["paths"].items() for method in methods]
ERROR = {"type": "object", "properties": {"detail": {"type": "string", "minLength": 1}}, "required": ["detail"]}
FUNCTION = "/functions/{owner_name}/{function_name}"
VERSION = FUNCTION + "/versions/{version_slug}"
NO_TIMES = {"start_timestamp": "", "end_timestamp": ""}
WELL: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", "/v2/usage"): {"query": NO_TIMES},
    ("GET", "/v2/usage/function"): {"query": NO_TIMES},
    ("GET", "/v2/usage" + FUNCTION.replace("functions", "function")): {"query": NO_TIMES},
    ("GET", "/v2/usage" + VERSION.replace("functions", "function")): {"query": NO_TIMES},
    ("POST", f"/v2{FUNCTION}/edit"): {"body": {"title": "Pool"}},
    ("POST", f"/v2{VERSION}/edit"): {"body": {"maximum_replicas": 1}},
    ("POST", "/v2/push"): {"body": {"function": "me/add", "inputs": {"a": 1}}},
}
"""What a call needs beside its path to be answered with 200."""


def as_documented(operation: dict[str, Any]) -> dict[str, Any]:
    """An operation with what Sieve says elsewhere: statuses of its page on errors, and the shape of their bodies."""
    statuses = {status: {"description": "documented for every route"} for status in ("400", "406")}
    responses = {**statuses, **operation["responses"]}
    for status, response in responses.items():
        if status[0] == "4" and status != "422":
            response["content"] = {"application/json": {"schema": ERROR}}
    return {**operation, "responses": responses}


def with_times_as_sent(value: Any) -> Any:
    """The description with the form of its examples for times: by its own `date-time` they would need a zone."""
    if isinstance(value, dict):
        if value.get("format") == "date-time":
            return {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$"}
        return {key: with_times_as_sent(item) for key, item in value.items()}
    return [with_times_as_sent(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], Operation]:
    import schemathesis

    description = with_times_as_sent(DESCRIPTION)
    for methods in description["paths"].values():
        methods.update({method: as_documented(operation) for method, operation in methods.items()})
    described = schemathesis.openapi.from_dict(description)
    found = (result.ok() for result in described.get_all_operations())
    return {(operation.method.upper(), operation.path): operation for operation in found}


@pytest.fixture
def ended(client: Client) -> str:
    """The id of a job that has ended."""
    return str(client.run("add", {"a": 1})["id"])


@pytest.fixture
def running(client: Client, meeting: Meeting) -> str:
    """The id of a job that runs until it is cancelled."""
    job_id = client.push("wait", {"port": meeting.port})
    meeting.accept()
    return job_id


def check(case: Any, engine: Running) -> int:
    """The status of an answer that is as described: no 5xx, and a documented status, content type and shape."""
    from schemathesis import checks

    response = case.call(base_url=engine.url, headers={"X-API-Key": engine.key})
    case.validate_response(
        response,
        checks=[
            checks.not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ],
    )
    return int(response.status_code)


def call(operation: Operation, job_id: str) -> Any:
    """A call that is answered with 200, on what is there."""
    query = {"job_id": job_id} if operation.path == "/v2/logs" else {}
    further = WELL.get((operation.method.upper(), operation.path), {})
    return operation.Case(path_parameters=there(operation, job_id), **{"query": query, **further})


def made_up(operation: Operation, job_id: str) -> st.SearchStrategy[Any]:
    """Calls for things that are there and for things that are not; pushes that arrive send no webhooks."""
    anywhere = operation.as_strategy()
    if operation.path == "/v2/push":
        return st.one_of(operation.as_strategy().map(_to_add), anywhere)
    if operation.path == "/v2/logs":
        return st.one_of(operation.as_strategy(query={"job_id": job_id}), anywhere)
    known = there(operation, job_id)
    return st.one_of(operation.as_strategy(path_parameters=known), anywhere) if known else anywhere


def there(operation: Operation, job_id: str) -> dict[str, str]:
    """Path parameters that name what is there."""
    known = {"owner_name": "me", "function_name": "add", "version_slug": "latest", "job_id": job_id}
    return {name: value for name, value in known.items() if f"{{{name}}}" in operation.path}


def _to_add(case: Any) -> Any:
    if isinstance(case.body, dict):
        case.body = {"function": "me/add", "inputs": case.body.get("inputs")}
    return case


def examine(
    operation: Operation, job_id: str, engine: Running, examples: int, cases: st.SearchStrategy[Any] | None = None
) -> None:
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=made_up(operation, job_id) if cases is None else cases)
    def conforms(case: Any) -> None:
        check(case, engine)

    conforms()


def test_every_operation_succeeds_and_conforms(
    engine: Running, operations: dict[tuple[str, str], Operation], ended: str, running: str
):
    assert len(operations) == 23
    for (method, _), operation in operations.items():
        job_id = running if method == "DELETE" else ended
        assert check(call(operation, job_id), engine) == 200, operation.label
        examine(operation, job_id, engine, examples=2)


@pytest.mark.soak
@pytest.mark.parametrize(("method", "path"), [pytest.param(*it, id=" ".join(it)) for it in OPERATIONS])
def test_every_operation_conforms_for_long(
    engine: Running, operations: dict[tuple[str, str], Operation], ended: str, method: str, path: str
):
    examine(operations[method, path], ended, engine, examples=300)


@pytest.mark.soak
@pytest.mark.parametrize(("method", "path"), [pytest.param(*it, id=" ".join(it)) for it in OPERATIONS])
def test_what_does_not_fit_the_description_is_answered_as_described(
    engine: Running, operations: dict[tuple[str, str], Operation], ended: str, method: str, path: str
):
    from schemathesis.generation import GenerationMode

    operation = operations[method, path]
    if not operation.query and operation.body.items == [] and not operation.path_parameters:
        pytest.skip("it takes nothing that could be wrong")
    cases = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE, path_parameters=there(operation, ended))
    examine(operation, ended, engine, examples=100, cases=cases)
