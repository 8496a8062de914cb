"""Entries of a state that words on the command line mean, and the secrets their jobs' texts may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sieve_jobs.cli.context import Session
from sieve_jobs.cli.locking import written
from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import UsageError
from sieve_jobs.state.entry import Entry
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import JobStatus

if TYPE_CHECKING:
    from sieve_jobs.push.redact import Redactor


def chosen_entries(session: Session, store: Store, words: Sequence[str]) -> Mapping[str, Entry]:
    """The entries that *words* mean, all of them without words, by name in order.

    Raises UsageError for a word without a match.
    """
    entries = store.get(store.names())
    if not words:
        return entries
    chosen = session.chosen(words, {name: entry.path for name, entry in entries.items()})
    return {name: entry for name, entry in entries.items() if name in chosen}


def one_entry(session: Session, store: Store, word: str) -> Entry:
    """The one entry that *word* means. Raises UsageError for none and for several."""
    found = store.get([word]).get(word)
    if found is not None:
        return found
    matches = chosen_entries(session, store, [word])
    if len(matches) > 1:
        names = ", ".join(f"'{name}'" for name in list(matches)[:5])
        raise UsageError(
            Diagnostic(Code.NOTHING_NAMED_SO, f"'{word}' means {len(matches)} specs, one is needed", expected=names)
        )
    return next(iter(matches.values()))


def record(session: Session, statuses: Sequence[JobStatus]) -> None:
    """Records what the far side said of jobs; needs no lock, as a status never takes anything back."""
    if not statuses:
        return
    with written(session) as store:
        store.commit(statuses, None)


def secret_values(session: Session) -> frozenset[str]:
    """Every secret value at hand, to be taken out of what the far side says."""
    variables = session.variables
    found = (variables.find(name) for name in variables.names() if variables.is_secret(name))
    return frozenset(each.value for each in found if each is not None and each.value)


def redactor_of(session: Session) -> Redactor:
    """Takes every secret at hand out of a text."""
    from sieve_jobs.push.redact import Redactor

    keys = [session.api_key] if session.api_key else []
    return Redactor(secret_values(session).union(keys))
