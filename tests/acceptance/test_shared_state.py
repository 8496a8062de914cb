"""A target whose state lies on a git remote, from several clones: what one bought no other buys again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.shared import REF, Clone, git, make_remote
from tests.cloud import Cloud, Fault, Outcome, Script
from tests.forked import started
from tests.project import Project, spec

SETTLE = 'settle = "1s"'


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud.running(Script()) as running:
        yield running


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return make_remote(tmp_path)


def widths(cloud: Cloud) -> list[int]:
    return sorted(job.pushed["inputs"]["width"] for job in cloud.jobs)


def test_what_one_clone_applied_another_does_not_push(remote: Path, cloud: Cloud) -> None:
    ours, theirs = (Clone.of(remote, name, cloud.url, 3) for name in "ab")
    first = ours.remote("plan")
    assert f"state git {REF} on origin (empty)" in first.out
    assert not (remote / REF).exists()
    applied = ours.apply()
    assert applied.code == 0, applied.all
    header = json.loads(git(remote, "show", f"{REF}:head.json"))
    assert f'in [targets.prod]: lineage = "{header["lineage"]}"' in applied.err
    assert theirs.remote("plan", "--detailed-exitcode").code == 0
    assert theirs.apply().code == 0
    theirs.write("clip-1.yaml", spec(width=100))
    assert theirs.apply().code == 0
    assert widths(cloud) == [0, 1, 2, 100]
    ours.write("clip-1.yaml", spec(width=100))
    assert ours.apply("--json").document["summary"]["unchanged"] == 3
    ours.write("clip-1.yaml", spec(width=1))
    assert ours.apply("--json").document["summary"]["reused"] == 1
    assert widths(cloud) == [0, 1, 2, 100]
    before = git(remote, "rev-parse", REF)
    for verb in (["plan"], ["state", "list"], ["status"], ["state", "show", "clip-0"], ["doctor"]):
        ran = theirs.ran(*verb, "-t", "prod")
        assert ran.code == 0, ran.all
    assert git(remote, "rev-parse", REF) == before


def test_a_project_in_a_subfolder_is_bought_once_and_keeps_its_entries(remote: Path, cloud: Cloud) -> None:
    ours, theirs, fresh = (Clone.of(remote, name, cloud.url, 3, folder="studio/videos") for name in "abc")
    assert ours.apply().code == 0
    assert theirs.apply("--json").document["summary"]["unchanged"] == 3
    theirs.write("clip-1.yaml", spec(width=100))
    assert theirs.apply().code == 0
    assert widths(cloud) == [0, 1, 2, 100]
    assert len(fresh.remote("state", "export").document["entries"]) == 3


def test_two_projects_of_one_repository_share_no_state(remote: Path, cloud: Cloud) -> None:
    ours, theirs = (Clone.of(remote, "studio", cloud.url, 1, folder=folder) for folder in ("videos", "audio"))
    assert ours.apply().code == 0
    theirs.write("clip-0.yaml", spec(width=900))
    for refused in (theirs.remote("plan"), theirs.apply()):
        assert (refused.code, "SJ169" in refused.err) == (1, True)
        assert "belongs to the project in 'videos', not to the one in 'audio'" in refused.err
    assert ours.remote("plan", "--detailed-exitcode").code == 0
    config = theirs.root / "sieve-jobs.toml"
    config.write_text(config.read_text().replace("targets.prod", "targets.audio"))
    assert theirs.ran("apply", "-t", "audio", "--yes").code == 0
    assert widths(cloud) == [0, 900]


def test_a_state_in_use_is_pinned_to_the_lineage_that_it_has(remote: Path, cloud: Cloud) -> None:
    ours, theirs = (Clone.of(remote, name, cloud.url, 1) for name in "ab")
    assert ours.apply().code == 0
    said = ours.ran("init", "--ci", "github", "-t", "prod", "--json").document
    assert not any("new-state" in step for step in said["next"])
    config = (ours.root / "sieve-jobs.toml").read_text()
    lineage = ours.remote("state", "export").document["lineage"]
    assert f'lineage = "{lineage}"' in config
    (theirs.root / "sieve-jobs.toml").write_text(config)
    assert theirs.remote("plan", "--detailed-exitcode").code == 0
    (ours.root / "sieve-jobs.toml").write_text(config.replace(lineage, "ab" * 16))
    for words in (["plan"], ["plan", "--offline"], ["apply", "--yes"], ["doctor"]):
        refused = ours.ran(*words, "-t", "prod")
        assert (refused.code, f"the config says '{'ab' * 16}'" in refused.all) == (1, True), refused.all


def test_a_state_that_cannot_be_asked_for_its_lineage_is_pinned_to_none(remote: Path, cloud: Cloud) -> None:
    clone = Clone.of(remote, "a", cloud.url, 1)
    before = (clone.root / "sieve-jobs.toml").read_text()
    remote.rename(remote.with_name("away.git"))
    refused = clone.ran("init", "--ci", "github", "-t", "prod")
    assert (refused.code, "SJ164" in refused.err) == (1, True)
    assert (clone.root / "sieve-jobs.toml").read_text() == before
    assert not (clone.root / ".github").exists()
    git(clone.root, "remote", "remove", "origin")
    assert clone.ran("init", "--ci", "github", "-t", "prod").code == 0
    assert "lineage = " in (clone.root / "sieve-jobs.toml").read_text()


def test_an_apply_makes_few_pushes(remote: Path) -> None:
    """About one for each round of slots, and one each to begin, to end and to give the lease back."""
    with Cloud.running(Script(outcomes=[Outcome(polls=3)])) as cloud:
        clone = Clone.of(remote, "a", cloud.url, 24, "concurrency = 8")
        ran = clone.apply("--json")
        assert ran.code == 0, ran.all
    commits = git(remote, "log", "--format=%s", REF).splitlines()
    assert len(commits) <= 12, commits
    assert {row["status"] for row in ran.document["results"]} == {"finished"}
    state = clone.remote("state", "export").document
    assert {entry["status"] for entry in state["entries"]} == {"finished"}


def test_an_idle_run_writes_nothing_to_the_remote(remote: Path, cloud: Cloud) -> None:
    clone = Clone.of(remote, "a", cloud.url, 1)
    assert clone.apply().code == 0
    before = git(remote, "rev-parse", REF)
    assert clone.apply().code == 0
    assert git(remote, "rev-parse", REF) == before


@pytest.mark.parametrize("ci", [pytest.param("", id="here", marks=pytest.mark.soak), pytest.param("true", id="in CI")])
def test_a_lost_state_is_refused_and_rebuilt(remote: Path, cloud: Cloud, ci: str) -> None:
    ours = Clone.of(remote, "a", cloud.url, 3)
    assert ours.apply().code == 0
    lineage = ours.remote("state", "export").document["lineage"]
    git(remote, "update-ref", "-d", REF)
    theirs = Clone.of(remote, "b", cloud.url, 4, f'lineage = "{lineage}"')
    refused = theirs.apply(CI=ci)
    assert refused.code == 6
    assert "SJ155" in refused.err
    assert "state adopt" in refused.err
    planned = theirs.remote("plan", CI=ci)
    assert planned.code == 0
    assert "apply will refuse" in planned.out
    seen_before = ours.apply(CI=ci)
    assert (seen_before.code, "SJ162" in seen_before.err) == (1, True)
    assert len(cloud.pushes) == 3
    tried = theirs.ran("state", "adopt", "-t", "prod", "--dry-run", "--json", CI=ci).document
    assert [row["name"] for row in tried["adopted"]] == ["clip-0", "clip-1", "clip-2"]
    assert tried["unmatched"] == ["clip-3"]
    assert not (remote / REF).exists()
    assert theirs.ran("state", "adopt", "-t", "prod", CI=ci).code == 6
    adopted = theirs.ran("state", "adopt", "-t", "prod", "--yes", CI=ci)
    assert adopted.code == 0, adopted.all
    assert len(cloud.pushes) == 3
    assert theirs.apply(CI=ci).code == 0
    assert widths(cloud) == [0, 1, 2, 3]
    assert theirs.remote("state", "export").document["lineage"] == lineage


def test_a_new_state_is_made_under_the_lineage_that_is_pinned(remote: Path, cloud: Cloud) -> None:
    clone = Clone.of(remote, "a", cloud.url, 1, 'lineage = "0123456789abcdef"')
    assert clone.apply().code == 6
    assert not cloud.pushes
    made = clone.apply("--new-state")
    assert made.code == 0, made.all
    assert "apply will refuse" not in made.all
    assert clone.remote("state", "export").document["lineage"] == "0123456789abcdef"
    other = Clone.of(remote, "b", cloud.url, 1, 'lineage = "fedcba9876543210"')
    assert "SJ163" in other.apply().err
    assert len(cloud.pushes) == 1


@pytest.mark.parametrize(
    ("fault", "environ", "said"),
    [
        pytest.param(Fault(status=401, route="jobs", times=-1), {}, "SJ144", id="a key that is not valid"),
        pytest.param(Fault("close", route="jobs", times=-1), {}, "SJ149", id="nobody answers"),
        pytest.param(None, {"SIEVE_API_KEY": ""}, "SJ172", id="no key"),
    ],
)
def test_what_is_refused_before_the_first_push_makes_no_state(
    remote: Path, fault: Fault | None, environ: dict[str, str], said: str
) -> None:
    with Cloud.running(Script(faults=[fault] if fault else [])) as cloud:
        clone = Clone.of(remote, "a", cloud.url, 1)
        refused = clone.apply(**environ)
        assert (refused.code, said in refused.err) == (3 if said == "SJ172" else 1, True), refused.all
        assert not (remote / REF).exists()
        assert not cloud.pushes
        if fault is None:
            return
        cloud.script.faults = []
        assert clone.apply().code == 0


def test_jobs_of_a_run_that_came_first_are_not_those_of_a_lost_state(remote: Path) -> None:
    """A run plans on an empty state; before it has looked at the far side's jobs, another one pushes them."""
    with Cloud.running(Script(faults=[Fault("hold", route="jobs")])) as cloud:
        ours, theirs = (Clone.of(remote, name, cloud.url, 2) for name in "ab")
        with started(ours.root, "apply", "-t", "prod", "--yes") as process:
            cloud.wait_for(lambda seen: any(request.route == "jobs" for request in seen.requests))
            assert theirs.apply().code == 0
            cloud.let_go()
            _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert "another run wrote the state meanwhile; planned again" in err
        assert widths(cloud) == [0, 1]


