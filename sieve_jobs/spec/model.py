"""The pydantic models of a spec, and their errors as findings with the pointer of the key or value meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import did_you_mean
from sieve_jobs.spec.jobspec import Pointer, dotted
from sieve_jobs.spec.scalars import shortened
from sieve_jobs.wire import Event, Json

INPUTS_SCHEMA = {
    "type": ["object", "array", "null"],
    "default": {},
    "description": "Inputs by parameter name, or a list in the order of the parameters. "
    "A mapping {file: path} is a local file, relative to this file.",
}

SAVE_SCHEMA = {
    "type": ["string", "object", "null"],
    "description": "Where the outputs go once the job has finished: a folder below the project's root, or {to, as}. "
    "Not part of the digest.",
    "required": ["to"],
    "properties": {
        "to": {
            "type": "string", "pattern": r"^[^/~{}\\][^{}\\]*$|\$\{",
            "description": "The folder, seen from the project's root.",
        },
        "as": {
            "type": "string", "default": "{index}{ext}",
            "pattern": r"^(?:\{(?:index|name|job|stem|ext)\}|[^{}\\])+$|\$\{",
            "description": "Names of the files, by {index}, {name} of the spec, {job}, {stem} and {ext} of the output; "
            "may hold folders.",
        },
    },
    "additionalProperties": False,
}  # fmt: skip

NOT_YET = frozenset({
    "needs", "matrix", "each", "extends", "targets", "overrides", "retry", "timeout", "expect", "rollout",
    "run", "ignore_changes", "reuse", "max_jobs", "concurrency_group", "moved_from", "defaults", "jobs",
})  # fmt: skip
"""Keys of the language that this release does not carry out: refused with their place, never ignored."""

POLICIES_NOT_YET = frozenset({"wait", "refuse"})
"""Values of `on_change` that this release does not carry out."""

WebhookType = Literal[
    "job.start", "job.new_output", "job.complete", "job.complete.no_output", "job_start", "job_complete"
]


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in one document, by pointer; the loader adds the place. *at_key* points at the key, not its value."""

    code: Code
    message: str
    pointer: Pointer = ()
    at_key: bool = False
    expected: str | None = None
    hint: str | None = None
    needle: str = ""
    """Text to look for within the node, where only a part of it is meant."""


class _Strict(BaseModel):
    # Descriptions stand in the fields: taken from docstrings they would have this file parsed at every first plan.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class WebhookModel(_Strict):
    """A hook that replaces the function's own."""

    type: WebhookType = Field(description="When it fires; job.complete fires however the job ends.")
    url: str = Field(description="Where it is posted to, byte for byte.")


class SpecModel(_Strict):
    """A job spec: what to run, and when it counts as changed."""

    name: str | None = Field(
        None,
        description="Identity within a target; by default the path under the specs folder without its extension.",
    )
    function: str | None = Field(None, description="author/name[:version]; exactly one of `function` and `id`.")
    id: str | None = Field(None, description="The function's id; exactly one of `function` and `id`.")
    inputs: Annotated[Any, WithJsonSchema(INPUTS_SCHEMA)] = Field(default_factory=dict)
    env: dict[str, str] | None = Field(
        None, description="Environment of the job, text only. Interpolated values are never shown."
    )
    webhooks: list[WebhookModel] | None = Field(
        None, description="Absent: the function's own hooks; an empty list: none."
    )
    save: Annotated[Any, WithJsonSchema(SAVE_SCHEMA)] = None
    description: str | None = Field(None, description="For people; not part of the digest.")
    labels: dict[str, str] | None = Field(None, description="For people and filters; not part of the digest.")
    rerun: Annotated[Any, WithJsonSchema({"type": ["string", "integer", "null"], "default": None})] = Field(
        None, description="A salt: change it and the job runs again."
    )
    rerun_on: list[Literal["secrets", "webhooks"]] | None = Field(
        None, description="What besides the digest is a change."
    )
    on_change: Literal["keep", "cancel"] | None = Field(
        None,
        description="What becomes of the spec's running job when it changes: keep lets it end beside the new one, "
        "cancel cancels it first. By default keep, and cancel in watch. Not part of the digest.",
    )
    protect: bool = Field(
        False,
        description="A finished job of this spec is only replaced, or forgotten, with --allow-protected.",
    )


