"""`plan --out FILE` and `apply FILE`: what was reviewed is done, or it is stale; odd files are clear errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Ran, project, ran, remote_config, spec


@pytest.fixture
def root(tmp_path: Path, cloud: Cloud) -> Path:
    return project(
        tmp_path / "p",
        {"a.yaml": spec(width=1), "b.yaml": spec(width=2), "c.yaml": spec(width=3)},
        remote_config(cloud.url),
    )


def remote(root: Path, *arguments: str, **environ: str) -> Ran:
    return ran(root, *arguments, "-t", "prod", environ={"SIEVE_API_KEY": Cloud.key, **environ})


def write(root: Path, name: str, width: int) -> None:
    (root / "jobspecs" / name).write_text(spec(width=width))


def pushed(cloud: Cloud) -> list[int]:
    return sorted(json.loads(request.body)["inputs"]["width"] for request in cloud.pushes)


def test_what_was_reviewed_is_done_once(root: Path, cloud: Cloud) -> None:
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    assert (root / "reviewed.json").stat().st_mode & 0o777 == 0o600
    assert cloud.requests == []
    done = remote(root, "apply", "reviewed.json", "--yes", "--json")
    assert (done.code, done.document["summary"]["pushed"]) == (0, 3)
    again = remote(root, "apply", "reviewed.json", "--yes", "--json")
    assert again.code == 7
    assert {found["code"] for found in again.document["diagnostics"]} == {"SJ130"}
    assert len(cloud.pushes) == 3


def test_a_spec_that_changed_since_makes_it_stale_and_nothing_is_sent(root: Path, cloud: Cloud) -> None:
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    write(root, "b.yaml", 20)
    said = remote(root, "apply", "reviewed.json", "--yes")
    assert said.code == 7
    assert "jobspecs/b.yaml:1: error: 'b' is no longer as planned" in said.err
    assert cloud.requests == []


def test_another_apply_makes_it_stale(root: Path, cloud: Cloud) -> None:
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    assert remote(root, "apply", "a", "--yes").code == 0
    assert remote(root, "apply", "reviewed.json", "--yes").code == 7
    assert pushed(cloud) == [1]


def test_what_came_later_is_left_and_said(root: Path, cloud: Cloud) -> None:
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    write(root, "d.yaml", 4)
    said = remote(root, "apply", "reviewed.json", "--yes")
    assert said.code == 0
    assert "1 spec needs a push that is not in the plan, and is left: 'd'" in said.err
    assert pushed(cloud) == [1, 2, 3]
    assert remote(root, "apply", "--yes").code == 0
    assert pushed(cloud) == [1, 2, 3, 4]


def test_a_narrowed_plan_with_a_rerun_is_carried_out_as_it_was_made(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    assert remote(root, "plan", "a", "b", "--rerun", "a", "--out", "again.json").code == 0
    write(root, "c.yaml", 30)
    assert remote(root, "apply", "again.json", "--yes").code == 0
    assert pushed(cloud) == [1, 1, 2, 3]
    assert remote(root, "apply", "again.json", "--yes").code == 7


def test_a_pruned_spec_that_came_back_makes_it_stale(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    (root / "jobspecs" / "c.yaml").unlink()
    assert remote(root, "plan", "--prune", "--out", "prune.json").code == 0
    write(root, "c.yaml", 3)
    assert remote(root, "apply", "prune.json", "--yes").code == 7
    (root / "jobspecs" / "c.yaml").unlink()
    assert remote(root, "apply", "prune.json", "--yes").code == 0
    assert [row["name"] for row in remote(root, "state", "list", "--json").document["entries"]] == ["a", "b"]


def test_a_result_that_is_gone_is_not_bought_again_by_a_plan_that_reuses_it(root: Path, cloud: Cloud) -> None:
    assert remote(root, "apply", "--yes").code == 0
    first = {json.loads(job.pushed and json.dumps(job.pushed))["inputs"]["width"]: job.id for job in cloud.jobs}
    write(root, "a.yaml", 10)
    assert remote(root, "apply", "--yes").code == 0
    write(root, "a.yaml", 1)
    assert remote(root, "plan", "--out", "back.json").code == 0
    cloud.forget(first[1])
    said = remote(root, "apply", "back.json", "--yes")
    assert said.code == 7
    assert "is gone, and the plan has no push of it" in said.err
    assert pushed(cloud) == [1, 2, 3, 10]
    assert remote(root, "apply", "--yes").code == 0
    assert pushed(cloud) == [1, 1, 2, 3, 10]


def test_consent_and_guards_hold_for_a_saved_plan_too(root: Path, cloud: Cloud) -> None:
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    for more in ((), ("--yes", "--max-pushes", "2")):
        assert remote(root, "apply", "reviewed.json", *more, CI="").code == 6
    assert cloud.requests == []


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        pytest.param(["reviewed.json", "a"], 64, "applied alone", id="beside a name"),
        pytest.param(["reviewed.json", "--continue"], 64, "goes with neither", id="continue"),
        pytest.param(["reviewed.json", "--rerun", "a"], 64, "goes with neither", id="rerun"),
        pytest.param(["reviewed.json", "--prune"], 64, "goes with neither", id="prune"),
        pytest.param(["notes.txt"], 1, "'notes.txt' is no saved plan, no spec and no name of one", id="another file"),
        pytest.param(["cut.json"], 1, "is cut off or damaged", id="cut off"),
        pytest.param(["newer.json"], 1, "another version", id="newer"),
        pytest.param(["huge.json"], 1, "larger than 64 MiB", id="huge"),
        pytest.param(["lineage.json"], 7, "lineage", id="another state"),
        pytest.param(["missing.json"], 64, "missing.json", id="missing"),
    ],
)
def test_odd_files(root: Path, cloud: Cloud, words: list[str], code: int, why: str) -> None:
    assert remote(root, "apply", "c", "--yes").code == 0
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    text = (root / "reviewed.json").read_text()
    (root / "notes.txt").write_text("a\n")
    (root / "cut.json").write_text(text[:-30])
    (root / "newer.json").write_text(text.replace('"format_version": "1', '"format_version": "2'))
    lineage = json.loads(text)["lineage"]
    (root / "lineage.json").write_text(text.replace(lineage, "0" * len(lineage)))
    with (root / "huge.json").open("wb") as file:
        file.truncate(65 << 20)
    said = remote(root, "apply", *words, "--yes")
    assert (said.code, why in said.err) == (code, True), said.err
    assert len(cloud.pushes) == 1


def test_a_plan_of_another_target_or_endpoint_is_refused(root: Path) -> None:
    assert remote(root, "plan", "--out", "reviewed.json").code == 0
    said = ran(root, "apply", "reviewed.json", "-t", "local")
    assert (said.code, "apply it with -t prod" in said.err) == (64, True)
    (root / "sieve-jobs.toml").write_text('[targets.prod]\nendpoint = "https://elsewhere.example"\n')
    said = remote(root, "apply", "reviewed.json", "--yes")
    assert (said.code, "another endpoint" in said.err) == (64, True)


def test_a_name_goes_before_a_file(root: Path, cloud: Cloud) -> None:
    (root / "jobspecs" / "plan.json.yaml").write_text(spec(width=9))
    assert remote(root, "plan", "a", "--out", "plan.json").code == 0
    assert remote(root, "apply", "plan.json", "--yes").code == 0
    assert pushed(cloud) == [9]
    assert remote(root, "apply", "./plan.json", "--yes").code == 0
    assert pushed(cloud) == [1, 9]


def test_nothing_but_a_saved_plan_is_overwritten(root: Path) -> None:
    for _ in range(2):
        assert remote(root, "plan", "--out", "reviewed.json").code == 0
    (root / "notes.txt").write_text("mine")
    for name in ("notes.txt", "jobspecs"):
        said = remote(root, "plan", "--out", name)
        assert (said.code, "no saved plan" in said.err) == (64, True)
    assert (root / "notes.txt").read_text() == "mine"
    assert remote(root, "plan", "--out", "nowhere/reviewed.json").code == 1
    assert sorted(path.name for path in root.iterdir() if path.is_file()) == [
        "notes.txt",
        "reviewed.json",
        "sieve-jobs.toml",
    ]


@pytest.mark.parametrize("name", ["r.yaml", "./r.yml", "jobspecs/a.yaml"])
def test_a_plan_is_saved_where_apply_finds_it(root: Path, name: str) -> None:
    before = sorted(root.rglob("*"))
    said = remote(root, "plan", "--out", name)
    assert (said.code, said.out) == (64, "")
    assert f"--out: apply would take '{name}' for a spec" in said.err
    assert f"hint: --out {Path(name).with_suffix('.json')}" in said.err
    assert sorted(root.rglob("*")) == before


def test_offline_asks_nobody_and_needs_no_secret(root: Path, cloud: Cloud) -> None:
    (root / "jobspecs" / "s.yaml").write_text("function: sieve/dubbing\nenv: {OPENAI_API_KEY: '${OPENAI_API_KEY}'}\n")
    said = ran(root, "plan", "--offline", "-t", "prod", "--json")
    assert (said.code, said.document["summary"]["push"]) == (0, 4)
    assert remote(root, "plan", "--offline", "--refresh").code == 64
    assert cloud.requests == []
