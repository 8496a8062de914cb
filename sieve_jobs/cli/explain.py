"""`explain`: why a spec runs or not, or what an error code means."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.options import complete_name, verb
from sieve_jobs.cli.planning import make_plan, plan_options
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, did_you_mean
from sieve_jobs.errors import ExitCode, UsageError
from sieve_jobs.pages import read_pages
from sieve_jobs.plan.explain import Explanation, explain
from sieve_jobs.render import document, known
from sieve_jobs.state.entry import Entry, PastJob

_CODE = re.compile(r"SJ[0-9]{3}", re.IGNORECASE)


def _complete_subject(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    codes = read_pages() if incomplete.upper().startswith("SJ") else {}
    return [*complete_name(ctx, param, incomplete), *(code for code in codes if code.startswith(incomplete.upper()))]


@verb("explain", "sieve-jobs explain dub-intro", "sieve-jobs explain SJ140")
@click.argument("subject", metavar="NAME|SJnnn", shell_complete=_complete_subject)
def command(session: Session, subject: str) -> ExitCode:
    """Say why a spec would run or not, or what an error code means. Makes no call."""
    if _CODE.fullmatch(subject):
        return _explain_code(session, subject.upper())
    _, found, _ = explained(session, subject)
    if session.as_json:
        session.streams.document(document.explain_document(found))
    else:
        session.streams.answer(known.explain(found, session.style(session.streams.out)))
    return ExitCode.OK


def explained(session: Session, name: str) -> tuple[Entry | None, Explanation, Sequence[PastJob]]:
    """The entry of *name*, why it would run or not, and its earlier jobs. Raises UsageError for an unknown name."""
    with session.open_store(read_only=True) as store:
        paths = {spec.name: spec.path for spec in session.tree.wanted}
        entry = store.get([name]).get(name)
        # Renames and specs that are gone show in a plan over everything alone; what is wrong elsewhere is no matter.
        narrow = (name in paths and bool(session.tree.problems)) or (name not in paths and entry is None)
        options = plan_options(session, [name] if narrow else [])
        planned = make_plan(session, store, options)
        if name not in paths and entry is None:
            known = [*paths, *store.names()]
            chosen = session.chosen([name], dict.fromkeys(known, "") | paths)
            if len(chosen) != 1:
                raise UsageError(
                    Diagnostic(Code.NOTHING_NAMED_SO, f"'{name}' means {len(chosen)} specs, and explain speaks of one")
                )
            (name,) = chosen
            entry = store.get([name]).get(name)
        past = store.past_of(name)
        return entry, explain(name, planned.plan, entry, past), past


def _explain_code(session: Session, code: str) -> ExitCode:
    pages = read_pages()
    page = pages.get(code)
    if page is None:
        raise UsageError(Diagnostic(Code.NOTHING_NAMED_SO, f"no error code '{code}'", hint=did_you_mean(code, pages)))
    if session.as_json:
        session.streams.document({"code": page.id, "title": page.title, "page": page.text})
    else:
        import textwrap

        width = min(session.style(session.streams.out).width, 100)
        # A flag or a path stays whole, so that it can be copied.
        text = textwrap.fill(page.text, width, break_on_hyphens=False, break_long_words=False)
        session.streams.answer(f"{page.id}: {page.title}\n\n{text}")
    return ExitCode.OK
