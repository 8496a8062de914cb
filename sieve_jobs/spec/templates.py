"""Puts the values of variables where a document's templates stand, and says what is wrong with them."""

from __future__ import annotations

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import did_you_mean
from sieve_jobs.spec.document import Document, Template
from sieve_jobs.spec.interpolate import Trouble, interpolate
from sieve_jobs.spec.jobspec import Leaf, Pointer
from sieve_jobs.spec.model import Finding, is_spec_key
from sieve_jobs.spec.reading import MAX_INTERPOLATED, Reading
from sieve_jobs.spec.scalars import shortened, typed
from sieve_jobs.spec.variables import Variables
from sieve_jobs.wire import Json

_TYPED = frozenset({"inputs", "protect"})
_MAX_VALUE = 1024 * 1024
"""Characters in a variable's value; Linux allows 128 KiB for one of the environment, `.env` and --var do not."""


def fill(document: Document, reading: Reading) -> None:
    """Resolves every template of *document* in place; what it was made of stands in *reading* afterwards."""
    for template in document.templates:
        if reading.is_full:
            return
        _fill(template, reading)


def _fill(template: Template, reading: Reading) -> None:
    variables, pointer = reading.settings.variables, template.pointer

    def find(name: str) -> str | None:
        reading.variables[name] = variables.is_secret(name)
        found = variables.find(name)
        return None if found is None else found.value

    leaf, troubles, cost = interpolate(template.text, find, reading.room)
    reading.room -= cost
    if troubles:
        reading.unknown.add(pointer)
        _tell(troubles, reading, pointer)
    used = leaf.variables
    for name in sorted(used):
        if wrong := _value_trouble(variables, name):
            reading.unknown.add(pointer)
            reading.add(
                Finding(
                    Code.VARIABLE_UNUSABLE,
                    f"the value of variable '{name}' {wrong}",
                    pointer,
                    hint="set it to text that a request can carry; the value is not shown",
                    needle=name,
                )
            )
    value: Json = "".join(segment.value for segment in leaf.segments)
    if any(reading.variables[name] for name in used):
        if not _may_be_secret(pointer):
            reading.unknown.add(pointer)
            value = leaf.reference(reading.variables)
            if is_spec_key(str(pointer[0])):
                reading.add(secret_in(str(pointer[0]), leaf, reading, pointer))
    elif template.text.plain and pointer[0] in _TYPED and used and len(leaf.segments) == 1:
        value = typed(str(value))
    template.container[template.key] = value  # type: ignore[index]
    if used:
        reading.leaves[pointer] = leaf


def _may_be_secret(pointer: Pointer) -> bool:
    """Secrets stand in inputs, env values and webhook urls; all else is shown and stored."""
    if pointer[0] == "webhooks":
        return len(pointer) == 3 and pointer[2] == "url"
    return len(pointer) > 1 and pointer[0] in {"inputs", "env"}


def secret_in(field_name: str, leaf: Leaf, reading: Reading, pointer: Pointer) -> Finding:
    """The finding for a secret in *field_name*, where none may stand."""
    name = min(name for name in leaf.variables if reading.variables[name])
    message = f"the secret '{name}' may not stand in '{field_name}', which is shown and stored"
    hint = f'if it is no secret, name it under [project] public = ["{name}"]'
    return Finding(Code.SECRET_SHOWN, message, pointer, hint=hint, needle=f"${{{name}")


def _tell(troubles: list[Trouble], reading: Reading, pointer: Pointer) -> None:
    variables = reading.settings.variables
    for trouble in troubles:
        if reading.is_full:
            return
        if trouble.kind in {"unset", "demanded"} and reading.variables[trouble.name]:
            reading.missing.add(trouble.name)
            if not variables.is_withheld(trouble.name):
                continue
        reading.add(_finding(trouble, pointer, variables))


def _finding(trouble: Trouble, pointer: Pointer, variables: Variables) -> Finding:
    name = trouble.name
    needle = f"${{{name}" if name else "${"
    if trouble.kind == "expression":
        return Finding(Code.NOT_SUPPORTED, f"{trouble.text} are not supported yet", pointer, needle="${{")
    if trouble.kind == "size":
        message = f"interpolation makes the document longer than {MAX_INTERPOLATED:,} characters"
        return Finding(Code.TOO_MANY_VALUES, message, pointer)
    if trouble.kind == "syntax":
        hint = "write $${ for a literal ${"
        return Finding(
            Code.BROKEN_INTERPOLATION,
            trouble.text,
            pointer,
            expected="${NAME} or ${NAME:-default}",
            hint=hint,
            needle=needle,
        )
    if variables.is_withheld(name):
        hint = f'specs may read it once the target says allow_env = ["{name}"], or take --var {name}=…'
        message = f"variable '{shortened(name)}' is set, but specs may not read it"
        return Finding(Code.VARIABLE_WITHHELD, message, pointer, hint=hint, needle=needle)
    close = did_you_mean(name, variables.names()) if len(name) <= 80 else None
    hint = close or f"set it, or give a default: ${{{shortened(name)}:-…}}"
    return Finding(Code.VARIABLE_UNSET, trouble.text, pointer, hint=hint, needle=needle)


def _value_trouble(variables: Variables, name: str) -> str | None:
    found = variables.find(name)
    if found is None:
        return None
    if len(found.value) > _MAX_VALUE:
        return f"is longer than {_MAX_VALUE:,} characters"
    if "\0" in found.value:
        return "holds a NUL character"
    if not found.value.isascii() and any("\ud800" <= character <= "\udfff" for character in found.value):
        return "is not UTF-8 text"
    return None
