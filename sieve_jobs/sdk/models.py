"""Files as fields of pydantic models; imported by whoever has pydantic, and only then."""

from __future__ import annotations

from typing import Any

from pydantic_core import core_schema as core

from sieve_jobs.sdk.files import OPENER, File, as_kind, from_json


def core_schema(kind: type[File]) -> core.CoreSchema:
    """Takes a file as it is, or the JSON of one: opened by what the validation's context names, else by its URL."""

    def validate(value: Any, info: core.ValidationInfo) -> File:
        if isinstance(value, File):
            return as_kind(value, kind)
        opener = (info.context or {}).get(OPENER, from_json)
        return as_kind(opener(value), kind)

    shape = core.typed_dict_schema({"url": core.typed_dict_field(core.str_schema())})
    return core.json_or_python_schema(
        json_schema=core.chain_schema([shape, core.with_info_plain_validator_function(validate)]),
        python_schema=core.with_info_plain_validator_function(validate),
    )
