"""The body of a push, exact for the far side, and masked for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sieve_jobs.spec.jobspec import JobSpec, LocalFile, Pointer
from sieve_jobs.wire import Json

MASK = "***"
"""Stands for a value that is not secret by name but is not shown either: an interpolated env value."""


def push_body(spec: JobSpec, *, file_url: Callable[[LocalFile], str]) -> dict[str, Json]:
    """The body of POST /v2/push, with every value resolved. Holds secrets: for the wire alone."""
    return _body(spec, lambda pointer, text: text, file_url)


def masked_body(spec: JobSpec, *, file_url: Callable[[LocalFile], str] = lambda file: file.shown) -> dict[str, Json]:
    """The same body with secrets by reference and interpolated env values as MASK. Safe to show."""

    def shown(pointer: Pointer, text: str) -> str:
        leaf = spec.leaves.get(pointer)
        if leaf is None or not leaf.variables:
            return text
        if leaf.is_secret(spec.variables):
            return leaf.reference(spec.variables)
        return MASK if pointer[0] == "env" else text

    return _body(spec, shown, file_url)


def _body(
    spec: JobSpec, text_of: Callable[[Pointer, str], str], file_url: Callable[[LocalFile], str]
) -> dict[str, Json]:
    def sent(value: Json, pointer: Pointer) -> Json:
        if pointer in spec.files:
            return {"url": file_url(spec.files[pointer])}
        if isinstance(value, str):
            return text_of(pointer, value)
        if isinstance(value, dict):
            return {key: sent(item, (*pointer, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [sent(item, (*pointer, index)) for index, item in enumerate(value)]
        return value

    body: dict[str, Json] = {"function": spec.function} if spec.function is not None else {"id": spec.id}
    inputs: Json = dict(spec.inputs) if isinstance(spec.inputs, Mapping) else spec.inputs
    body["inputs"] = sent(inputs, ("inputs",))
    if spec.webhooks is not None:
        body["webhooks"] = [
            {"type": hook.type, "url": text_of(("webhooks", index, "url"), hook.url)}
            for index, hook in enumerate(spec.webhooks)
        ]
    if spec.env:
        body["env"] = {name: text_of(("env", name), value) for name, value in spec.env.items()}
    return body