def test_a_refused_look_leaves_what_the_way_back_needs(remote: Path, cloud: Cloud) -> None:
    """As a person does it who follows the hint: a clone that is refused still has the newest state."""
    ours, theirs = (Clone.of(remote, name, cloud.url, 2) for name in "ab")
    assert ours.apply().code == 0
    git(remote, "update-ref", "-d", REF)
    theirs.write("clip-0.yaml", spec(width=7))
    theirs.write("clip-1.yaml", spec(width=8))
    assert theirs.apply().code == 0
    refused = ours.remote("plan")
    assert (refused.code, "SJ163" in refused.err) == (1, True)
    assert f"'git push --force origin {REF}'" in refused.err
    git(ours.root, "push", "--force", "origin", REF)
    assert ours.remote("plan", "--detailed-exitcode").code == 0


def test_what_adopt_cannot_tell_is_a_persons_to_decide(remote: Path, cloud: Cloud) -> None:
    clone = Clone.of(remote, "a", cloud.url, 3)
    twins = [cloud.add_job({"function": "sieve/dubbing", "inputs": {"width": 0}}) for _ in range(2)]
    failed = cloud.add_job({"function": "sieve/dubbing", "inputs": {"width": 1}})
    cloud.finish(failed.id, "error", "boom")
    guarded = clone.apply()
    assert (guarded.code, "SJ147" in guarded.err) == (6, True)
    assert not (remote / REF).exists()
    ran = clone.ran("state", "adopt", "-t", "prod", "--yes", "--json")
    assert ran.code == 5
    assert ran.document["adopted"] == []
    (unclear,) = ran.document["unclear"]
    assert (unclear["name"], sorted(unclear["job_ids"])) == ("clip-0", sorted(job.id for job in twins))
    assert ran.document["unmatched"] == ["clip-1", "clip-2"]
    wrong = cloud.add_job({"function": "sieve/other", "inputs": {"width": 0}})
    assert clone.ran("state", "adopt", "clip-0", "--job", wrong.id, "-t", "prod", "--yes").code == 64
    chosen = clone.ran("state", "adopt", "clip-0", "--job", twins[0].id, "-t", "prod", "--yes")
    assert chosen.code == 0, chosen.all
    assert clone.apply().code == 0
    assert len(cloud.pushes) == 2


