"""`schema`: the JSON Schemas of specs and config, for editors and CI."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import verb
from sieve_jobs.config.schema import config_schema
from sieve_jobs.errors import ExitCode
from sieve_jobs.spec.schema import jobspec_schema

SCHEMAS: Mapping[str, Callable[[], Mapping[str, Any]]] = {"jobspec": jobspec_schema, "config": config_schema}


@verb("schema", "sieve-jobs schema --write schemas", "sieve-jobs schema config", project=False)
@click.argument("kind", type=click.Choice(list(SCHEMAS)), default="jobspec")
@click.option("--write", "folder", metavar="DIR", help="Write both into this folder instead.")
def command(session: Session, kind: str, folder: str | None) -> ExitCode:
    """Print the JSON Schema of a spec, or of the config.

    An editor checks a spec that names it in its first line:

    \b
      # yaml-language-server: $schema=../schemas/jobspec.schema.json
    """
    if folder is None:
        session.streams.answer(_text(kind))
        return ExitCode.OK
    to = session.start / Path(folder).expanduser()
    to.mkdir(parents=True, exist_ok=True)
    paths = []
    for each in SCHEMAS:
        path = to / f"{each}.schema.json"
        draft = path.with_name(f".{path.name}.part")
        draft.write_text(_text(each), encoding="utf-8")
        draft.replace(path)
        paths.append(str(path))
    if session.as_json:
        session.streams.document({"written": paths})
    else:
        session.streams.answer("\n".join(paths))
    return ExitCode.OK


def _text(kind: str) -> str:
    return json.dumps(SCHEMAS[kind](), indent=2, ensure_ascii=False) + "\n"
