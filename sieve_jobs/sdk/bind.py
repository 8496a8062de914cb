"""A job's inputs against a function's signature: JSON in, keyword arguments out, in Sieve's words when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sieve_jobs.sdk.convert import ANY, InputError, OpenFile, convert
from sieve_jobs.sdk.describe import Signature, describe, signature_of
from sieve_jobs.wire import Json

__all__ = ["InputError", "OpenFile", "bind", "describe"]


def bind(
    target: Callable[..., object] | Signature, inputs: Mapping[str, Json] | Sequence[Json], *, open_file: OpenFile
) -> dict[str, object]:
    """Keyword arguments for *target*: a def, decorated or not, a bound `__predict__`, or a class that has one.

    Whoever calls it often reads the signature once, see `signature_of`, and gives that.

    *inputs* are by name, or a list in the order of the signature; those not given are left to their defaults.
    *open_file* makes a File of `{"url": …}` or of a bare URL string wherever the annotation asks for a file;
    it raises ValueError for one it will not open. None passes any type. Raises InputError.
    """
    signature = target if isinstance(target, Signature) else signature_of(target)
    given = _named(signature, inputs)
    missing = [p.name for p in signature.parameters if p.default is p.empty and p.name not in given]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        raise InputError(f"Too few inputs: {names} {'is' if len(missing) == 1 else 'are'} missing")
    hints = signature.hints
    return {name: convert(value, hints.get(name, ANY), open_file, name) for name, value in given.items()}


def _named(signature: Signature, inputs: Mapping[str, Json] | Sequence[Json]) -> dict[str, Json]:
    names = [parameter.name for parameter in signature.parameters]
    if not isinstance(inputs, Mapping):
        if len(inputs) > len(names):
            raise InputError(f"Too many inputs: {len(inputs)} given, {len(names)} expected")
        return dict(zip(names, inputs, strict=False))
    if not signature.takes_any_name and (unknown := next((name for name in inputs if name not in names), None)):
        raise InputError(f"Invalid input name: {unknown}")
    return dict(inputs)
