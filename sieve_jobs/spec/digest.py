"""The digest: one hash over what was asked for; equal digests mean that there is nothing to run again.

Golden values stand in tests/spec/test_digest.py. The prefix is a version: a later way of hashing gets its own,
and entries keep theirs, so that a new release never runs a job again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sieve_jobs.spec.jobspec import Detail, JobSpec, Leaf, Pointer, Tags, dotted
from sieve_jobs.spec.tags import TagKey, tag
from sieve_jobs.spec.urls import resource
from sieve_jobs.wire import Json

VERSION = "v1:sha256:"
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)
"""Nothing that comes from a file or a database can contain itself."""

Parts: TypeAlias = Mapping[str, Json]
"""What is hashed, by name; a part that is empty is absent:

    function | id   text as written; of a function that another one stands in for, the one that runs
    stands_in_for   the function as written, where another one stands in for it
    inputs          as sent, but: a secret leaf is its reference, a url its resource, a local file null
    secrets         dotted pointers of the secret leaves, so that a reference is never taken for text
    files           dotted pointer to sha256 of the content
    env             {"names": [...], "values": {literal ones}, "references": {secret ones}}
    rerun           the salt
    source          sha256 of the function's source, on the engine
"""


def canonical(value: Json) -> str:
    """JSON with sorted keys, no spaces, UTF-8 and shortest floats; 1 is not 1.0."""
    return _ENCODER.encode(value)


def digest_of(parts: Parts) -> str:
    return VERSION + hashlib.sha256(canonical(dict(parts)).encode(errors="surrogatepass")).hexdigest()


def parts_of(
    spec: JobSpec, secret: Mapping[str, bool], *, source: str | None = None, ignore_query: Sequence[str] = ()
) -> dict[str, Json]:
    """The parts of *spec* when the variables that *secret* says so count as secret."""
    parts: dict[str, Json] = {"function": spec.function} if spec.function is not None else {"id": spec.id}
    if spec.stands_in_for is not None:
        parts["stands_in_for"] = spec.stands_in_for
    leaves = {pointer: leaf for pointer, leaf in spec.leaves.items() if leaf.is_secret(secret)} if spec.leaves else {}
    if spec.inputs:
        inputs: Json = dict(spec.inputs) if isinstance(spec.inputs, Mapping) else spec.inputs
        if leaves or spec.files:
            parts["inputs"] = _hashed(inputs, ("inputs",), leaves, spec, secret, ignore_query)
        else:
            parts["inputs"] = _resources(inputs, ignore_query)
    secrets = [dotted(pointer) for pointer in leaves if pointer[0] == "inputs"]
    if secrets:
        parts["secrets"] = [*sorted(secrets)]
    if spec.files:
        parts["files"] = {dotted(pointer): file.sha256 for pointer, file in spec.files.items()}
    if spec.env:
        parts["env"] = _env_part(spec, secret)
    if spec.rerun is not None:
        parts["rerun"] = spec.rerun
    if source is not None:
        parts["source"] = source
    return parts


def _resources(value: Json, ignore_query: Sequence[str]) -> Json:
    """What `_hashed` gives where there is neither a secret nor a file, without asking at every step."""
    if isinstance(value, str):
        return resource(value, ignore_query)
    if isinstance(value, dict):
        return {key: _resources(item, ignore_query) for key, item in value.items()}
    return [_resources(item, ignore_query) for item in value] if isinstance(value, list) else value


def _hashed(  # noqa: PLR0917 - a recursion that carries what does not change on its way
    value: Json,
    pointer: Pointer,
    secrets: Mapping[Pointer, Leaf],
    spec: JobSpec,
    secret: Mapping[str, bool],
    ignore_query: Sequence[str],
) -> Json:
    if isinstance(value, str):
        leaf = secrets.get(pointer) if secrets else None
        return resource(leaf.reference(secret) if leaf else value, ignore_query)
    if isinstance(value, dict):
        if spec.files and pointer in spec.files:
            return None
        return {k: _hashed(item, (*pointer, k), secrets, spec, secret, ignore_query) for k, item in value.items()}
    if isinstance(value, list):
        return [_hashed(item, (*pointer, i), secrets, spec, secret, ignore_query) for i, item in enumerate(value)]
    return value


def _env_part(spec: JobSpec, secret: Mapping[str, bool]) -> Json:
    values: dict[str, Json] = {}
    references: dict[str, Json] = {}
    for name, value in spec.env.items():
        leaf = spec.leaves.get(("env", name))
        if leaf is None or not leaf.variables:
            values[name] = value
        elif leaf.is_secret(secret):
            references[name] = leaf.reference(secret)
    part: dict[str, Json] = {"names": [*sorted(spec.env)]}
    return part | ({"values": values} if values else {}) | ({"references": references} if references else {})


def tags_of(spec: JobSpec, key: TagKey | None) -> Tags:
    """Tags of what is not stored: env values that were interpolated, secret leaves, and the webhooks."""
    if key is None or not (spec.leaves or spec.webhooks is not None):
        return Tags(key.id if key else "")
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for pointer, leaf in spec.leaves.items():
        if leaf.is_secret(spec.variables):
            if not set(spec.missing) & leaf.variables:
                value = "".join(segment.value for segment in leaf.segments)
                secrets[dotted(pointer)] = tag(key, "secret", dotted(pointer), value)
        elif pointer[0] == "env" and leaf.variables:
            env[str(pointer[1])] = tag(key, "env", str(pointer[1]), "".join(s.value for s in leaf.segments))
    return Tags(key.id, env, secrets, _webhooks_tag(spec, key))


def _webhooks_tag(spec: JobSpec, key: TagKey) -> str:
    if spec.webhooks is None:
        return ""
    hooks: list[Json] = []
    for index, hook in enumerate(spec.webhooks):
        leaf = spec.leaves.get(("webhooks", index, "url"))
        hooks.append([hook.type, leaf.reference(spec.variables) if leaf else hook.url])
    return tag(key, "webhooks", canonical(hooks))


def detail_of(
    spec: JobSpec, *, key: TagKey | None, source: str | None = None, ignore_query: Sequence[str] = ()
) -> Detail:
    """Digest, parts, tags and fingerprint of a validated spec."""
    parts = parts_of(spec, spec.variables, source=source, ignore_query=ignore_query)
    digest = digest_of(parts)
    tags = tags_of(spec, key)
    return Detail(spec, digest, _fingerprint(digest, tags, spec), parts, tags)


def digest_under(detail: Detail, secret: Mapping[str, bool], *, ignore_query: Sequence[str] = ()) -> str:
    """The digest of the same spec had *secret* been the classification; other variables keep today's."""
    spec = detail.spec
    classes = {name: secret.get(name, today) for name, today in spec.variables.items()}
    if classes == dict(spec.variables):
        return detail.digest
    source = detail.parts.get("source")
    known = source if isinstance(source, str) else None
    return digest_of(parts_of(spec, classes, source=known, ignore_query=ignore_query))


def _fingerprint(digest: str, tags: Tags, spec: JobSpec) -> str:
    """Digest, tags and classification, and what else plan speaks of, in one short hash."""
    seen: tuple[object, ...] = (
        digest, tags.key, sorted(tags.env.items()), sorted(tags.secrets.items()), tags.webhooks,
        sorted(spec.variables.items()), sorted(spec.rerun_on), spec.protect,
    )  # fmt: skip
    if spec.save is not None:
        seen += (("save", spec.save),)  # without one it is what it always was
    return hashlib.sha256(repr(seen).encode(errors="surrogatepass")).hexdigest()[:32]