def test_a_state_moves_from_a_file_to_git(remote: Path, cloud: Cloud, tmp_path: Path) -> None:
    clone = Clone.of(remote, "a", cloud.url, 3)
    clone.configure()
    assert clone.apply().code == 0
    clone.write("clip-1.yaml", spec(width=100))
    assert clone.apply().code == 0
    exported = clone.remote("state", "export").out
    (tmp_path / "state.json").write_text(exported)
    clone.configure('state = "git"')
    bad = exported.replace('"status": "finished"', '"status": "done"', 1)
    (tmp_path / "bad.json").write_text(bad)
    refused = clone.ran("state", "import", str(tmp_path / "bad.json"), "-t", "prod")
    assert (refused.code, "SJ167" in refused.err) == (1, True)
    assert not (remote / REF).exists()
    imported = clone.ran("state", "import", str(tmp_path / "state.json"), "-t", "prod")
    assert imported.code == 0, imported.all
    after, before = clone.remote("state", "export").document, json.loads(exported)
    assert after["serial"] == before["serial"] + 1
    assert {key: after[key] for key in ("lineage", "endpoint", "entries", "past", "intents")} == {
        key: before[key] for key in ("lineage", "endpoint", "entries", "past", "intents")
    }
    other = Clone.of(remote, "b", cloud.url, 3)
    other.write("clip-1.yaml", spec(width=100))
    assert other.remote("plan", "--detailed-exitcode").code == 0
    for arguments, needle in ((["--replace"], "older"), ([], "not empty")):
        ran = other.ran("state", "import", str(tmp_path / "state.json"), "-t", "prod", *arguments)
        assert (ran.code, needle in ran.err) == (6, True), ran.all
    (tmp_path / "new.json").write_text(json.dumps({**after, "entries": after["entries"][:1], "past": []}))
    assert other.ran("state", "import", str(tmp_path / "new.json"), "-t", "prod", "--replace").code == 0
    assert len(clone.remote("state", "export").document["entries"]) == 1


