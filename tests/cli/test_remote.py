"""Verbs against a stand-in for the cloud: consent, keys, guards, following, and what each answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud import Cloud, Fault, Outcome, Script
from tests.project import KEY, Ran, project, ran, remote_config, spec

SECRET_SPEC = "function: sieve/dubbing\nenv: {OPENAI_API_KEY: '${OPENAI_API_KEY}', B: '${B_TOKEN}'}\n"


@pytest.fixture
def root(tmp_path: Path, cloud: Cloud) -> Path:
    specs = {"a.yaml": spec(width=1), "shows/b.yaml": spec(width=2), "shows/c.yaml": spec(width=3)}
    return project(tmp_path / "p", specs, remote_config(cloud.url))


def remote(root: Path, *arguments: str, **environ: str) -> Ran:
    return ran(root, *arguments, "-t", "prod", environ={"SIEVE_API_KEY": Cloud.key, **environ})


def test_without_consent_nothing_is_sent(root: Path, cloud: Cloud) -> None:
    for environ in ({}, {"CI": "true"}):
        config = root / "sieve-jobs.toml"
        config.write_text(remote_config(cloud.url, 'state = "kept/prod.db"'))
        said = remote(root, "apply", **environ)
        assert said.code == 6
        assert "3 pushes on 'prod' without consent" in said.err
        assert "--yes" in said.err
    assert remote(root, "apply", "--json").document["exit_code"] == 6
    assert cloud.requests == []


def test_in_ci_a_remote_state_must_outlive_the_runner(root: Path, cloud: Cloud) -> None:
    for verb in (["plan"], ["apply", "--yes"], ["status"]):
        said = remote(root, *verb, CI="true")
        assert said.code == 3
        assert "[targets.prod]" in said.err
        assert 'state = "' in said.err
    assert cloud.requests == []


def test_without_a_key_nothing_is_sent_and_the_variable_is_named(root: Path, cloud: Cloud) -> None:
    said = ran(root, "apply", "-y", "-t", "prod", environ={})
    assert said.code == 3
    assert "SIEVE_API_KEY" in said.err
    assert cloud.requests == []


def test_every_missing_secret_is_named_and_nothing_is_sent(root: Path, cloud: Cloud) -> None:
    (root / "jobspecs" / "s.yaml").write_text(SECRET_SPEC)
    said = remote(root, "apply", "--yes", "--json")
    assert said.code == 3
    assert "${OPENAI_API_KEY}" in said.err
    assert "${B_TOKEN}" in said.err
    assert [found["code"] for found in said.document["diagnostics"]] == ["SJ171"]
    assert cloud.requests == []
    assert remote(root, "plan").code == 0


def test_a_narrowed_apply_pushes_what_its_words_mean(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes", "shows/*").code == 0
    assert len(cloud.pushes) == 2
    assert remote(root, "apply", "--yes", "jobspecs/a.yaml").code == 0
    assert len(cloud.pushes) == 3


def test_paths_are_seen_from_the_folder_one_stands_in(root: Path) -> None:
    said = ran(root / "jobspecs" / "shows", "plan", "--json", "b.yaml", "-t", "prod")
    assert [change["name"] for change in said.document["changes"]] == ["shows/b"]


def test_detach_status_wait(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    pushed = remote(root, "apply", "--yes", "--detach", "--json")
    assert pushed.code == 0
    assert [row["name"] for row in pushed.document["still_running"]] == ["a", "shows/b", "shows/c"]
    assert remote(root, "wait", "--timeout", "0s").code == 8
    for job in cloud.jobs:
        cloud.finish(job.id)
    offline = remote(root, "status", "--offline", "--json").document["jobs"]
    assert {job["status"] for job in offline} == {"queued"}
    assert {job["status"] for job in remote(root, "status", "--json").document["jobs"]} == {"finished"}
    assert {job["status"] for job in remote(root, "status", "--offline", "--json").document["jobs"]} == {"finished"}
    waited = remote(root, "wait", "a", "--json")
    assert (waited.code, waited.document["jobs"][0]["status"]) == (0, "finished")
    assert remote(root, "wait").code == 0


def test_plan_refresh_asks_and_writes_nothing(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    assert remote(root, "apply", "--yes", "--detach").code == 0
    calls = len(cloud.requests)
    state = root / ".sieve-jobs" / "prod.db"
    before = state.read_bytes()
    assert remote(root, "plan").code == 0
    assert len(cloud.requests) == calls
    assert remote(root, "plan", "--refresh").code == 0
    assert len(cloud.requests) > calls
    assert state.read_bytes() == before


def test_cancel(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    assert remote(root, "apply", "--yes", "--detach").code == 0
    said = remote(root, "cancel", "shows/*", "--json")
    assert said.code == 0
    assert {job["name"]: job["status"] for job in said.document["jobs"]} == {
        "shows/b": "cancelled",
        "shows/c": "cancelled",
    }
    assert sorted(job.status for job in cloud.jobs) == ["cancelled", "cancelled", "queued"]
    again = remote(root, "cancel", "shows/b")
    assert (again.code, "had ended before" in again.out) == (0, True)
    assert remote(root, "status", "--exit-code", "--offline", "shows/b").code == 4


def test_a_failed_job_is_shown_with_its_reason_its_log_and_the_way_to_run_it_again(root: Path, cloud: Cloud) -> None:
    error = "Traceback (most recent call last):\n  File x\nValueError: no \x1b[31mface"
    cloud.script.outcomes.append(Outcome('"width":2', "error", error=error, logs=["frame 1", "::error::frame 2"]))
    said = remote(root, "apply", "--yes")
    assert said.code == 4
    text = said.out + said.err
    assert "ValueError: no \\x1b[31mface" in text
    assert "frame 1" in text
    assert "\n::error::" not in text
    assert "sieve-jobs rerun shows/b -t prod" in text
    assert "\x1b" not in text
    assert remote(root, "apply", "--yes").code == 0
    assert remote(root, "status", "--exit-code").code == 4
    rerun = remote(root, "rerun", "shows/b", "--yes", "--json")
    assert [row["reason"] for row in rerun.document["results"]] == ["rerun"]


def test_rerun_on_a_remote_target_needs_consent_too(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    assert remote(root, "rerun", "a").code == 6
    assert len(cloud.pushes) == 3


def test_more_pushes_than_allowed_are_refused_with_the_flag_that_lifts_it(root: Path, cloud: Cloud) -> None:
    (root / "sieve-jobs.toml").write_text(remote_config(cloud.url, "max_pushes = 2"))
    said = remote(root, "apply", "--yes")
    assert said.code == 6
    assert "--max-pushes 3" in said.err
    assert cloud.requests == []
    assert remote(root, "apply", "--yes", "--max-pushes", "3").code == 0


def test_an_invalid_spec_in_the_selection_stops_it_and_one_outside_does_not(root: Path, cloud: Cloud) -> None:
    (root / "jobspecs" / "bad.yaml").write_text("function: 3\n")
    for words in ([], ["bad"], ["jobspecs/bad.yaml"], ["*"], ["jobspecs"]):
        said = remote(root, "apply", "--yes", *words)
        assert said.code == 3, words
        assert "jobspecs/bad.yaml:1:11" in said.err
    assert cloud.requests == []
    assert remote(root, "apply", "--yes", "a", "shows/*").code == 0
    assert len(cloud.pushes) == 3


def test_logs_and_outputs(root: Path, cloud: Cloud) -> None:
    files = [{"url": "{url}/files/clip.mp4"}, {"en": {"url": "{url}/files/clip.mp4"}, "n": 1}, "text"]
    cloud.script.outcomes.append(Outcome(outputs=files, logs=["one", "two \x1b]0;x\x07", "t0ken-canary"]))
    assert remote(root, "apply", "--yes").code == 0
    logs = remote(root, "logs", "a", B_TOKEN="t0ken-canary")
    assert logs.out.splitlines()[:2] == ["one", "two \\x1b]0;x\\x07"]
    assert "canary" not in logs.out
    assert [row["message"] for row in remote(root, "logs", "a", "--json").document["logs"]][:1] == ["one"]
    assert remote(root, "logs", "a", "--follow").out.startswith("one\n")
    outputs = remote(root, "outputs", "a", "--json").document["outputs"]
    assert outputs[0]["data"]["url"] == f"{cloud.url}/files/clip.mp4"
    shown = remote(root, "outputs", "a").out
    assert "/files/clip.mp4" in shown
    assert '"text"' in shown


def test_downloads_that_fail_leave_nothing_and_are_told(root: Path, cloud: Cloud, tmp_path: Path) -> None:
    cloud.script.outcomes.append(Outcome(outputs=[{"url": "{url}/nothing/here.mp4"}]))
    assert remote(root, "apply", "--yes").code == 0
    said = remote(root, "outputs", "a", "--download", str(tmp_path / "out"))
    assert said.code == 1
    assert "could not save 'here.mp4'" in said.err
    assert "0 of 1 files are saved" in said.err
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("verb", ["rerun", "wait", "resolve"])
def test_every_verb_that_takes_time_tells_events(root: Path, cloud: Cloud, verb: str) -> None:
    cloud.script.outcomes.append(Outcome(polls=1))
    if verb == "resolve":
        cloud.script.faults.append(Fault(status=500))
    remote(root, "apply", "--yes", "--detach", "a")
    words = {"rerun": ["a", "--yes"], "wait": [], "resolve": ["a", "--push"]}[verb]
    said = remote(root, verb, *words, "--events")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 0, said.err
    assert [line["status"] for line in lines if line["event"] == "status"][-1] == "finished"
    assert lines[-1]["event"] == "result"
    for row in [*lines[-1].get("results", ()), *lines[-1].get("jobs", ())]:
        assert (row["name"], row["status"]) == ("a", "finished")
    assert remote(root, verb, *words, "--events", "--json").code == 64
    assert ran(root, "--json", verb, *words, "--events", "-t", "prod").code == 64


def test_events_are_lines_of_json_that_end_with_the_result(root: Path, cloud: Cloud) -> None:
    said = remote(root, "apply", "--yes", "--events")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 0
    assert {"pushing", "pushed", "status"} <= {line["event"] for line in lines}
    assert lines[-1]["event"] == "result"
    assert lines[-1]["summary"]["pushed"] == 3


def test_a_push_in_doubt_is_listed_and_dropped(root: Path, cloud: Cloud) -> None:
    cloud.script.faults.append(Fault(status=500, match='"width":2'))
    held = remote(root, "apply", "--yes", "a", "shows/b")
    assert held.code == 5
    assert "sieve-jobs resolve shows/b -t prod" in held.err
    listed = remote(root, "resolve", "--json")
    assert (listed.code, [row["name"] for row in listed.document["in_doubt"]]) == (5, ["shows/b"])
    assert "shows/b" in remote(root, "resolve").out
    assert "? shows/b  held" in held.out
    assert "1 pushed, 1 in doubt" in held.out
    assert "not pushed" not in held.out
    assert "1 push is in doubt" in remote(root, "status").err
    assert "resolve shows/b -t prod --adopt ID | --push | --drop" in remote(root, "explain", "shows/b").out
    assert "no push of 'a' is in doubt" in remote(root, "resolve", "a", "--push").err
    assert remote(root, "state", "rm", "a").code == 0
    assert remote(root, "resolve", "nope", "--drop").code == 64
    assert remote(root, "resolve", "shows/b", "--adopt", "no-such-job").code == 1
    dropped = remote(root, "resolve", "--all", "--drop")
    assert dropped.code == 0
    assert "− shows/b  dropped" in dropped.out
    assert "1 dropped" in dropped.out
    assert remote(root, "resolve").code == 0


def test_a_job_in_doubt_is_adopted_by_its_id(root: Path, cloud: Cloud) -> None:
    cloud.script.faults.append(Fault(status=500, match='"width":2', created=True))
    cloud.script.lag_until_told = True
    assert remote(root, "apply", "--yes", "a", "shows/b").code == 5
    (job,) = [job for job in cloud.jobs if job.pushed["inputs"]["width"] == 2]
    said = remote(root, "resolve", "shows/b", "--adopt", job.id, "--json")
    assert said.code == 0, said.err
    assert remote(root, "plan", "shows/b", "--detailed-exitcode").code == 0


def test_state_verbs(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    assert [entry["name"] for entry in remote(root, "state", "list", "--json").document["entries"]] == [
        "a",
        "shows/b",
        "shows/c",
    ]
    assert "shows/b" in remote(root, "state", "list", "shows/*").out
    shown = remote(root, "state", "show", "a").document
    assert shown["entry"]["status"] == "finished"
    exported = remote(root, "state", "export").document
    assert (exported["endpoint"], len(exported["entries"])) == (cloud.url, 3)
    assert remote(root, "state", "rm", "a", "--json").document["removed"] == ["a"]
    assert remote(root, "state", "show", "a").code == 64
    planned = remote(root, "plan", "--json").document
    assert planned["summary"]["reuse"] == 1


def test_show_and_explain(root: Path, cloud: Cloud) -> None:
    before = remote(root, "explain", "a")
    assert (before.code, "would be pushed" in before.out) == (0, True)
    assert remote(root, "apply", "--yes").code == 0
    assert remote(root, "explain", "a", "--json").document["action"] == "nothing"
    shown = remote(root, "show", "a")
    assert "finished" in shown.out
    assert remote(root, "show", "a", "--json").document["outputs"] is not None
    assert remote(root, "show", "a", "--offline", "--json").document["outputs"] is None


def test_a_spec_that_is_gone_is_explained(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    (root / "jobspecs" / "a.yaml").unlink()
    assert "no longer among the specs" in remote(root, "explain", "a").out


def test_doctor(root: Path, cloud: Cloud) -> None:
    fine = remote(root, "doctor", "--json", HTTPS_PROXY="http://user:canary@proxy:3128")
    assert fine.code == 0, fine.out
    assert {row["check"] for row in fine.document["checks"]} >= {"config", "state", "far side", "clock", "proxies"}
    assert "canary" not in fine.out
    wrong = remote(root, "doctor", SIEVE_API_KEY="wr0ng-canary")
    assert wrong.code == 1
    assert "far side" in wrong.out
    assert "canary" not in wrong.out + wrong.err
    assert ran(root, "doctor", "-t", "prod").code == 1
    (root / "sieve-jobs.toml").write_text("[wat]\n")
    assert "unknown key 'wat'" in remote(root, "doctor").out


def test_a_clock_that_is_wrong_is_found(tmp_path: Path) -> None:
    with Cloud.running(Script(clock_offset=-7200)) as cloud:
        root = project(tmp_path / "p", {"a.yaml": spec()}, remote_config(cloud.url))
        said = remote(root, "doctor", "--json")
    assert said.code == 1
    assert [row["check"] for row in said.document["checks"] if not row["ok"]] == ["clock"]


def test_a_held_lock_names_its_holder_and_sends_nothing(root: Path, cloud: Cloud) -> None:
    from datetime import UTC, datetime

    from sieve_jobs.state.folder import ensure_folder
    from sieve_jobs.state.lock import hold, this_process

    folder = ensure_folder(root)
    owner = this_process("apply -t prod", {"USER": "ada"}, datetime.now(UTC))
    with hold(folder / "prod.lock", owner=owner, timeout=0):
        said = remote(root, "apply", "--yes")
        assert said.code == 7
        assert "ada" in said.err
        assert remote(root, "plan").code == 0
        assert remote(root, "state", "rm", "a").code == 7
    assert cloud.requests == []


def test_the_key_alone_does_not_choose_the_cloud(root: Path, cloud: Cloud) -> None:
    said = ran(root, "plan", environ=KEY)
    assert "target local" in said.out
    assert "-t prod" in said.err
    by_url = ran(project(root.parent / "q", {"a.yaml": spec()}), "plan", environ={**KEY, "SIEVE_API_URL": cloud.url})
    assert "target env" in by_url.out
    assert cloud.requests == []


def test_continue_goes_on_and_starts_nothing(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    assert remote(root, "apply", "--yes", "--detach", "a").code == 0
    (job,) = cloud.jobs
    cloud.finish(job.id)
    said = remote(root, "apply", "--continue", "--json")
    assert said.code == 0, said.err
    assert [(row["name"], row["status"]) for row in said.document["results"]] == [("a", "finished")]
    assert [notice["text"] for notice in said.document["notices"]] == [
        "--continue begins nothing: 2 specs are due (2 to push): 'shows/b', 'shows/c'"
    ]
    assert len(cloud.pushes) == 1


def test_continue_says_how_much_it_leaves(root: Path, cloud: Cloud) -> None:
    said = remote(root, "apply", "--continue")
    assert said.code == 0
    assert said.out == "nothing to go on with: 3 due, 0 specs unchanged\n"
    assert said.err.endswith(
        "note: --continue begins nothing: 3 specs are due (3 to push): 'a', 'shows/b', 'shows/c'\n"
        "      to begin: sieve-jobs apply -t prod\n"
    )
    assert cloud.requests == []
    assert remote(root, "apply", "--yes", "a").code == 0
    (root / "jobspecs" / "a.yaml").rename(root / "jobspecs" / "d.yaml")
    assert remote(root, "apply", "--continue").out == "nothing to go on with: 3 due, 0 specs unchanged\n"
    assert [entry["name"] for entry in remote(root, "state", "list", "--json").document["entries"]] == ["a"]
    assert remote(root, "apply", "--yes").code == 0
    assert "nothing to do: 3 specs unchanged" in remote(root, "apply", "--continue").out
    assert len(cloud.pushes) == 3


def test_waiting_has_an_end_and_the_jobs_go_on(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    said = remote(root, "apply", "--yes", "--wait", "50ms", "--json", "a")
    assert said.code == 8
    assert [row["name"] for row in said.document["still_running"]] == ["a"]
    assert not [request for request in cloud.requests if request.method == "DELETE"]


def test_removed_specs_are_pruned_when_asked(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    (root / "jobspecs" / "a.yaml").unlink()
    planned = remote(root, "plan", "--prune", "--json").document
    assert [(change["name"], change["prune"]) for change in planned["changes"]] == [("a", "forget")]
    assert remote(root, "apply", "--prune").code == 0
    assert [entry["name"] for entry in remote(root, "state", "list", "--json").document["entries"]] == [
        "shows/b",
        "shows/c",
    ]


def test_cancelling_removed_jobs_needs_consent(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    assert remote(root, "apply", "--yes", "--detach").code == 0
    (root / "jobspecs" / "a.yaml").unlink()
    assert remote(root, "apply", "--prune=cancel", "--detach").code == 6
    assert not [request for request in cloud.requests if request.method == "DELETE"]
    assert remote(root, "apply", "--prune=cancel", "--detach", "--yes").code == 0
    assert [request.route for request in cloud.requests if request.method == "DELETE"] == ["cancel"]


def test_status_of_a_far_side_that_is_away_shows_what_is_known(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(polls=-1))
    assert remote(root, "apply", "--yes", "--detach").code == 0
    cloud.script.faults.append(Fault(status=403, route="job", times=-1))
    said = remote(root, "status", "--json")
    assert said.code == 1
    assert {job["status"] for job in said.document["jobs"]} == {"queued"}
    assert [found["code"] for found in said.document["diagnostics"]] == ["SJ149"]


def test_a_state_path_of_ones_own(root: Path, cloud: Cloud) -> None:
    (root / "sieve-jobs.toml").write_text(remote_config(cloud.url, 'state = "kept/deep/prod.db"'))
    assert remote(root, "apply", "--yes", CI="true").code == 0
    assert (root / "kept" / "deep" / "prod.db").is_file()
    assert not (root / ".sieve-jobs" / "prod.db").exists()
    assert remote(root, "plan", "--detailed-exitcode", CI="true").code == 0


def test_a_problem_that_was_told_as_it_came_is_not_told_twice(root: Path, cloud: Cloud) -> None:
    cloud.script.faults.append(Fault(status=422, match='"width":2', body={"detail": "no such voice"}))
    said = remote(root, "apply", "--yes")
    assert said.code == 1
    assert said.err.count("no such voice") == 1
    assert len(cloud.jobs) == 2


def test_the_key_may_stand_in_dotenv(root: Path, cloud: Cloud) -> None:
    (root / ".env").write_text(f"SIEVE_API_KEY={Cloud.key}\n")
    assert ran(root, "apply", "--yes", "-t", "prod", "a").code == 0
    assert len(cloud.pushes) == 1


def test_where_jobs_are_paid_many_finished_ones_are_not_pushed_again_unasked(root: Path, cloud: Cloud) -> None:
    def write(width: int) -> None:
        for number in range(10):
            (root / "jobspecs" / f"s{number}.yaml").write_text(spec(width=width + number))

    write(1000)
    assert remote(root, "apply", "--yes").code == 0
    write(2000)
    planned = remote(root, "plan", "--json")
    assert planned.code == 0
    assert [each["code"] for each in planned.document["diagnostics"]] == ["SJ132"]
    assert "warning: apply would refuse this: 10 of 13 finished specs would be pushed again" in planned.err
    pushed = len(cloud.pushes)
    refused = remote(root, "apply", "--yes")
    assert (refused.code, len(cloud.pushes)) == (6, pushed)
    assert "SJ132" in refused.err
    assert "--max-pushes 10" in refused.err
    assert remote(root, "apply", "--yes", "--max-pushes", "10").code == 0


def test_what_goes_wrong_beside_the_state_is_said_once(root: Path) -> None:
    (root / ".sieve-jobs").mkdir(mode=0o700)
    (root / ".sieve-jobs" / "backups").write_text("in the way")
    applied = remote(root, "apply", "--yes", "--json")
    assert applied.code == 0, applied.err
    assert applied.document["summary"]["pushed"] == 3
    assert applied.err.count("[SJ158]") == 1
    assert applied.err.startswith("warning: could not back up the state")


def test_of_a_removed_spec_no_bad_end_is_told(root: Path, cloud: Cloud) -> None:
    cloud.script.outcomes.append(Outcome(match='"width":1', status="error", error="ValueError: no face"))
    assert remote(root, "apply", "--yes").code == 4
    (root / "jobspecs" / "a.yaml").unlink()
    said = remote(root, "apply")
    assert said.code == 0
    assert "− a  removed" in said.out
    assert "applied: 1 removed; 2 specs unchanged" in said.out
    assert "rerun a" not in said.out
    assert "ended badly" not in said.out


def test_a_rename_is_explained_from_both_ends(root: Path) -> None:
    assert remote(root, "apply", "--yes").code == 0
    (root / "jobspecs" / "a.yaml").rename(root / "jobspecs" / "z.yaml")
    assert "it asks for what 'a' asked for, and takes its job over" in remote(root, "explain", "z").out
    assert "'z' asks for what it asked for, and takes its job over" in remote(root, "explain", "a").out
    assert remote(root, "explain", "a", "--json").document["action"] == "move"
    (root / "jobspecs" / "bad.yaml").write_text("functoin: x\n")
    assert remote(root, "explain", "z").code == 0
