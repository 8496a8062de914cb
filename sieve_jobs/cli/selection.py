"""Which specs a run speaks of: all of a valid tree, or those that its words mean."""

from __future__ import annotations

from collections.abc import Sequence

from sieve_jobs.cli.context import Session
from sieve_jobs.errors import InvalidError, UsageError
from sieve_jobs.render.text import escape
from sieve_jobs.spec.tree import Tree, default_name


def selected(session: Session, words: Sequence[str]) -> frozenset[str] | None:
    """Names of the specs that *words* mean; None, for all, without words.

    Raises InvalidError with every problem of what was selected, UsageError for a word that means nothing.
    """
    tree = session.tree
    if not words:
        if tree.problems:
            raise InvalidError(*tree.problems)
        return None
    known = {spec.name: spec.path for spec in tree.wanted}
    broken = _broken(tree)
    try:
        chosen = session.chosen(words, broken | known)
    except UsageError:
        if tree.problems:  # the name may stand in a file that cannot be read
            raise InvalidError(*tree.problems) from None
        raise
    paths = {known.get(name) or broken[name] for name in chosen}
    problems = tuple(problem for problem in tree.problems if not problem.place or problem.place.path in paths)
    if problems:
        raise InvalidError(*problems)
    return frozenset(chosen)


def say_nothing_found(session: Session) -> None:
    """Says so where no spec file was found at all."""
    if session.tree.files:
        return
    folders = ", ".join(f"'{folder}'" for folder in session.config.project.specs)
    hint = "`sieve-jobs init` writes a first one" if not session.config.exists else "see [project] specs in the config"
    session.streams.say(escape(f"note: 0 specs found in {folders} below {session.root}; {hint}"))


def _broken(tree: Tree) -> dict[str, str]:
    """Files with problems, by the name that a spec in them has unless it says another one."""
    paths = {problem.place.path for problem in tree.problems if problem.place}
    return {default_name(path, tree.settings.specs): path for path in paths}
