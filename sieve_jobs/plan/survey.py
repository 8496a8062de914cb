"""Survey: the first look at a tree and its state, which leaves aside in one tight loop what is plainly unchanged."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

from sieve_jobs.plan.plan import PlanOptions

if TYPE_CHECKING:
    from sieve_jobs.spec.wanted import Wanted
    from sieve_jobs.state.loaded import State


class Survey(NamedTuple):
    """What planning must still look at. All but *unchanged* is empty where there is nothing to do."""

    unchanged: int
    """Specs whose job finished and of which nothing at all differs."""
    differing: tuple[Wanted, ...] = ()
    """Specs that need their details: something differs, or a person or a doubt asks for a closer look."""
    steady: tuple[Wanted, ...] = ()
    """Specs of which nothing differs, but whose job is not known to have finished."""
    vanished: tuple[str, ...] = ()
    """Names of the state that the tree no longer holds."""
    entries: tuple[str, ...] = ()
    """Names whose settled entry must be read."""
    digests: frozenset[str] = frozenset()
    """To look for among earlier jobs."""
    tree: frozenset[str] = frozenset()
    """Every name of the tree; empty where nobody needs it."""


def survey(wanted: Sequence[Wanted], state: State, options: PlanOptions, gone: Set[str] = frozenset()) -> Survey:
    """Splits *wanted*, the whole tree, by what the state says of it. Of *gone* the saved outputs are missing.

    10,000 unchanged specs cost about a millisecond: every plan that has nothing to do goes this way.
    """
    selected = options.selected
    chosen = wanted if selected is None else [spec for spec in wanted if spec.name in selected]
    settled = state.settled.get
    odd = [spec for spec in chosen if settled(spec[0]) != spec[2]]
    quiet = len(chosen) - len(odd)

    asked = options.rerun | {intent.name for intent in state.intents}
    steady = [spec for spec in odd if spec[0] not in asked and _is_steady(spec, state)]
    if steady:
        apart = {spec[0] for spec in steady}
        odd = [spec for spec in odd if spec[0] not in apart]
    if gone:
        steady += [spec for spec in chosen if spec[0] in gone - asked and settled(spec[0]) == spec[2]]
    if asked:
        odd += [spec for spec in chosen if spec[0] in asked and settled(spec[0]) == spec[2]]

    any_gone = selected is None and (quiet != len(state.settled) or bool(state.open))
    tree = frozenset(spec[0] for spec in wanted) if odd or any_gone else frozenset[str]()
    vanished = [name for name in (*state.settled, *state.open) if name not in tree] if odd or any_gone else []
    return Survey(
        unchanged=len(chosen) - len(odd) - len(steady),
        differing=tuple(odd),
        steady=tuple(steady),
        vanished=tuple(vanished),
        entries=tuple(name for name in (*(spec[0] for spec in (*odd, *steady)), *vanished) if name in state.settled),
        digests=frozenset(spec[1] for spec in odd),
        tree=tree,
    )


def _is_steady(spec: Wanted, state: State) -> bool:
    """Whether the entry says all there is to say, without the spec's details."""
    entry = state.open.get(spec[0])
    return entry is not None and entry.fingerprint == spec[2] and not (entry.lost or entry.orphaned)
