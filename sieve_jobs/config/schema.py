"""The JSON Schema of `sieve-jobs.toml`, for editors and CI."""

from __future__ import annotations

from typing import Any

from sieve_jobs.config.read import REMOTE_PUSHES
from sieve_jobs.config.settings import LOCAL, EngineTable, Project, Target

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FUNCTION = r"^[^\s/\\:]+/[^\s/\\:]+(:[^\s/\\:]+)?$"
_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


def config_schema() -> dict[str, Any]:
    """The schema of the whole file. Keys that are not supported yet are left out, as they are errors."""
    return {
        "$schema": DIALECT,
        "title": "sieve-jobs config",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "project": {"type": "object", "additionalProperties": False, "properties": _project()},
            "engine": {"type": "object", "additionalProperties": False, "properties": _engine()},
            "targets": {
                "type": "object",
                "propertyNames": {"pattern": r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$", "not": {"enum": ["cache", "key"]}},
                "properties": {LOCAL: _target({"endpoint": {"const": LOCAL}}, [])},
                "additionalProperties": _target({}, ["endpoint"]),
            },
        },
    }


def _project() -> dict[str, Any]:
    default = Project()
    return {
        "specs": _texts("Folders of specs.", list(default.specs)),
        "functions": _texts("Folders of Python functions for the engine.", list(default.functions)),
        "owner": {
            "type": "string",
            "default": default.owner,
            "description": "Author of local functions: me/thumbnails.",
        },
        "secrets": _texts("Patterns of names whose values are secret."),
        "public": _texts("Names that are not secret after all."),
    }


def _engine() -> dict[str, Any]:
    return {
        "allow_private": _texts("Private addresses that webhooks may be sent to: 10.0.0.0/8, 192.168.1.5:9000."),
        "cors_origins": {
            "type": "array",
            "items": {"type": "string", "pattern": r"^https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[1-9][0-9]{0,4})?$"},
            "description": "Origins whose pages may use the engine's API from a browser.",
        },
        "webhook_shape": {
            "enum": ["object", "pairs"],
            "default": EngineTable().webhook_shape,
            "description": "How webhooks write outputs.",
        },
        "install": {
            "type": "boolean",
            "default": EngineTable().install,
            "description": "Install the python_packages that functions declare, in environments of their own.",
        },
        "keep": _duration("After this the engine removes jobs that have ended, with their outputs and files."),
        "workers": _whole("Worker processes at once; one a core, at most 8.", 1, 64),
        "time_limit": _duration("Of an attempt at a job; 5h."),
        "memory_limit": _size("Of a worker and all it started; nine tenths of the machine's."),
        "process_limit": _whole("Processes of a worker; 1024.", 1, 1 << 22),
        "idle_limit": _duration("How long a worker without jobs is kept; 10m."),
        "queue_limit": _whole("Queued jobs beyond which pushes are refused; 100000.", 1, 10_000_000),
        "disk_full": {
            "type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?%$",
            "description": "Pushes are refused on a disk that is so full, if disk_spare is not left too; 95%.",
        },
        "disk_spare": _size("See disk_full; 10GiB."),
        "webhook_retries": _whole("Attempts at a webhook after the first; 10.", 0, 100),
    }  # fmt: skip


def _target(fixed: dict[str, Any], required: list[str]) -> dict[str, Any]:
    default = Target("", LOCAL)
    properties: dict[str, Any] = {
        "endpoint": {
            "description": "The embedded engine, or a base url.",
            "anyOf": [{"const": LOCAL}, {"type": "string", "pattern": r"^https?://[^\s/?#@]+(/[^?#\s]*)?$"}],
        },
        "api_key_env": {
            "type": "string", "pattern": _NAME, "default": default.api_key_env,
            "description": "Name of the variable that holds the key.",
        },
        "state": {"type": "string", "minLength": 1, "description": "Path of the state file, or git: on the remote."},
        "lineage": {
            "type": "string", "pattern": r"^[A-Za-z0-9_-]{8,64}$",
            "description": "Which shared state is meant: another one, or none, is refused.",
        },
        "concurrency": {
            "type": "integer", "minimum": 1, "maximum": 64, "default": default.concurrency,
            "description": "Pushes under way at once.",
        },
        "allow_env": _texts("Patterns of the environment variables that specs may read."),
        "max_pushes": {
            "type": "integer", "minimum": 0,
            "description": f"More are refused without a terminal; {REMOTE_PUSHES} on a remote target.",
        },
        "wait": _duration("How long apply follows what it pushed."),
        "settle": _duration("After this a push that is found nowhere may be sent again."),
        "ignore_query": _texts("URL parameters that do not count as change."),
        "vars": {
            "type": "object", "propertyNames": {"pattern": _NAME}, "additionalProperties": {"type": "string"},
            "description": "Variables of the specs.",
        },
        "stand_ins": {
            "type": "object",
            "propertyNames": {"pattern": _FUNCTION},
            "additionalProperties": {"type": "string", "pattern": _FUNCTION},
            "description": "On the embedded engine: what runs in place of which function.",
        },
    }  # fmt: skip
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": {**properties, **fixed},
        "dependentSchemas": {"stand_ins": {"properties": {"endpoint": {"const": LOCAL}}}},
    }


def _texts(description: str, default: list[str] | None = None) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": "array", "items": {"type": "string", "minLength": 1}, "description": description}
    return shape if default is None else {**shape, "default": default}


def _duration(description: str) -> dict[str, Any]:
    text = {"type": "string", "pattern": r"^(([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+|[0-9]+(\.[0-9]+)?)$"}
    return {"description": description, "anyOf": [{"type": "number", "minimum": 0}, text]}


def _size(description: str) -> dict[str, Any]:
    text = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(B|[kKMGT]B|[KMGT]iB)$"}
    return {"description": description, "anyOf": [{"type": "integer", "minimum": 0, "maximum": 2**53}, text]}


def _whole(description: str, least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "description": description}
