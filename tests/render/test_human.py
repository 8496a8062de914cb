"""Plans, states and explanations as people see them: golden texts at 80 columns, and what holds at any width."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from sieve_jobs.plan.action import Reason
from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.plan.explain import explain
from sieve_jobs.plan.plan import Notice, Plan, Summary, Where
from sieve_jobs.render import human, known
from sieve_jobs.render.difference import diff_lines
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import width_of
from sieve_jobs.wire import Status
from tests.plan.world import START, WHERE, World, asks, earlier, pushed
from tests.render.plans import JOB, a_plan

PLAIN = Style(width=80)


def test_a_plan() -> None:
    assert human.plan(a_plan(), PLAIN) == (
        "target prod · https://far.example · state .sieve-jobs/prod.db (written 1 min ago)\n"
        "\n"
        "  ! again            asked to run again        jobspecs/again.yaml:1\n"
        "  ↺ captions         as before, job 77aa1d2e   jobspecs/captions.yaml:1\n"
        "      inputs.n: 22 -> 2\n"
        "  − gone             spec removed, job kept    jobspecs/gone.yaml:1\n"
        "  + new              new                       jobspecs/new.yaml:1\n"
        "  → renamed/clip     renamed from old/clip     jobspecs/renamed/clip.yaml:1\n"
        "  ~ shows/intro      inputs changed            jobspecs/shows/intro.yaml:1\n"
        "      inputs.width: 640 -> 1280\n"
        '      + inputs.langs[1]: "fr"\n'
        "      − inputs.old: true\n"
        "      env.PLACE: (secret, changed)\n"
        "  ? unsure[lang=es]  a push without an answer  jobspecs/unsure[lang=es].yaml:1\n"
        "\n"
        "note: the job of 'failed' failed; that is final until the spec changes\n"
        "      to run it again: sieve-jobs rerun failed -t prod\n"
        f"note: job {JOB} of 'shows/intro' has not ended: it is kept and followed beside the new one\n"
        "\n"
        "plan: 3 to push, 1 to reuse, 1 to move, 1 to resolve, 1 removed; 2 specs unchanged\n"
    )


def test_a_plan_with_nothing_to_do() -> None:
    plan = World([asks("a")], [pushed(asks("a"))]).plan(
        where=WHERE._replace(target="local", endpoint="local", age=None)
    )
    assert human.plan(plan, PLAIN) == (
        "target local · embedded engine · state .sieve-jobs/prod.db (empty)\n\nnothing to do: 1 spec unchanged\n"
    )


def test_a_plan_says_which_jobs_go_on() -> None:
    plan = World([asks("a")], [pushed(asks("a"), Status.PROCESSING)]).plan()
    assert human.plan(plan, PLAIN).splitlines()[-1] == "nothing to do: 1 spec unchanged, 1 still running"


@pytest.mark.parametrize("width", [80, 60, 40, 24])
def test_a_narrow_terminal_loses_nothing(width: int) -> None:
    text = human.plan(a_plan(), Style(width=width))
    for part in ("unsure[lang=es]", "renamed from old/clip", "jobspecs/shows/intro.yaml:1", "640", "1280"):
        assert part in text
    rows = [line for line in text.splitlines()[2:-4] if not line.startswith(("note", "      to run"))]
    longest = max(width_of(word) for line in rows for word in line.split())
    assert all(width_of(line) <= max(width, longest + 40) for line in rows)


def test_colour_changes_nothing_but_colour() -> None:
    coloured = human.plan(a_plan(), Style(colour=True, width=80))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == human.plan(a_plan(), PLAIN)


def test_an_ascii_stream_gets_ascii() -> None:
    text = human.plan(a_plan(), Style(width=80, unicode=False))
    assert text.isascii()
    assert "  * captions" in text
    assert "  > renamed/clip" in text


def test_names_values_and_paths_cannot_act_on_a_terminal() -> None:
    hostile = "a\x1b[2J\n::error::\u202e##[x]"
    change = World([asks("n", {"k": hostile})], [pushed(asks("n", {"k": "b"}))]).plan().changes[0]
    change = replace(change, name=hostile, path=hostile, moved_from=hostile)
    where = Where(hostile, hostile, hostile, 1)
    notice = Notice(hostile, None, hostile, hostile)
    text = human.plan(Plan(where, (change,), Summary(push=1), (notice,)), PLAIN)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def test_many_notices_of_one_kind_are_folded() -> None:
    many = [Notice(f"s{n}", Reason.SECRET_ROTATED, f"a secret of 's{n}' was rotated") for n in range(1000)]
    assert human.notices([*many, Notice(None, None, "another")], PLAIN) == (
        "note: a secret of 's0' was rotated\n"
        "note: a secret of 's1' was rotated\n"
        "      … and 998 more like it (secret_rotated)\n"
        "note: another\n"
    )


class TestDiff:
    def lines(self, *diff: FieldDiff, width: int = 60) -> list[str]:
        return list(diff_lines(diff, Style(width=width), indent=2))

    @pytest.mark.parametrize(
        ("diff", "expected"),
        [
            pytest.param(FieldDiff("inputs.w", 640, 1280), "inputs.w: 640 -> 1280", id="numbers"),
            pytest.param(FieldDiff("inputs.w", 640, "640"), 'inputs.w: 640 -> "640"', id="text is quoted"),
            pytest.param(FieldDiff("inputs.w", None, True), "inputs.w: null -> true", id="null and true"),
            pytest.param(FieldDiff("inputs.o", {"a": 1}, []), 'inputs.o: {"a": 1} -> []', id="branches"),
            pytest.param(FieldDiff("inputs.w", None, 5, kind="added"), "+ inputs.w: 5", id="added"),
            pytest.param(FieldDiff("inputs.w", 5, None, kind="removed"), "− inputs.w: 5", id="removed"),
            pytest.param(FieldDiff("env.K", None, None, masked=True), "env.K: (secret, changed)", id="secret changed"),
            pytest.param(
                FieldDiff("env.K", None, None, masked=True, kind="added"), "+ env.K: (secret)", id="secret added"
            ),
            pytest.param(
                FieldDiff("source", "a" * 64, "b" * 64), f"source: {'a' * 12} -> {'b' * 12}", id="hashes are cut"
            ),
            pytest.param(
                FieldDiff("inputs.f", "sha256:" + "a" * 64, "sha256:" + "b" * 64),
                f"inputs.f: sha256:{'a' * 12} -> sha256:{'b' * 12}",
                id="file hashes are cut",
            ),
            pytest.param(FieldDiff("inputs.w", "a\nb", "\x1b"), 'inputs.w: "a\\nb" -> "\\u001b"', id="controls"),
        ],
    )
    def test_one_field(self, diff: FieldDiff, expected: str) -> None:
        assert self.lines(diff) == [f"  {expected}"]

    def test_long_values_stand_below_each_other_and_show_where_they_part(self) -> None:
        lines = self.lines(FieldDiff("inputs.text", "x" * 500 + "one" + "y" * 500, "x" * 500 + "two" + "y" * 500))
        assert lines[0] == "  inputs.text:"
        assert "one" in lines[1]
        assert "two" in lines[2]
        assert all("(1,005 characters)" in line and width_of(line) <= 60 for line in lines[1:])

    def test_many_fields_are_counted(self) -> None:
        lines = self.lines(*(FieldDiff(f"inputs.a{n}", 1, 2) for n in range(30)))
        assert len(lines) == 21
        assert lines[-1] == "  … and 10 more fields"


def test_status() -> None:
    entries = [
        pushed(asks("shows/intro"), Status.PROCESSING, JOB, pushed_at=START - timedelta(minutes=3)),
        pushed(asks("captions"), Status.ERROR, JOB, pushed_at=START - timedelta(days=2)),
        pushed(asks("gone"), Status.FINISHED, JOB, orphaned=True),
        pushed(asks("lost"), Status.QUEUED, JOB, lost=True),
    ]
    assert known.status(entries, Style(width=100), START) == (
        "   spec         status                  pushed     job\n"
        f"✗  captions     error                   2 d ago    {JOB}\n"
        f"✓  gone         finished, spec removed  just now   {JOB}\n"
        f"?  lost         lost                    just now   {JOB}\n"
        f"◐  shows/intro  processing              3 min ago  {JOB}\n"
    )
    narrow = known.status(entries, Style(width=44), START)
    assert JOB not in narrow
    assert all(width_of(line) <= 44 for line in narrow.splitlines())
    assert known.status([], PLAIN, START) == "no jobs\n"


def test_state_list() -> None:
    assert known.state_list([pushed(asks("a"))], PLAIN, START) == (
        "entry  status    reason  pushed    from\na      finished  new     just now  jobspecs/a.yaml\n"
    )


def test_show_is_all_about_one_spec() -> None:
    before, after = asks("dub", {"w": 1}), asks("dub", {"w": 2})
    entry = pushed(before, Status.ERROR, JOB, error="Traceback\n  x\nValueError: no \x1b video\n", commit="abc")
    past = [earlier(asks("dub", {"w": 0}), "old")]
    plan = World([after], [entry], past).plan()
    assert known.show(entry, explain("dub", plan, entry, past), past, PLAIN) == (
        "dub\n"
        "  status    error\n"
        f"  job       {JOB}\n"
        "  run       run\n"
        "  function  sieve/dubbing\n"
        "  pushed    2026-11-23 12:00:00 UTC (new)\n"
        "  from      jobspecs/dub.yaml:1\n"
        "  commit    abc\n"
        f"  digest    {before.digest}\n"
        "  error     ValueError: no \\x1b video\n"
        "  before\n"
        "    ✓ old  2026-11-23 11:00:00 UTC  finished\n"
        "\n"
        "'dub' would be pushed again: inputs changed\n"
        "  inputs.w: 1 -> 2\n"
        f"job {JOB} was pushed 2026-11-23 12:00:00 UTC from commit abc (new): error\n"
    )