MAX_WRONG = 100
"""Findings of one document; each hint costs a search for what may have been meant."""

FUNCTION_MEANT = "did you mean 'function'?"
"""The hint of a key that was meant to be `function`: that nothing is given to run needs no saying beside it."""

_EXPECTED = {
    "string_type": "a string", "bool_type": "true or false", "dict_type": "a mapping", "list_type": "a list",
    "model_type": "a mapping", "model_attributes_type": "a mapping",
}  # fmt: skip
_WEBHOOK_TYPES = "job.start, job.new_output, job.complete or job.complete.no_output"


def validate(tree: Mapping[str, Json]) -> tuple[SpecModel | None, Sequence[Finding]]:
    """The model of a document, or None with what pydantic found wrong, at most MAX_WRONG of it."""
    try:
        return SpecModel.model_validate(tree), ()
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)[:MAX_WRONG]
        return None, [_finding(problem, tree) for problem in problems]


def _finding(problem: ErrorDetails, tree: Mapping[str, Json]) -> Finding:
    pointer: Pointer = problem["loc"]
    where, kind = shortened(dotted(pointer)), problem["type"]
    if kind == "extra_forbidden":
        return _unknown_key(pointer)
    if kind == "missing":
        return Finding(Code.KEY_MISSING, f"'{where}' is missing", pointer[:-1], expected=f"the key '{pointer[-1]}'")
    if kind == "literal_error":
        return _unknown_word(pointer, _text_at(tree, pointer))
    expected = _EXPECTED.get(kind, "another type of value")
    # The value is not repeated: 1.10 has become 1.1 by now, and the line is shown anyway.
    is_scalar = kind == "string_type" and _text_at(tree, pointer) is not None
    hint = "put it in quotes to make it text" if is_scalar else None
    return Finding(Code.WRONG_TYPE, f"'{where}' has the wrong type", pointer, expected=expected, hint=hint)


def _unknown_key(pointer: Pointer) -> Finding:
    key = str(pointer[-1])
    if len(pointer) == 1 and key in NOT_YET:
        hint = "remove it: this release would not do what it asks for"
        return Finding(Code.NOT_SUPPORTED, f"'{key}' is not supported yet", pointer, at_key=True, hint=hint)
    known = WebhookModel.model_fields if pointer[0] == "webhooks" else SpecModel.model_fields
    expected = None if len(pointer) == 1 else "type and url"
    close = did_you_mean(key, known) if len(key) <= 80 else None
    return Finding(
        Code.UNKNOWN_KEY, f"unknown key '{shortened(key)}'", pointer, at_key=True, expected=expected, hint=close
    )


def _unknown_word(pointer: Pointer, word: str | None) -> Finding:
    shown = f" '{word}'" if word is not None else ""
    if pointer[0] == "webhooks":
        hint = did_you_mean(word or "", [*Event]) or "job.complete fires however the job ends"
        return Finding(Code.UNKNOWN_EVENT, f"unknown webhook event{shown}", pointer, expected=_WEBHOOK_TYPES, hint=hint)
    if pointer[0] == "on_change":
        return _unknown_policy(pointer, word, shown)
    return Finding(
        Code.UNKNOWN_WORD, f"unknown word{shown} in '{dotted(pointer[:-1])}'", pointer, expected="secrets or webhooks"
    )


def _unknown_policy(pointer: Pointer, word: str | None, shown: str) -> Finding:
    if word in POLICIES_NOT_YET:
        hint = "cancel and keep are; without the key it is keep, and cancel in watch"
        return Finding(Code.NOT_SUPPORTED, f"'on_change: {word}' is not supported yet", pointer, hint=hint)
    return Finding(Code.UNKNOWN_WORD, f"unknown word{shown} in 'on_change'", pointer, expected="keep or cancel")


def _text_at(tree: Json | Mapping[str, Json], pointer: Pointer) -> str | None:
    """The scalar at *pointer* as text, to be quoted back; None for anything else."""
    value: Any = tree
    for step in pointer:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return shortened(str(value)) if isinstance(value, str | int | float) else None


def is_spec_key(key: str) -> bool:
    """Whether this release carries out *key* of the language."""
    return key in SpecModel.model_fields
