"""Plans, results and problems as Markdown: what a pull request's comment and a step's summary show. Pure.

Whatever is said fits into a comment, LONGEST characters: parts that are cut say what is left out, and where it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from sieve_jobs.config.stand_ins import StandIn
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.plan.action import Action
from sieve_jobs.plan.change import Change
from sieve_jobs.plan.explain import WORDS
from sieve_jobs.plan.plan import Notice, Plan, Where
from sieve_jobs.push.result import ApplyResult, Result
from sieve_jobs.render import problems as as_text
from sieve_jobs.render.changes import words_of
from sieve_jobs.render.difference import diff_lines
from sieve_jobs.render.human import counts
from sieve_jobs.render.quantity import count
from sieve_jobs.render.quote import block, cell, code, fitting, row, table
from sieve_jobs.render.results import failure, last_line, tally
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import escape
from sieve_jobs.wire import Status

LONGEST = 60_000
"""Characters. GitHub refuses a comment of more than 65,536, and the action puts a marker before it."""
MOST_ROWS = 100
MOST_FIELDS = 20
"""Fields shown of all diffs together."""
MOST_NOTICES = 20
MOST_FAILED = 20
"""Failed jobs and problems that are shown with all that is known of them."""
_TABLE = 25_000
"""Characters of the rows of a table."""
_BLOCK = 10_000
"""Characters of one block of code, and of all notices."""
_FOLD = 4
_PLAIN = Style(width=100)
_ENDED_BADLY = frozenset({Status.ERROR, Status.CANCELLED})


def plan(plan: Plan, refusals: Sequence[Diagnostic] = (), *, whole: str) -> str:
    """A plan, and what apply would refuse it for.

    *whole* is a sentence, Markdown of our own, that says where all of it is.
    """
    rows = fitting(map(_change, plan.changes), most=_TABLE, count=MOST_ROWS)
    counted = counts(plan.summary, _PLAIN, running=len(plan.running), unsaved=len(plan.unsaved))
    parts = [
        f"### {code(plan.where.target)} {counted}\n",
        _where(plan.where),
        _problems(refusals, whole, word="warning"),
        table(("", "spec", "action", "why", "place"), rows),
        _left_out(plan.changes[len(rows) :], whole),
        _diffs(plan.changes, whole),
        _notices(plan.notices, whole),
    ]
    return _joined(parts)


def applied(result: ApplyResult, where: Where, *, whole: str) -> str:
    """What an apply came to: what went wrong first, then everything else."""
    ordered = sorted(result.results, key=lambda row: (not _went_wrong(row), row.name))
    rows = fitting(map(_result, ordered), most=_TABLE, count=MOST_ROWS)
    failed = [row for row in ordered if row.status in _ENDED_BADLY]
    parts = [
        f"### {code(where.target)} {tally(result, _PLAIN)}\n",
        _where(where if result.serial is None else where._replace(serial=result.serial)),
        table(("spec", "action", "status", "job", "error"), rows),
        _left(len(ordered) - len(rows), "more spec", whole),
        block(_failures(failed[:MOST_FAILED], where.target), most=_BLOCK) if failed else "",
        _left(len(failed) - MOST_FAILED, "more failed job", whole),
        _problems(result.problems, whole),
        _notices(result.notices, whole),
    ]
    return _joined(parts)


def problems(found: Sequence[Diagnostic], *, verb: str, whole: str) -> str:
    """What kept a verb from going on."""
    heading = f"### sieve-jobs {verb}: {count(len(found), 'problem')}\n"
    said = _problems(found, whole, most=30_000)
    return _joined([heading, said, "" if len(found) > MOST_FAILED else f"{whole}\n"])


def _joined(parts: Sequence[str]) -> str:
    """The parts that there are, a blank line between two. Each is bounded, and so is their sum."""
    text = "\n".join(part for part in parts if part)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _where(where: Where) -> str:
    return f"endpoint {code(where.endpoint)} · state {code(where.state)}, serial {where.serial}\n"


def _change(change: Change) -> str:
    words = words_of(change)
    why = words if words in WORDS.values() else cell(words)
    why += _stand_in(change.stand_in)
    place = f"{change.path}:{change.line}" if change.line else change.path
    return row((f"`{change.glyph}`", cell(change.name), change.action.value, why, cell(place)))


def _result(result: Result) -> str:
    job = cell(result.job_id) if result.job_id else ""
    said = cell(last_line(error)) if (error := result.error or result.save_error) else ""
    said += _stand_in(result.stand_in)
    return row((cell(result.name), result.action.value, result.status.value if result.status else "", job, said))


def _stand_in(found: StandIn | None) -> str:
    """The mark of a row whose function is a stand-in; empty for any other."""
    return "" if found is None else f"<br>{cell(str(found))}"


def _left_out(changes: Sequence[Change], whole: str) -> str:
    rest = Counter(change.action for change in changes)
    if not rest:
        return ""
    kinds = ", ".join(f"{rest[action]:,} {action.value}" for action in Action if rest[action])
    return f"… and {count(len(changes), 'more change', 'more changes')} ({kinds}). {whole}\n"


def _diffs(changes: Sequence[Change], whole: str) -> str:
    lines: list[str] = []
    fields = 0
    for change in changes:
        room = MOST_FIELDS - fields
        if change.diff and room > 0:
            lines += [escape(change.name), *diff_lines(change.diff[:room], _PLAIN, indent=2)]
            fields += min(room, len(change.diff))
    if not lines:
        return ""
    more = sum(len(change.diff) for change in changes) - fields
    return block(lines, most=_BLOCK) + (f"\n{_left(more, 'more field', whole)}" if more else "")


def _notices(found: Sequence[Notice], whole: str) -> str:
    """Notices as a list; of many with one reason the first two."""
    groups: defaultdict[object, list[Notice]] = defaultdict(list)
    for index, notice in enumerate(found):
        groups[notice.reason or index].append(notice)
    kept = [notice for group in groups.values() for notice in (group if len(group) <= _FOLD else group[:2])]
    lines = fitting(map(_notice, kept), most=_BLOCK, count=MOST_NOTICES)
    more = len(found) - len(lines)
    if more:
        lines.append(f"- … and {count(more, 'more note', 'more notes')}. {whole}\n")
    return "".join(lines)


def _notice(notice: Notice) -> str:
    hints = notice.hint.split("\n") if notice.hint else []
    return "<br>".join([f"- {code(notice.text, 300)}", *(code(hint, 300) for hint in hints)]) + "\n"


def _problems(found: Sequence[Diagnostic], whole: str, *, most: int = _BLOCK, word: as_text.Word = "error") -> str:
    if not found:
        return ""
    lines = as_text.diagnostics(found[:MOST_FAILED], _PLAIN, word=word).splitlines()
    more = _left(len(found) - MOST_FAILED, "more problem", whole)
    return block(lines, most=most) + (f"\n{more}" if more else "")


def _left(number: int, what: str, whole: str) -> str:
    """That *number* of something are left out; empty where none are."""
    return f"… and {count(number, what)}. {whole}\n" if number > 0 else ""


def _failures(failed: Sequence[Result], target: str) -> Iterator[str]:
    for each in failed:
        yield from failure(each.name, each.status, each.error or "", each.log, _PLAIN, target=target)


def _went_wrong(row: Result) -> bool:
    return row.status in _ENDED_BADLY or row.error is not None or row.save_error is not None
