"""The JSON Schema of a job spec, for editors and CI: made from the model, with what its types cannot say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sieve_jobs.spec.model import SpecModel
from sieve_jobs.spec.rules import MAX_NAME

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
"""A value that is interpolated: what it becomes is known only then."""

_FORMS: Mapping[str, Mapping[str, Any]] = {
    "name": {"maxLength": MAX_NAME, "pattern": r"^[^\x00-\x20!-,:-@\[-^`{-\x7f]+$|\$\{"},
    "function": {"pattern": r"^[^\s/\\:]+/[^\s/\\:]+(:[^\s/\\:]+)?$|\$\{"},
    "id": {"pattern": r"\S"},
    "save": {"minLength": 1, "pattern": r"^[^/~{}\\][^{}\\]*$|\$\{"},
    "env": {"propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}},
}
"""What `rules.py` says of the form of texts, as far as patterns that every reader knows can say it."""

_URL = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/]\S*$|\$\{"


def jobspec_schema() -> dict[str, Any]:
    """The schema of one document of a spec file. A value with `${` is accepted wherever text is not enough."""
    schema = SpecModel.model_json_schema()
    fields: dict[str, Any] = schema["properties"]
    for name, form in fields.items():
        fields[name] = _nullable(_without(form, "title")) | dict(_FORMS.get(name, {}))
    fields["protect"] = {"anyOf": [{"type": "boolean"}, _TEMPLATE], **_without(fields["protect"], "type")}
    words = fields["rerun_on"]["items"]
    fields["rerun_on"]["items"] = {"anyOf": [{"enum": words["enum"]}, _TEMPLATE]}
    hook = schema["$defs"]["WebhookModel"]
    hook["properties"] = {name: _without(form, "title") for name, form in hook["properties"].items()}
    hook["properties"]["url"]["pattern"] = _URL
    kind = hook["properties"]["type"]
    hook["properties"]["type"] = {"anyOf": [{"enum": kind["enum"]}, _TEMPLATE], **_without(kind, "enum", "type")}
    return {
        "$schema": DIALECT,
        "title": "sieve-jobs spec",
        **_without(schema, "title"),
        "oneOf": [_given("function"), _given("id")],
    }


def _nullable(form: dict[str, Any]) -> dict[str, Any]:
    """`anyOf: [T, null]` as one form that an editor reads well; null and absence mean the same."""
    choices = form.get("anyOf", [])
    if {"type": "null"} in choices and len(choices) == 2:
        kind = next(choice for choice in choices if choice != {"type": "null"})
        form = _without(form, "anyOf") | kind | {"type": [kind["type"], "null"]}
    return _without(form, "default") if form.get("default", ...) is None else form


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string"}}}


def _without(form: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name not in names}
