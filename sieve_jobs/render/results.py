"""What an apply came to, for people: a row for each spec with its job and its outputs, and failed jobs in full."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sieve_jobs.plan.action import Action, Reason
from sieve_jobs.plan.explain import WORDS
from sieve_jobs.push.result import ApplyResult, Result, Tally
from sieve_jobs.render.quantity import count, span
from sieve_jobs.render.style import Role, Style
from sieve_jobs.render.text import escape, lines_of, pad, shorten, width_of
from sieve_jobs.wire import Job, Json, Status

_MOST_OUTPUTS = 5
"""Outputs shown of one job; `sieve-jobs outputs NAME` has them all."""
_MOST_LOG_LINES = 20
_NOT_PUSHED = "not pushed"


def results(
    result: ApplyResult,
    style: Style,
    *,
    target: str = "local",
    jobs: Mapping[str, Job] | None = None,
    path_of: Callable[[str], str | None] = lambda url: None,
) -> str:
    """Every change with its status, time, job and outputs; then what failed; last the line that counts.

    *jobs* are the jobs by name of spec, where they are known: times and outputs come from them. *path_of* gives an
    output's path on disk for its url, or None.
    """
    known = jobs or {}
    layout = _layout(result.results, known, style)
    blocks: list[str] = []
    for row in result.results:
        job = known.get(row.name)
        blocks.append(_row(row, _took(job), layout, style))
        if row.stand_in is not None:
            blocks.append(f"    {style.paint(escape(str(row.stand_in)), 'dim')}")
        if row.saved:
            blocks += _saved(row.saved, style)
        elif job is not None and job.status is Status.FINISHED:
            blocks += outputs(job, style, path_of)
        if row.save_error is not None:
            blocks.append(f"    {style.paint(escape(row.save_error), 'bad')}")
    failed = [row for row in result.results if _ended_badly(row)]
    for row in failed:
        blocks += ["", *failure(row.name, row.status, row.error or "", row.log, style, target=target)]
    if blocks:
        blocks.append("")
    blocks.append(tally(result, style))
    return style.finish("".join(f"{line}\n" for line in blocks))


def tally(result: ApplyResult, style: Style) -> str:
    """The line an apply ends with."""
    done: Tally = result.summary
    ended_badly = sum(map(_ended_badly, result.results))
    left = max(sum(_standing(row)[1] == _NOT_PUSHED for row in result.results) - done.refused, 0)
    removed = sum(row.action is Action.ORPHAN for row in result.results)
    parts: list[tuple[int, str, Role]] = [
        (done.pushed, "pushed", "add"),
        (done.reused, "reused", "accent"),
        (done.moved, "moved", "accent"),
        (removed, "removed", "remove"),
        (sum(row.doubt == "dropped" for row in result.results), "dropped", "change"),
        (done.refused, "refused", "bad"),
        (left, _NOT_PUSHED, "bad"),
        (done.in_doubt, "in doubt", "bad"),
        (ended_badly, "ended badly", "bad"),
        (sum(bool(row.saved) for row in result.results), "saved", "good"),
        (sum(row.save_error is not None for row in result.results), "not saved", "bad"),
        (len(result.still_running), "still running", "busy"),
    ]
    said = [style.paint(f"{number:,} {words}", role) for number, words, role in parts if number]
    unchanged = f"{count(done.unchanged, 'spec')} unchanged"
    if result.due:
        unchanged = f"{style.paint(f'{result.due:,} due', 'change')}, {unchanged}"
    if not said:
        return f"{'nothing to go on with' if result.due else 'nothing to do'}: {unchanged}"
    return f"{style.paint('applied:', 'strong')} {', '.join(said)}; {unchanged}"


def _ended_badly(row: Result) -> bool:
    """Whether a spec's job did not come to a good end; of a removed spec nobody waits for one."""
    return row.action is not Action.ORPHAN and row.status in {Status.ERROR, Status.CANCELLED}


def failure(
    name: str, status: Status | None, error: str, log: Sequence[str], style: Style, *, target: str = "local"
) -> Iterator[str]:
    """Lines about a job that ended badly: the last line of its traceback, its last log lines, how to run it again."""
    ended = "was cancelled" if status is Status.CANCELLED else "failed"
    yield f"{style.status_sign(status or Status.ERROR)} {style.paint(f'{escape(name)} {ended}', 'strong')}"
    reason = last_line(error)
    if reason:
        yield f"  {style.paint(reason, 'bad')}"
    bar = style.paint(style.sign("│"), "dim")
    for line in lines_of("\n".join(log), _MOST_LOG_LINES) if log else ():
        yield f"  {bar} {line}".rstrip()
    again = f"sieve-jobs rerun {shlex.quote(name)}" + ("" if target == "local" else f" -t {shlex.quote(target)}")
    yield f"  {style.paint('hint:', 'accent')} to run it again: {escape(again)}"


def last_line(error: str) -> str:
    """The line of a traceback that says what happened; escaped."""
    lines = [line for line in error.splitlines() if line.strip()]
    return escape(lines[-1].strip()) if lines else ""


