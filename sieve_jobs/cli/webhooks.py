"""`engine webhooks`: what became of webhook events, and those that were given up sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from sieve_jobs import wire
from sieve_jobs.cli.connection import call, far_side
from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import VerbGroup, common, merged, verb
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import ExitCode, RefusedError, UsageError
from sieve_jobs.push.client import Client
from sieve_jobs.render import hooks

_WEBHOOKS = "/x/webhooks"
_MOST_PAGES = 200
_REFUSED = {400: "is no dead letter", 404: "is not known", 422: "could be several: give more of its id"}
"""What the engine's answer to a replay says of the event, by status."""


@click.group(
    "webhooks",
    cls=VerbGroup,
    invoke_without_command=True,
    subcommand_metavar="[VERB] [ARGS]...",
    epilog="\b\nExample:\n  sieve-jobs engine webhooks --dead\n  sieve-jobs engine webhooks replay --all",
)
@common
@click.option("--dead", is_flag=True, help="List those alone that were given up.")
@click.pass_context
def webhooks(ctx: click.Context, /, dead: bool, **given: Any) -> ExitCode | None:
    """List webhook events, newest first; or send dead letters again.

    The list says where an event goes, how often that was tried and what it met last. Ids are cut, `replay` takes them
    so; --json has them whole, and every attempt. Of a URL the query is not shown, which may hold a secret; a delivered
    event has forgotten its URL.
    """
    ctx.obj = merged(ctx.obj, given)
    return _list(ctx.obj, dead) if ctx.invoked_subcommand is None else None


def _list(session: Session, dead: bool) -> ExitCode:
    _require_engine(session)
    with far_side(session) as far:
        rows = call(far, lambda client: _events(client, {"state": "dead"} if dead else {}))
    if session.as_json:
        session.streams.document({"webhooks": rows})
    else:
        session.streams.answer(hooks.events(rows, session.style(session.streams.out)))
    return ExitCode.OK


async def _events(client: Client, asked: Mapping[str, str]) -> list[wire.Json]:
    rows: list[wire.Json] = []
    for _ in range(_MOST_PAGES):
        page = await client.own("GET", _WEBHOOKS, {**asked, "offset": str(len(rows))})
        found = page.get("data") if isinstance(page, dict) else None
        if not isinstance(page, dict) or not isinstance(found, list):
            break
        rows += found
        if page.get("next_offset") == -1:
            break
    return rows


@verb("replay", "sieve-jobs engine webhooks replay msg_0123abcd", "sieve-jobs engine webhooks replay --all")
@click.argument("event", metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="Every dead letter.")
def replay(session: Session, event: str | None, every: bool) -> ExitCode:
    """Send a dead letter again, under its own id and with all its attempts before it.

    ID is as it is listed, or any eight characters or more that it begins with. What the event says is read anew, so
    that its file URLs hold again.
    """
    _require_engine(session)
    if (event is None) is not every:
        raise UsageError(Diagnostic(Code.USAGE, "name one event, or say --all", hint="`engine webhooks --dead`"))
    path = f"{_WEBHOOKS}/{quote(event, safe='')}/replay" if event else f"{_WEBHOOKS}/replay"
    with far_side(session) as far:
        try:
            answer = call(far, lambda client: client.own("POST", path, {}))
        except RefusedError as error:
            said = _REFUSED.get(error.status or 0)
            if event is None or said is None:
                raise
            hint = "`engine webhooks --dead` shows those that can be sent again"
            raise UsageError(Diagnostic(Code.NOTHING_NAMED_SO, f"the event '{event}' {said}", hint=hint)) from error
    count = answer.get("replayed") if isinstance(answer, dict) else None
    if session.as_json:
        session.streams.document({"replayed": count})
    else:
        session.streams.answer("1 event is sent again" if count == 1 else f"{count} events are sent again")
    return ExitCode.OK


def _require_engine(session: Session) -> None:
    if not session.target.is_local:
        message = f"these webhooks are the engine's, and target '{session.target.name}' is not the engine"
        raise UsageError(Diagnostic(Code.USAGE, message, hint="-t local"))


webhooks.add_command(replay)
