"""Specs from text, loaded as the tool loads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sieve_jobs.spec.jobspec import Detail
from sieve_jobs.spec.load import LoadSettings, load_tree
from sieve_jobs.spec.tags import TagKey, key_from
from sieve_jobs.spec.variables import Variables

KEY = key_from(b"a key of thirty-two bytes' length")


def settings(root: Path, environ: Mapping[str, str] | None = None, **more: object) -> LoadSettings:
    values: dict[str, object] = {"key": KEY, "local": False} | more
    return LoadSettings(root, ("jobspecs",), Variables(environ=environ or {}), **values)  # type: ignore[arg-type]


def detail(
    root: Path, text: str, environ: Mapping[str, str] | None = None, *, key: TagKey | None = KEY, **more: object
) -> Detail:
    """The one spec that *text* holds. Fails with what is wrong with it."""
    path = root / "jobspecs" / "spec.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    tree = load_tree(settings(root, environ, key=key, **more), None)
    assert not tree.problems, tree.problems
    return tree.all_details()["spec"]
