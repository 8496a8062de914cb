"""The local target end to end: what `init` writes runs on the embedded engine, started and ended by the verbs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from tests.project import Ran, ran, run, started

FILES = """
from pathlib import Path
from sieve_jobs import sdk as sieve

@sieve.function(name="files")
def files(n: int) -> list[sieve.File]:
    made = []
    for index in range(n):
        path = Path(f"part-{index}.txt")
        path.write_text("x" * (index + 1))
        made.append(sieve.File(path=str(path.absolute())))
    return made

@sieve.function(name="broken")
def broken():
    print("about to fail")
    raise ValueError("no face found")
"""


def here(root: Path, *arguments: str) -> Ran:
    """Runs with the little of the environment that an engine needs to start."""
    return ran(root, *arguments, environ={"PATH": os.environ["PATH"]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "p"
    folder.mkdir()
    assert ran(folder, "init").code == 0
    return folder


def test_what_init_writes_applies_at_once_and_then_is_done(root: Path) -> None:
    first = here(root, "apply")
    assert first.code == 0, first.err
    assert "Hello, world!" in first.out
    again = here(root, "apply", "--json")
    assert (again.code, again.document["summary"]["pushed"]) == (0, 0)
    assert not (root / ".sieve-jobs" / "engine" / "endpoint").exists()
    assert here(root, "logs", "hello").out == "saying hello to world\n"
    assert here(root, "doctor").code == 0


def test_output_files_are_paths_on_disk_and_can_be_downloaded(root: Path) -> None:
    (root / "functions" / "files.py").write_text(FILES)
    (root / "jobspecs" / "files.yaml").write_text("function: me/files\ninputs: {n: 2}\n")
    (root / "jobspecs" / "broken.yaml").write_text("function: me/broken\n")
    applied = here(root, "apply")
    assert applied.code == 4, applied.err
    assert "no face found" in applied.out
    assert "about to fail" in applied.out + applied.err
    paths = [Path(word) for line in applied.out.splitlines() for word in line.split() if "part-" in word]
    assert [path.name for path in paths] == ["part-0.txt", "part-1.txt"]
    assert [path.read_text() for path in paths] == ["x", "xx"]
    shown = here(root, "outputs", "files")
    assert str(paths[0]) in shown.out
    saved = here(root, "outputs", "files", "--download", "out", "--json")
    assert saved.code == 0, saved.err
    assert [each["size"] for each in saved.document["saved"]] == [1, 2]
    assert (root / "out" / "part-1.txt").read_text() == "xx"
    refused = here(root, "outputs", "files", "--download", "out")
    assert refused.code == 64
    assert "--overwrite" in refused.err
    assert here(root, "outputs", "files", "--download", "out", "--overwrite").code == 0


def test_editing_a_function_that_many_specs_share_runs_them_all_again(root: Path) -> None:
    for number in range(4):
        (root / "jobspecs" / f"s{number}.yaml").write_text(f"function: me/hello\ninputs: {{name: n{number}}}\n")
    assert here(root, "apply", "--json").document["summary"]["pushed"] == 5
    function = root / "functions" / "hello.py"
    function.write_text(function.read_text().replace("Hello", "Good day"))
    again = here(root, "apply", "--json")
    assert (again.code, again.document["summary"]["pushed"]) == (0, 5), again.err
    assert {row["reason"] for row in again.document["results"]} == {"function_changed"}


def test_a_limit_that_the_config_gives_the_engine_holds(root: Path) -> None:
    (root / "sieve-jobs.toml").write_text("[targets.local]\nmax_pushes = 0\n")
    refused = here(root, "apply")
    assert refused.code == 6
    assert "max_pushes of target 'local' allows 0" in refused.err


def test_a_function_that_the_engine_lacks_is_said_with_a_way_out(root: Path) -> None:
    (root / "jobspecs" / "typo.yaml").write_text("function: me/helo\n")
    (root / "jobspecs" / "cloud.yaml").write_text("function: sieve/dubbing\n")
    typo, cloud = ran(root, "plan", "--json").document["notices"]
    assert (typo["text"], typo["hint"]) == (
        "the engine has no function 'me/helo' (1 spec)", "did you mean 'me/hello'?",
    )  # fmt: skip
    assert cloud["text"] == "the engine has no function 'sieve/dubbing' (1 spec)"
    assert cloud["hint"].splitlines() == [
        'a stand-in: [targets.local] stand_ins = {"sieve/dubbing" = "me/dubbing"}',
        "a stub of a job: sieve-jobs functions stub sieve/dubbing --from JOB.json",
        'another target: [targets.prod] endpoint = "https://mango.sievedata.com"',
    ]


@pytest.mark.parametrize(
    "verb",
    [
        ["engine", "webhooks"], ["engine", "webhooks", "replay", "--all"], ["engine", "gc"], ["serve"],
        ["functions", "stub", "me/x", "-t", "local"], ["watch"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_engine_is_started_where_no_project_is(tmp_path: Path, verb: list[str]) -> None:
    refused = here(tmp_path, *verb)
    assert refused.code == 64
    assert f"there is no project in '{tmp_path}'" in refused.err
    assert "[SJ192]" in refused.err
    assert not list(tmp_path.iterdir())


def test_doctor_leaves_nothing_where_no_project_is(tmp_path: Path) -> None:
    looked = here(tmp_path, "doctor")
    assert looked.code == 1
    assert "✗ far side   there is no project" in looked.out
    assert not list(tmp_path.iterdir())


def test_serve_is_found_by_apply_and_ends_in_order(root: Path) -> None:
    with started(root, "serve", "--workers", "1") as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("engine at http://127.0.0.1:")
        second = run(root, "serve")
        assert second.code == 1
        assert "runs for this project already" in second.err
        assert here(root, "apply").code == 0
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert here(root, "serve", "--json").code == 64


def test_a_project_whose_engine_folder_was_removed_goes_on_with_a_new_engine(root: Path) -> None:
    assert here(root, "apply").code == 0
    shutil.rmtree(root / ".sieve-jobs" / "engine")
    assert here(root, "plan", "--detailed-exitcode").code == 0
    again = here(root, "rerun", "hello", "--json")
    assert again.code == 0, again.err
    (result,) = again.document["results"]
    assert result["status"] == "finished"


def test_serve_says_which_port_is_taken(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        served = here(root, "serve", "--port", str(port))
    assert served.code == 1
    assert f"the engine cannot run: port {port}: Address already in use" in served.err
