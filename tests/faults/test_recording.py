"""The disk fails after a push was answered: the id goes to a file, else to the screen, and comes back from there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from sieve_jobs.state.recover import parse_recover
from tests.cloud import Cloud, Script
from tests.faults import contract, traced
from tests.faults.contract import Verdict
from tests.project import Project, environment

SPECS = 4
APPLY = ("apply", "-t", "prod", "--yes", "--concurrency", "1", "--detach")
pytestmark = pytest.mark.skipif(not traced.available(), reason="needs strace, and the right to trace")


def calls_before(lines: tuple[str, ...], push: int) -> Counter[str]:
    """How many calls of each name come before that push."""
    seen: Counter[str] = Counter()
    for line in lines:
        push -= line.startswith("sendto(") and '"POST /v2/push' in line
        if push == 0:
            return seen
        seen[line.partition("(")[0]] += 1
    raise AssertionError("it never came so far")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """The calls of an apply before its third push; what is written next records that push's job."""
    with Cloud.running() as cloud:
        project = contract.project_of(tmp_path_factory.mktemp("counted") / "p", cloud, SPECS, "")
        ran = traced.run(project.root, APPLY, environment(), project.root.parent / "trace")
    return calls_before(ran.lines, 3)


@pytest.mark.parametrize("reached", ["project", "temporary", "stdout", "document"])
def test_a_job_that_could_not_be_recorded_is_taken_up_by_state_recover(
    tmp_path: Path, before: Counter[str], reached: str
) -> None:
    # Nothing in the list: what is not recovered is not found.
    with Cloud.running(Script(lag_until_told=True)) as cloud:
        project = contract.project_of(tmp_path / "p", cloud, SPECS, "")
        lines = recover_lines(project, before, reached, tmp_path)
        lineage, answers = parse_recover(lines)
        assert {answer.job_id for answer in answers} == {cloud.jobs[-1].id}
        assert contract.after(project, contract.watching(cloud)) == Verdict()
        assert project.apply().code == 5
        file = tmp_path / "given.jsonl"
        file.write_bytes(lines)
        once = project.ran("state", "recover", str(file), "-t", "prod", "--json")
        assert once.code == 0, once.all
        assert once.document["recovered"] == [{"name": answers[0].name, "job_id": answers[0].job_id}]
        again = project.ran("state", "recover", str(file), "-t", "prod", "--json")
        assert (again.code, again.document["recovered"]) == (0, [])
        assert again.document["already"] == once.document["recovered"]
        assert contract.again(project, contract.watching(cloud), contract.clips(SPECS)) == Verdict()
        assert project.ran("state", "export", "-t", "prod").document["lineage"] == lineage


def recover_lines(project: Project, before: Counter[str], reached: str, tmp_path: Path) -> bytes:
    """An apply whose disk fails while it records its third push; the lines it leaves, from where it says they are."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    fails = [f"pwrite64:error=EIO:when={before['pwrite64'] + 1}+"]
    if reached != "project":
        fails.append(f"fsync:error=EIO:when={before['fsync'] + 1}{'' if reached == 'temporary' else '+'}")
    arguments = (*APPLY, "--json") if reached == "document" else APPLY
    environ = environment(TMPDIR=str(temporary))
    ran = traced.run(project.root, arguments, environ, tmp_path / "trace", inject=fails)
    assert ran.code == 1, ran.err
    assert "SJ173" in ran.err
    assert "Traceback" not in ran.err
    here, there = [*project.root.glob("recover-*")], [*temporary.iterdir()]
    match reached:
        case "project":
            (file,) = here
            assert f"state recover {file.name} -t prod" in ran.err
        case "temporary":
            (file,) = there
            assert (here, file.stat().st_mode & 0o777) == ([], 0o600)
            assert str(file) in ran.err
        case "document":
            assert (here, there) == ([], [])
            lineage = project.ran("state", "export", "-t", "prod").document["lineage"]
            head = {"format_version": "1.0", "lineage": lineage}
            return b"".join(json.dumps({**head, **row}).encode() + b"\n" for row in json.loads(ran.out)["unrecorded"])
        case _:
            assert (here, there) == ([], [])
            return "".join(line for line in ran.out.splitlines(keepends=True) if line.startswith("{")).encode()
    return file.read_bytes()


def line_of(**fields: object) -> str:
    row = {"format_version": "1.0", "lineage": "l", "intent": "i", "name": "clip-0", "job_id": "j", "run_id": ""}
    return json.dumps({**row, "status": "queued", **fields}) + "\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("", "no line", id="nothing"),
        pytest.param("{", "line 1: not JSON", id="cut"),
        pytest.param("[]", "line 1: expected an object", id="another kind"),
        pytest.param('{"format_version": "2.0"}', "line 1.format_version", id="a later version"),
        pytest.param('{"format_version": "1.0"}', "line 1: 'lineage' is missing", id="without a lineage"),
        pytest.param(line_of(more=1), "line 1: unknown key 'more'", id="with more"),
        pytest.param(line_of() + line_of(lineage="m"), "lines of several states", id="of two states"),
        pytest.param(line_of() + "\n" + line_of(job_id="k"), "line 3: another line gives", id="one push with two jobs"),
    ],
)
def test_what_is_no_such_file_is_refused_by_its_place(tmp_path: Path, cloud: Cloud, line: str, said: str) -> None:
    project = contract.project_of(tmp_path / "p", cloud, 1)
    (tmp_path / "given").write_text(line)
    ran = project.ran("state", "recover", str(tmp_path / "given"), "-t", "prod")
    assert ran.code == 1
    assert "SJ174" in ran.err
    assert said in ran.err


def test_jobs_of_another_state_and_of_no_doubt_are_refused(tmp_path: Path, cloud: Cloud) -> None:
    project = contract.project_of(tmp_path / "p", cloud, 1)
    assert project.apply().code == 0
    lineage = project.ran("state", "export", "-t", "prod").document["lineage"]
    file = tmp_path / "given"
    file.write_text(line_of(lineage="another"))
    ran = project.ran("state", "recover", str(file), "-t", "prod")
    assert (ran.code, "SJ163" in ran.err) == (6, True)
    file.write_text(line_of(lineage=lineage))
    ran = project.ran("state", "recover", str(file), "-t", "prod")
    assert ran.code == 5
    assert "job j of 'clip-0' answers no push that is in doubt" in ran.err
