"""The JSON Schema of a job spec, for editors and CI: made from the model, with what its types cannot say."""

from __future__ import annotations

from typing import Any

from sieve_jobs.spec.model import SpecModel
from sieve_jobs.spec.rules import MAX_NAME

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = {"type": "string", "pattern": r"\$\{"}
"""A value that is interpolated: what it becomes is known only then."""


def jobspec_schema() -> dict[str, Any]:
    """The schema of one document of a spec file. A value with `${` is accepted wherever text is not enough."""
    schema = SpecModel.model_json_schema()
    fields: dict[str, Any] = schema["properties"]
    for name, form in fields.items():
        form.pop("title", None)
        if "anyOf" in form and name != "inputs":
            # `null` and absence mean the same; an editor should offer the other form alone.
            form["anyOf"] = [choice for choice in form["anyOf"] if choice != {"type": "null"}]
            if len(form["anyOf"]) == 1:
                form.update(form.pop("anyOf")[0])
        if form.get("default", ...) is None:
            del form["default"]
    fields["name"] |= {"maxLength": MAX_NAME, "minLength": 1}
    fields["function"] |= {"pattern": r"^[^\s/\\:]+/[^\s/\\:]+(:[^\s/\\:]+)?$|\$\{"}
    fields["protect"] = {"anyOf": [{"type": "boolean"}, _TEMPLATE], **_without(fields["protect"], "type")}
    hook = schema["$defs"]["WebhookModel"]
    for form in hook["properties"].values():
        form.pop("title", None)
    kind = hook["properties"]["type"]
    hook["properties"]["type"] = {"anyOf": [{"enum": kind["enum"]}, _TEMPLATE], **_without(kind, "enum", "type")}
    return {
        "$schema": DIALECT,
        "title": "sieve-jobs spec",
        **_without(schema, "title"),
        "oneOf": [{"required": ["function"]}, {"required": ["id"]}],
    }


def _without(form: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in form.items() if name not in names}