def outputs(job: Job, style: Style, path_of: Callable[[str], str | None] = lambda url: None) -> Iterator[str]:
    """Lines with a job's outputs: files as paths or urls without their signatures, values in short."""
    for output in job.outputs[:_MOST_OUTPUTS]:
        for text, is_file in _output(output.get("data"), path_of):
            whole = is_file or width_of(text) <= style.width - 4
            yield f"    {text if whole else shorten(text, max(style.width - 4, 20), style.sign('…'))}"
    if len(job.outputs) > _MOST_OUTPUTS:
        more = f"{style.sign('…')} and {len(job.outputs) - _MOST_OUTPUTS:,} more outputs"
        yield f"    {style.paint(more, 'dim')}"


def _saved(paths: Sequence[str], style: Style) -> Iterator[str]:
    """Lines with where a job's outputs were saved."""
    for path in paths[:_MOST_OUTPUTS]:
        yield f"    {escape(path)}"
    if len(paths) > _MOST_OUTPUTS:
        more = f"{style.sign('…')} and {len(paths) - _MOST_OUTPUTS:,} more outputs"
        yield f"    {style.paint(more, 'dim')}"


def _output(data: Json, path_of: Callable[[str], str | None]) -> Iterator[tuple[str, bool]]:
    """What is shown of one output, and whether it is a file's place, which is never cut: people copy it."""
    if isinstance(data, dict) and isinstance(data.get("url"), str):
        yield _file(str(data["url"]), path_of), True
    elif isinstance(data, list) and any(isinstance(item, dict) and "url" in item for item in data):
        for item in data:
            yield from _output(item, path_of)
    else:
        yield escape(json.dumps(_without_signatures(data, path_of), ensure_ascii=False)), False


def _without_signatures(data: Json, path_of: Callable[[str], str | None]) -> Json:
    if isinstance(data, dict):
        if isinstance(data.get("url"), str):
            return _file(str(data["url"]), path_of)
        return {key: _without_signatures(item, path_of) for key, item in data.items()}
    if isinstance(data, list):
        return [_without_signatures(item, path_of) for item in data]
    return data


def _file(url: str, path_of: Callable[[str], str | None]) -> str:
    """A file's path on disk, or its url without the query, which is a signature that dies within days."""
    path = path_of(url)
    return escape(path if path is not None else urlsplit(url)._replace(query="", fragment="").geturl())


@dataclass(frozen=True, slots=True)
class _Layout:
    """Columns that the rows share."""

    name: int
    word: int
    took: int
    whole_ids: bool
    """There is room for whole job ids behind every row."""


def _layout(rows: Sequence[Result], jobs: Mapping[str, Job], style: Style) -> _Layout:
    name = max((min(width_of(escape(row.name)), 40) for row in rows), default=0)
    word = max((len(_standing(row)[1]) for row in rows), default=0)
    took = max((len(_took(jobs.get(row.name))) for row in rows), default=0)
    longest = max((len(row.job_id) for row in rows if row.job_id), default=0)
    widest = max((width_of(escape(row.name)) for row in rows if row.job_id), default=0)
    used = 2 + max(name, widest) + 2 + word + (2 + took if took else 0) + 2
    return _Layout(name, word, took, used + longest <= style.width)


def _took(job: Job | None) -> str:
    if job is None or job.started_at is None or job.completed_at is None:
        return ""
    return span((job.completed_at - job.started_at).total_seconds())


def _row(row: Result, took: str, layout: _Layout, style: Style) -> str:
    sign, word, role = _standing(row)
    name = style.paint(pad(escape(row.name), layout.name), "strong")
    cells = f"{style.paint(style.sign(sign), role)} {name}  {style.paint(word, role)}"
    space = " " * (layout.word - len(word)) + (f"  {took:>{layout.took}}" if layout.took else "") + "  "
    if row.job_id:
        return cells + space + style.paint(escape(row.job_id if layout.whole_ids else row.job_id[:8]), "dim")
    tail = last_line(row.error or "") or WORDS[row.reason]
    used = 2 + max(width_of(escape(row.name)), layout.name) + 2 + len(word) + len(space)
    return cells + space + tail if used + width_of(tail) <= style.width else f"{cells}\n    {tail}"


def _standing(row: Result) -> tuple[str, str, Role]:
    signs: dict[Status, tuple[str, Role]] = {
        Status.QUEUED: ("◌", "dim"),
        Status.PROCESSING: ("◐", "busy"),
        Status.FINISHED: ("✓", "good"),
        Status.ERROR: ("✗", "bad"),
        Status.CANCELLED: ("⊘", "change"),
    }
    if row.action is Action.ORPHAN:
        return "−", "removed", "remove"
    if row.doubt is not None:
        return ("?", "held", "bad") if row.doubt == "held" else ("−", "dropped", "change")
    if row.status is not None:
        sign, role = signs[row.status]
        return sign, row.status.value, role
    if row.action is Action.MOVE:
        return "→", "moved", "accent"
    if row.reason in {Reason.IN_DOUBT, Reason.LOST} or row.action is Action.RESOLVE:
        return "?", "held", "bad"
    return ("✗", _NOT_PUSHED, "bad") if row.error else ("·", row.action.value, "dim")
