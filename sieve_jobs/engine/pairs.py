"""The other form in which Sieve was seen to deliver outputs: ordered lists of Key and Value instead of objects. Pure.

Source: three independent receivers, contract section 10. Objects are the documented form and the default.
"""

from __future__ import annotations

from sieve_jobs.wire import Event, Json

OBJECT, PAIRS = SHAPES = ("object", "pairs")
"""How an event's outputs are written; the first is the default."""


def in_pairs(event: Event, body: dict[str, Json]) -> dict[str, Json]:
    """*body* of an event in pairs: the data of each output, and in the legacy event each output whole."""
    if event is Event.LEGACY_COMPLETE:
        return {**body, "outputs": pairs(body["outputs"]), "output": pairs(body["output"])}
    outputs = body.get("outputs")
    if not isinstance(outputs, list):
        return body
    return {**body, "outputs": [_with_data_in_pairs(output) for output in outputs]}


def pairs(value: Json) -> Json:
    """*value* with every object in it, at any depth, as its pairs in order."""
    if isinstance(value, dict):
        return [{"Key": key, "Value": pairs(item)} for key, item in value.items()]
    if isinstance(value, list):
        return [pairs(item) for item in value]
    return value


def _with_data_in_pairs(output: Json) -> Json:
    if not isinstance(output, dict) or "data" not in output:
        return output
    return {**output, "data": pairs(output["data"])}
