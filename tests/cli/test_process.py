"""The command as a process: fast where nothing is asked of it, and steady when its streams or its time end."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.cloud import Cloud, Outcome, Script
from tests.project import KEY, REPOSITORY, project, ran, remote_config, run, run_program, spec, started

APPLY = ("apply", "-t", "prod", "--yes")


def test_version_loads_neither_click_nor_the_rest() -> None:
    code = (
        "import sys; sys.argv = ['sieve-jobs', 'version']; from sieve_jobs.__main__ import main; main();"
        "sys.exit(sorted({'click', 'dataclasses', 'json', 'sieve_jobs.cli'} & set(sys.modules)) or 0)"
    )
    done = run_program([sys.executable, "-c", code], REPOSITORY)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("sieve-jobs ")


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, id="ctrl-c"), pytest.param(signal.SIGTERM, 143, id="term")]
)
def test_a_signal_ends_an_apply_in_order(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        root = project(tmp_path / "p", {"a.yaml": spec()}, remote_config(cloud.url))
        with forked.started(root, *APPLY) as process:
            cloud.wait_for(lambda seen: any(request.route == "await" for request in seen.requests))
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        assert process.returncode == code, err
        assert "Traceback" not in err
        (job,) = cloud.jobs
        cloud.finish(job.id)
        again = forked.run(root, "apply", "-t", "prod", "--json")
        assert again.code == 0, again.err
        assert again.document["results"][0]["status"] == "finished"
        assert len(cloud.pushes) == 1


def test_an_apply_whose_reader_goes_away_is_finished_all_the_same(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        specs = {f"clip-{index:03d}.yaml": spec(width=index) for index in range(40)}
        root = project(tmp_path / "p", specs, remote_config(cloud.url))
        with started(root, *APPLY) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stderr.readline()
            process.stderr.close()
            process.stdout.close()
            process.wait(timeout=60)
        assert process.returncode == 0
        assert len(cloud.pushes) == 40
        planned = ran(root, "plan", "-t", "prod", "--detailed-exitcode", environ=KEY)
        assert planned.code == 0, planned.out


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "| head -c 1 >&2"])
def test_closed_streams_are_no_error(tmp_path: Path, closed: str) -> None:
    root = project(tmp_path / "p", {"a.yaml": spec()})
    line = f'"{sys.executable}" -m sieve_jobs plan --json {closed}'
    done = run_program(["bash", "-c", f"set -o pipefail; {line}"], root)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


def test_an_answer_that_a_full_disk_swallows_is_an_error(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"a.yaml": spec()})
    for verb, code in (("plan", 1), ("plan --detailed-exitcode", 2)):
        line = f'"{sys.executable}" -m sieve_jobs {verb} >/dev/full'
        done = run_program(["bash", "-c", line], root)
        assert done.code == code
        assert "error: could not write the answer: no space left on device  [SJ189]" in done.err
        assert "Traceback" not in done.err


def test_an_ascii_locale_gets_ascii_and_a_pipe_no_colour(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"übung.yaml": "function: me/x\nname: a\ninputs: {t: 'ü'}\n"})
    done = run(root, "plan", "-t", "local", LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert done.code == 0, done.err
    assert "\x1b" not in done.all
    assert done.out.isascii()


def test_an_argument_that_is_no_utf_8_is_usage(tmp_path: Path) -> None:
    done = run(tmp_path, "explain", os.fsdecode(b"\xff"))
    assert (done.code, done.out) == (64, "")
    assert done.err.startswith("error: argument 2 is not UTF-8: \\xff at its character 1  [SJ186]\n")


def test_completion_knows_verbs_and_names(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        root = project(tmp_path / "p", {"dub-a.yaml": spec()}, remote_config(cloud.url))
        assert ran(root, *APPLY, environ=KEY).code == 0

        def completed(words: str, index: int) -> list[str]:
            done = forked.run(
                root, _SIEVE_JOBS_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(index),
                SIEVE_JOBS_TARGET="prod",
            )  # fmt: skip
            return [line.partition(",")[2] for line in done.out.splitlines() if line]

        assert "plan" in completed("sieve-jobs p", 1)
        (root / "jobspecs" / "dub-new.yaml").write_text(spec(width=7))
        for verb in ("logs", "cancel", "rerun", "plan --rerun", "state rm", "explain", "-t prod show"):
            line = f"sieve-jobs {verb} du"
            assert completed(line, len(line.split()) - 1) == ["dub-a", "dub-new"], verb
        assert completed("sieve-jobs -C nowhere logs du", 4) == []
        assert completed("sieve-jobs plan -t p", 3) == ["prod"]
        assert completed("sieve-jobs explain SJ13", 2) == [f"SJ13{n}" for n in range(10)]
        assert "--detailed-exitcode" in completed("sieve-jobs plan --de", 2)
