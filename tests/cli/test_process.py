"""The command as a process: fast where nothing is asked of it, and steady when its streams or its time end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.ran import project, remote_config, spec
from tests.cloud import Cloud, Outcome, Script

COMMAND = [sys.executable, "-m", "sieve_jobs"]


def environ(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONDONTWRITEBYTECODE"}}
    return kept | {"SIEVE_API_KEY": Cloud.key} | more


def test_version_loads_neither_click_nor_the_rest() -> None:
    code = (
        "import sys; sys.argv = ['sieve-jobs', 'version']; from sieve_jobs.__main__ import main; main();"
        "sys.exit(sorted({'click', 'dataclasses', 'json', 'sieve_jobs.cli'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sieve-jobs ")


@contextmanager
def applying(root: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """An apply in the background; killed at the end if it still runs."""
    with subprocess.Popen(
        [*COMMAND, "apply", "-t", "prod", "--yes"],
        cwd=root, env=environ(**more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, id="ctrl-c"), pytest.param(signal.SIGTERM, 143, id="term")]
)
def test_a_signal_ends_an_apply_in_order(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as cloud:
        root = project(tmp_path / "p", {"a.yaml": spec()}, remote_config(cloud))
        with applying(root) as process:
            cloud.wait_for(lambda seen: any(request.route == "await" for request in seen.requests))
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
        assert process.returncode == code, err
        assert "Traceback" not in err
        (job,) = cloud.jobs
        cloud.finish(job.id)
        again = subprocess.run(
            [*COMMAND, "apply", "-t", "prod", "--json"], cwd=root, env=environ(), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert again.returncode == 0, again.stderr
        assert json.loads(again.stdout)["results"][0]["status"] == "finished"
        assert len(cloud.pushes) == 1


def test_an_apply_whose_reader_goes_away_is_finished_all_the_same(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        specs = {f"clip-{index:03d}.yaml": spec(index) for index in range(40)}
        root = project(tmp_path / "p", specs, remote_config(cloud))
        with applying(root) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stderr.readline()
            process.stderr.close()
            process.stdout.close()
            process.wait(timeout=60)
        assert process.returncode == 0
        assert len(cloud.pushes) == 40
        planned = subprocess.run(
            [*COMMAND, "plan", "-t", "prod", "--detailed-exitcode"], cwd=root, env=environ(), capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert planned.returncode == 0, planned.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-", "| head -c 1 >&2", ">/dev/full"])
def test_closed_streams_are_no_error(tmp_path: Path, closed: str) -> None:
    root = project(tmp_path / "p", {"a.yaml": spec()})
    line = f'"{sys.executable}" -m sieve_jobs plan --json {closed}'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], cwd=root, env=environ(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_an_ascii_locale_gets_ascii(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"übung.yaml": "function: me/x\nname: a\ninputs: {t: 'ü'}\n"})
    done = subprocess.run(
        [*COMMAND, "plan", "-t", "local"], cwd=root, capture_output=True, check=False,
        env=environ(LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()


def test_an_argument_that_is_no_utf_8_is_usage(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "explain", b"\xff"], cwd=tmp_path, env=environ(), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (64, b"")
    assert done.stderr.startswith(b"error: argument 2 is not UTF-8: \\xff at its character 1  [SJ186]\n")


def test_no_colour_in_a_pipe(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"a.yaml": spec()})
    done = subprocess.run([*COMMAND, "plan"], cwd=root, env=environ(), capture_output=True, text=True, check=False)
    assert "\x1b" not in done.stdout + done.stderr


def test_completion_knows_verbs_and_names(tmp_path: Path) -> None:
    with Cloud.running() as cloud:
        root = project(tmp_path / "p", {"dub-a.yaml": spec()}, remote_config(cloud))
        with applying(root) as process:
            process.communicate(timeout=60)

        def completed(words: str, index: int) -> list[str]:
            done = subprocess.run(
                [*COMMAND], cwd=root, capture_output=True, text=True, check=False,
                env=environ(
                    _SIEVE_JOBS_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(index),
                    SIEVE_JOBS_TARGET="prod",
                ),
            )  # fmt: skip
            return [line.partition(",")[2] for line in done.stdout.splitlines()]

        assert "plan" in completed("sieve-jobs p", 1)
        assert completed("sieve-jobs logs du", 2) == ["dub-a"]
        assert "--detailed-exitcode" in completed("sieve-jobs plan --de", 2)