def test_an_import_into_a_file_takes_intents_along(cloud: Cloud, tmp_path: Path, remote: Path) -> None:
    with Cloud.running(Script(faults=[Fault("close", created=True)], lag_until_told=True)) as lossy:
        clone = Clone.of(remote, "a", lossy.url, 2)
        assert clone.apply().code == 5
        exported = clone.remote("state", "export").out
        assert len(json.loads(exported)["intents"]) == 1
        project = Project(tmp_path / "file", lossy.url)
        (tmp_path / "state.json").write_text(exported)
        for number in range(2):
            project.write(f"clip-{number}.yaml", spec(width=number))
        assert project.ran("state", "import", str(tmp_path / "state.json"), "-t", "prod").code == 0
        lossy.reveal()
        assert project.apply().code == 0
        assert widths(lossy) == [0, 1]


def test_a_run_elsewhere_is_named_and_waited_for(remote: Path) -> None:
    with Cloud.running(Script(faults=[Fault("hang", match='"width":1')])) as cloud:
        ours, theirs = (Clone.of(remote, name, cloud.url, 2, 'settle = "1s"') for name in "ab")
        page = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "77"}
        with started(ours.root, "apply", "-t", "prod", "--yes", **page) as process:
            cloud.wait_for(lambda seen: any(b'"width":1' in push.body for push in seen.pushes))
            refused = theirs.apply()
            assert refused.code == 7
            assert "'apply -t prod', pid" in refused.err
            assert "https://github.example/a/b/actions/runs/77" in refused.err
            assert "SJ151" in refused.err
            assert theirs.remote("plan").code == 0
            process.kill()
        assert ours.apply().code == 0  # the same folder knows that the holder is dead
        assert widths(cloud) == [0, 1]


