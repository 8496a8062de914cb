"""`plan --verbose`: the variables that specs read, each with its source, and the proxies that calls would take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from sieve_jobs.cli.context import Session
from sieve_jobs.render.table import Cell, Column, table

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


def describe(session: Session, names: Set[str] | None) -> str:
    """Text for people, of the specs *names* or of all; no variable's value is in it."""
    details = session.tree.all_details() if names is None else session.tree.details(names)
    read = sorted({name for detail in details.values() for name in detail.spec.variables})
    rows = [[Cell(name), Cell(_source(session, name))] for name in read]
    style = session.style(session.streams.err)
    text = table([Column("variable"), Column("source", 8)], rows, style) or "no variables are read\n"
    return text + "".join(f"proxy {name}: {place}\n" for name, place in proxies(session.environ))


def proxies(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Proxy variables that are set, without user and password."""
    for name in PROXIES:
        value = environ.get(name) or environ.get(name.lower())
        if value:
            yield name, value.rpartition("@")[2]


def _source(session: Session, name: str) -> str:
    variables = session.variables
    found = variables.find(name)
    secret = ", secret" if variables.is_secret(name) else ""
    if found is not None:
        return found.origin + (" (empty)" if not found.value else "") + secret
    if variables.is_withheld(name):
        return f"set, but withheld from specs (allow_env){secret}"
    return f"not set{secret}"
