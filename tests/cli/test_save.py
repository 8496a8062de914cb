"""`save` end to end: outputs of finished jobs lie where their specs say, and no job is run for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sieve_jobs.state.sqlite import open_store
from sieve_jobs.state.writes import JobSaved, PutEntry
from tests.cloud import Cloud, Fault, Outcome
from tests.forked import started
from tests.project import Project, ran, write

FILE = {"url": "{url}/files/a/cut.mp4"}
CUT = "/files/a/cut.mp4" * 64
SPEC = "function: sieve/dubbing\ninputs: {width: 1}\nsave: {to: out/intro/}\n"


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud.running() as running:
        running.script.outcomes = [Outcome(outputs=[FILE, {"score": 0.9}])]
        yield running


@pytest.fixture
def project(tmp_path: Path, cloud: Cloud) -> Project:
    made = Project(tmp_path / "p", cloud.url)
    made.write("intro.yaml", SPEC)
    return made


def out(project: Project, folder: str = "out/intro") -> dict[str, str]:
    """What lies in a folder, hidden files included."""
    root = project.root / folder
    return {path.name: path.read_text() for path in sorted(root.iterdir())} if root.exists() else {}


SAVED = {"0.mp4": CUT, "1.json": '{\n  "score": 0.9\n}\n'}


def settled(project: Project, cloud: Cloud, jobs: int = 1) -> None:
    """Nothing is left to do, and no more jobs ran than that."""
    planned = project.remote("plan", "--json", "--detailed-exitcode")
    assert (planned.code, planned.document["notices"]) == (0, [])
    calls = len(cloud.requests)
    assert project.apply().code == 0
    assert len(cloud.requests) == calls
    assert len(cloud.pushes) == jobs


def test_outputs_lie_where_the_spec_says_once_apply_is_done(project: Project, cloud: Cloud) -> None:
    applied = project.apply()
    assert applied.code == 0, applied.all
    assert out(project) == SAVED
    assert "out/intro/0.mp4" in applied.out
    assert "1 saved" in applied.out
    assert cloud.url not in applied.out
    entry = project.remote("state", "show", "intro").document["entry"]
    assert entry["saved"]["complete"]
    assert [(file["path"], file["size"], file["sha256"]) for file in entry["saved"]["files"]] == [
        (f"out/intro/{name}", len(text), hashlib.sha256(text.encode()).hexdigest()) for name, text in SAVED.items()
    ]
    settled(project, cloud)


def test_the_document_lists_the_paths(project: Project) -> None:
    (row,) = project.apply("--json").document["results"]
    assert row["saved"] == ["out/intro/0.mp4", "out/intro/1.json"]
    assert project.remote("show", "intro", "--json").document["entry"]["saved"]["complete"]
    assert "out/intro/0.mp4  1.0 kB" in project.remote("show", "intro", "--offline").out
    assert "    out/intro/0.mp4  1.0 kB" in project.remote("outputs", "intro").out
    assert [each["path"] for each in project.remote("outputs", "intro", "--json").document["saved"]] == row["saved"]


@pytest.mark.parametrize("verb", [("apply", "--yes"), ("apply", "--continue"), ("wait",)], ids=" ".join)
def test_a_job_that_was_left_is_saved_by_whoever_follows_it(
    project: Project, cloud: Cloud, verb: tuple[str, ...]
) -> None:
    cloud.script.outcomes[0].polls = -1
    detached = project.apply("--detach")
    assert detached.code == 0
    assert out(project) == {}
    cloud.finish(cloud.jobs[0].id)
    followed = project.remote(*verb)
    assert followed.code == 0, followed.all
    assert out(project) == SAVED
    settled(project, cloud)


def test_a_job_whose_end_was_only_seen_is_due(project: Project, cloud: Cloud) -> None:
    cloud.script.outcomes[0].polls = -1
    assert project.apply("--detach").code == 0
    cloud.finish(cloud.jobs[0].id)
    assert "finished, not saved" in project.remote("status").out
    planned = project.remote("plan", "--detailed-exitcode")
    assert planned.code == 0
    assert "1 to save" in planned.out
    assert project.remote("apply", "--continue").code == 0
    assert out(project) == SAVED
    settled(project, cloud)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(Fault(status=403, route="file"), "SJ195", id="403"),
        pytest.param(Fault(status=500, route="job", times=-1), "SJ195", id="the job cannot be read"),
    ],
)
def test_a_failed_save_is_exit_4_and_tried_again_without_a_second_job(
    project: Project, cloud: Cloud, fault: Fault, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sieve_jobs.push.client.backoff", lambda attempt: 0.0)
    cloud.script.outcomes[0].polls = 0
    cloud.script.faults = [fault]
    applied = project.apply("--json")
    assert applied.code == 4, applied.all
    assert code in [problem["code"] for problem in applied.document["diagnostics"]]
    (row,) = applied.document["results"]
    assert (row["status"], row["saved"]) == ("finished", [])
    assert "could not save" in row["error"]
    assert out(project) == {}
    cloud.script.faults = []
    again = project.remote("apply", "--continue", "--json")
    assert again.code == 0, again.all
    assert [(each["reason"], len(each["saved"])) for each in again.document["results"]] == [("unsaved", 2)]
    assert out(project) == SAVED
    settled(project, cloud)


def test_a_deleted_output_alone_is_fetched_again(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    kept = project.root / "out/intro/1.json"
    before = kept.stat()
    (project.root / "out/intro/0.mp4").unlink()
    planned = project.remote("plan", "--json", "--detailed-exitcode")
    assert (planned.code, [notice["reason"] for notice in planned.document["notices"]]) == (0, ["unsaved"])
    assert project.apply().code == 0
    assert out(project) == SAVED
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    settled(project, cloud)


def test_what_is_gone_everywhere_is_said_and_never_pushed_by_itself(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    (project.root / "out/intro/0.mp4").unlink()
    cloud.forget(cloud.jobs[0].id)
    for _ in range(2):
        said = project.apply()
        assert said.code == 4
        assert "SJ197" in said.err
        assert "sieve-jobs rerun intro -t prod" in said.err
    assert len(cloud.pushes) == 1
    assert project.remote("rerun", "intro", "--yes").code == 0
    assert out(project) == SAVED
    settled(project, cloud, jobs=2)


def test_another_folder_saves_again_and_runs_nothing(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    project.write("intro.yaml", SPEC.replace("out/intro/}", "out/new, as: '{name}-{index}{ext}'}"))
    planned = project.remote("plan", "--detailed-exitcode")
    assert planned.code == 0
    assert "1 to save" in planned.out
    assert project.apply().code == 0
    assert out(project, "out/new") == {f"intro-{name}": text for name, text in SAVED.items()}
    assert out(project) == SAVED
    settled(project, cloud)


def test_a_spec_that_begins_to_save_fetches_what_its_job_gave(project: Project, cloud: Cloud) -> None:
    project.write("intro.yaml", SPEC.rpartition("save:")[0])
    assert project.apply().code == 0
    assert out(project) == {}
    project.write("intro.yaml", SPEC)
    assert project.apply().code == 0
    assert out(project) == SAVED
    settled(project, cloud)
    project.write("intro.yaml", SPEC.rpartition("save:")[0])
    assert project.apply().code == 0
    (project.root / "out/intro/0.mp4").unlink()
    settled(project, cloud)


def test_a_new_job_replaces_what_the_one_before_left(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    cloud.script.files["/files/a/cut.mp4"] = "another cut"
    project.write("intro.yaml", SPEC.replace("width: 1", "width: 2"))
    assert project.apply().code == 0
    assert out(project) == {**SAVED, "0.mp4": "another cut"}
    settled(project, cloud, jobs=2)


def test_a_foreign_file_in_the_way_is_left_alone(project: Project, cloud: Cloud) -> None:
    write(project.root, {"out/intro/0.mp4": "mine"})
    said = project.apply()
    assert said.code == 4
    assert "'out/intro/0.mp4' is in the way" in said.err
    assert "SJ196" in said.err
    assert out(project) == {"0.mp4": "mine"}
    (project.root / "out/intro/0.mp4").unlink()
    assert project.apply().code == 0
    assert out(project) == SAVED
    settled(project, cloud)


def test_an_equal_file_in_the_way_is_taken(project: Project, cloud: Cloud) -> None:
    write(project.root, {"out/intro/0.mp4": CUT})
    os.utime(project.root / "out/intro/0.mp4", (0, 0))
    assert project.apply().code == 0
    assert out(project) == SAVED
    assert (project.root / "out/intro/0.mp4").stat().st_mtime == 0
    settled(project, cloud)


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_file_in_the_way_is_left_alone(project: Project, kind: str) -> None:
    place, mine = project.root / "out/intro/0.mp4", project.root / "mine"
    place.parent.mkdir(parents=True)
    mine.write_text("mine")
    if kind == "link":
        place.symlink_to(mine)
    else:
        place.mkdir()
    assert project.apply().code == 4
    assert (mine.read_text(), place.is_symlink() or place.is_dir()) == ("mine", True)


def test_a_folder_that_leads_out_of_the_project_is_refused(project: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project.root / "out").symlink_to(elsewhere)
    said = project.apply()
    assert said.code == 4
    assert "leads out of the project" in said.err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    "pattern", ["../esc/{index}{ext}", "{root}/esc/{index}{ext}", ".git/{index}{ext}", "out/../../esc/{index}{ext}"]
)
def test_nothing_is_written_outside_whatever_the_state_says(project: Project, tmp_path: Path, pattern: str) -> None:
    assert project.apply().code == 0
    with open_store(project.root / ".sieve-jobs" / "prod.db") as store:
        entry = store.get(["intro"])["intro"]
        astray = replace(entry, save=pattern.replace("{root}", str(tmp_path)), saved=None)
        store.commit([PutEntry(astray)], store.load().header.serial)
    before = sorted(tmp_path.rglob("*"))
    said = project.apply()
    assert (said.code, "leads out of the project" in said.err) == (4, True), said.all
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before] == []


def test_a_change_taken_back_puts_its_own_outputs_there_again(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    first = cloud.jobs[0]
    project.write("intro.yaml", SPEC.replace("width: 1", "width: 2"))
    cloud.script.files["/files/a/cut.mp4"] = "another cut"
    assert project.apply().code == 0
    del cloud.script.files["/files/a/cut.mp4"]
    project.write("intro.yaml", SPEC)
    back = project.apply("--json")
    assert (back.code, back.document["summary"]["reused"]) == (0, 1)
    assert out(project) == SAVED
    assert project.remote("state", "show", "intro").document["entry"]["job_id"] == first.id
    settled(project, cloud, jobs=2)


@pytest.mark.parametrize("kept", [True, False], ids=["saved outputs are there", "nor are the saved outputs"])
def test_taken_back_when_the_far_side_forgot_the_job(project: Project, cloud: Cloud, kept: bool) -> None:
    by_job = SPEC.replace("out/intro/}", "out/intro, as: '{job}/{index}{ext}'}")
    project.write("intro.yaml", by_job)
    assert project.apply().code == 0
    project.write("intro.yaml", by_job.replace("width: 1", "width: 2"))
    assert project.apply().code == 0
    first = cloud.jobs[0].id
    cloud.forget(first)
    if not kept:
        (project.root / "out/intro" / first / "0.mp4").write_text("edited")
    project.write("intro.yaml", by_job)
    back = project.apply("--json")
    assert back.code == 0, back.all
    expected = ("reuse", "reused") if kept else ("push", "result_gone")
    assert [(row["action"], row["reason"]) for row in back.document["results"]] == [expected]
    settled(project, cloud, jobs=2 if kept else 3)


def test_what_a_forgotten_job_left_is_no_foreign_file(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    (project.root / "jobspecs/intro.yaml").unlink()
    assert project.apply("--allow-removals").code == 0
    cloud.forget(cloud.jobs[0].id)
    (project.root / "out/intro/1.json").unlink()
    cloud.script.files["/files/a/cut.mp4"] = "another cut"
    project.write("intro.yaml", SPEC)
    back = project.apply("--json")
    assert back.code == 0, back.all
    assert [(row["action"], row["reason"]) for row in back.document["results"]] == [("push", "result_gone")]
    assert out(project) == {**SAVED, "0.mp4": "another cut"}
    settled(project, cloud, jobs=2)


def test_a_fresh_runner_with_an_empty_disk_has_nothing_to_do(project: Project, cloud: Cloud, tmp_path: Path) -> None:
    """The state is shared, the disk is not: what another folder saved is neither missing nor fetched."""
    state = tmp_path / "shared" / "prod.db"
    project.configure(f'state = "{state}"')
    assert project.apply().code == 0
    runner = Project(tmp_path / "runner", cloud.url, f'state = "{state}"')
    runner.write("intro.yaml", SPEC)
    (runner.root / ".sieve-jobs").mkdir(mode=0o700)
    (runner.root / ".sieve-jobs/key").write_bytes((project.root / ".sieve-jobs/key").read_bytes())
    (runner.root / ".sieve-jobs/key").chmod(0o600)
    settled(runner, cloud)
    assert out(runner) == {}
    (project.root / "out/intro/0.mp4").unlink()
    settled(runner, cloud)
    assert "1 to save" in project.remote("plan").out


def test_names_that_clash_are_told_before_anything_is_written(project: Project, cloud: Cloud) -> None:
    project.write("intro.yaml", SPEC.replace("out/intro/}", "out/intro, as: 'same.json'}"))
    cloud.script.outcomes = [Outcome(outputs=["a", "b"])]
    said = project.apply()
    assert said.code == 4
    assert "two outputs would be saved as 'out/intro/same.json'" in said.err
    assert out(project) == {}
    project.write("intro.yaml", SPEC)
    assert project.apply().code == 0
    assert out(project) == {"0.json": '"a"\n', "1.json": '"b"\n'}
    settled(project, cloud)


def test_a_run_killed_in_the_middle_of_a_save_is_finished_by_the_next(project: Project, cloud: Cloud) -> None:
    count = 4
    for index in range(count):
        text = f"function: a/b\ninputs: {{width: {index}}}\nsave: out/{index}\n"
        project.write(f"s{index}.yaml", text)
    (project.root / "jobspecs/intro.yaml").unlink()
    cloud.script.outcomes = [Outcome(outputs=[{"url": f"{{url}}/files/{n}.bin"} for n in range(3)])]
    cloud.script.faults = [Fault("hang", route="file", match="/files/1.bin", times=-1)]
    with started(project.root, "apply", "-t", "prod", "--yes") as process:
        cloud.wait_for(lambda seen: sum("/files/1.bin" in request.target for request in seen.requests) > 1)
        process.kill()
        process.wait()
    for index in range(count):
        assert not [name for name in out(project, f"out/{index}") if not name.startswith(".sieve-jobs-")]
    cloud.script.faults = []
    for path in project.root.rglob(".sieve-jobs-*.part"):
        os.utime(path, (0, 0))
    assert project.apply().code == 0
    for index in range(count):
        assert out(project, f"out/{index}") == {f"{n}.bin": f"/files/{n}.bin" * 64 for n in range(3)}
    settled(project, cloud, jobs=count)


def died_before_the_last_record(project: Project) -> None:
    """Leaves the state as a run does that is killed once files were put in their place, or just before."""
    with open_store(project.root / ".sieve-jobs/prod.db") as store:
        entry = store.get(["intro"])["intro"]
        assert entry.saved is not None
        store.commit([JobSaved(entry.job_id, replace(entry.saved, complete=False))], None)


def test_what_lies_there_already_is_not_fetched_again(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    died_before_the_last_record(project)
    cloud.forget(cloud.jobs[0].id)
    fetched = [request.target for request in cloud.requests if request.route == "file"]
    assert project.apply().code == 0
    assert [request.target for request in cloud.requests if request.route == "file"] == fetched
    settled(project, cloud)


def test_what_a_killed_run_put_there_is_no_foreign_file(project: Project, cloud: Cloud) -> None:
    assert project.apply().code == 0
    died_before_the_last_record(project)
    (project.root / "out/intro/1.json").unlink()
    cloud.script.files["/files/a/cut.mp4"] = "another cut"
    project.write("intro.yaml", SPEC.replace("width: 1", "width: 2"))
    assert project.apply().code == 0
    assert out(project) == {**SAVED, "0.mp4": "another cut"}
    settled(project, cloud, jobs=2)


def test_names_of_two_specs_that_turn_out_to_be_one(project: Project, cloud: Cloud) -> None:
    project.write("intro.yaml", SPEC)
    project.write("outro.yaml", SPEC.replace("1", "2").replace("out/intro/}", "out/intro, as: '{stem}{ext}'}"))
    cloud.script.outcomes = [
        Outcome(match='"width":2', outputs=[{"url": "{url}/files/b/0.mp4"}]),
        Outcome(outputs=[FILE]),
    ]
    said = project.apply()
    assert said.code == 4
    assert "SJ196" in said.err
    assert out(project)["0.mp4"] in (CUT, "/files/b/0.mp4" * 64)
    assert project.apply().code == 4
    assert len(cloud.pushes) == 2


def test_ctrl_c_in_the_middle_leaves_nothing_half(project: Project, cloud: Cloud) -> None:
    cloud.script.faults = [Fault("hang", route="file", times=-1)]
    with started(project.root, "apply", "-t", "prod", "--yes") as process:
        cloud.wait_for(lambda seen: any(request.route == "file" for request in seen.requests))
        process.send_signal(2)
        assert process.wait(30) == 130
    assert out(project) == {}
    cloud.script.faults = []
    assert project.apply().code == 0
    assert out(project) == SAVED
    settled(project, cloud)


FUNCTION = """
from pathlib import Path
from sieve_jobs import sdk as sieve

@sieve.function(name="cuts")
def cuts(n: int):
    for index in range(n):
        path = Path(f"cut-{index}.txt")
        path.write_text("x" * (index + 1))
        yield sieve.File(path=str(path.absolute())), {"at": index}
"""


def test_the_engine_s_outputs_are_saved_too(tmp_path: Path) -> None:
    root, environ = tmp_path / "p", {"PATH": os.environ["PATH"]}
    root.mkdir()
    assert ran(root, "init").code == 0
    write(root, {"functions/cuts.py": FUNCTION})
    write(root, {"jobspecs/cuts.yaml": "function: me/cuts\ninputs: {n: 2}\nsave: out/cuts\n"})
    applied = ran(root, "apply", environ=environ)
    assert applied.code == 0, applied.err
    found = {path.name: path.read_text() for path in (root / "out/cuts").iterdir()}
    assert {name: found[name] for name in ("0-0.txt", "1-0.txt")} == {"0-0.txt": "x", "1-0.txt": "xx"}
    assert '"file": "1-0.txt"' in found["1.json"]
    (root / "out/cuts/1.json").unlink()
    assert ran(root, "apply", environ=environ).code == 0
    assert (root / "out/cuts/1.json").read_text() == found["1.json"]