def test_a_clone_with_another_key_finishes_what_was_begun(remote: Path) -> None:
    with Cloud.running(Script(faults=[Fault("close", match='"width":1')])) as cloud:
        ours, theirs = (Clone.of(remote, name, cloud.url, 2, settle) for name, settle in (("a", ""), ("b", SETTLE)))
        assert ours.apply(SIEVE_JOBS_STATE_KEY="ab" * 32).code == 5
        ran = theirs.apply("--continue", SIEVE_JOBS_STATE_KEY="cd" * 32)
        assert ran.code == 0, ran.all
        assert "dropped" not in ran.all
        assert widths(cloud) == [0, 1]
        assert theirs.remote("plan", "--detailed-exitcode").code == 0


@pytest.mark.soak
def test_a_killed_run_is_finished_by_another_clone_without_a_hand(remote: Path) -> None:
    with Cloud.running(Script(faults=[Fault("hang", match='"width":1', created=True)])) as cloud:
        ours, theirs = (Clone.of(remote, name, cloud.url, 4, 'settle = "1s"') for name in "ab")
        process = ours.impatient()
        cloud.wait_for(lambda seen: any(b'"width":1' in push.body for push in seen.pushes))
        process.kill()
        assert process.wait(30) == -signal.SIGKILL
        process.communicate()
        other = theirs.impatient("--lock-timeout", "30s")
        _, err = other.communicate(timeout=60)
        assert other.returncode == 0, err
        assert widths(cloud) == [0, 1, 2, 3]
        state = theirs.remote("state", "export").document
        assert {entry["job_id"] for entry in state["entries"]} == {job.id for job in cloud.jobs}
        assert state["intents"] == []


@pytest.mark.parametrize(
    ("refused", "posts"),
    [
        pytest.param(1, 0, id="the lease"),
        pytest.param(2, 0, id="the first intent"),
        pytest.param(3, 1, id="its answer"),
    ],
)
def test_a_remote_that_goes_away_is_said_and_nothing_is_bought_twice(remote: Path, refused: int, posts: int) -> None:
    with Cloud.running(Script()) as cloud:
        clone = Clone.of(remote, "a", cloud.url, 3, 'settle = "1s"')
        away = remote.with_name("away.git")
        remote.rename(away)
        before = clone.apply()
        assert (before.code, "SJ164" in before.err, len(cloud.pushes)) == (1, True, 0)
        away.rename(remote)
        hook = remote / "hooks" / "pre-receive"
        counter = remote / "pushes"
        hook.write_text(f"#!/bin/sh\necho x >> {counter}\n[ $(wc -l < {counter}) -ne {refused} ]\n")
        hook.chmod(0o755)
        meanwhile = clone.apply()
        assert (meanwhile.code, "SJ164" in meanwhile.err) == (1, True), meanwhile.all
        assert len(cloud.pushes) == posts
        hook.unlink()
        after = clone.apply()
        assert after.code == 0, after.all
        assert widths(cloud) == [0, 1, 2]


def test_plan_offline_needs_neither_network_nor_secret(remote: Path, cloud: Cloud) -> None:
    clone = Clone.of(remote, "a", cloud.url, 1)
    assert clone.apply().code == 0
    clone.write("clip-0.yaml", spec(width=5, token="${API_TOKEN}"))
    remote.rename(remote.with_name("away.git"))
    online = clone.remote("plan", SIEVE_API_KEY="")
    assert (online.code, "plan --offline" in online.err) == (1, True)
    ran = clone.remote("plan", "--offline", SIEVE_API_KEY="")
    assert ran.code == 0, ran.all
    assert "offline: the state is as this clone saw it" in ran.out
    assert "1 to push" in ran.out
    assert clone.remote("plan", "--offline", "--refresh").code == 64
