"""`functions stub`: an example job of the cloud becomes a local function that answers the same, on the real engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import Cloud, Fault, Outcome
from tests.project import KEY, Ran, project, ran, remote_config, write

FILM = "{url}/files/f/j/u/intro.mp4?X-Goog-Signature=1"
OUTPUTS: list[Any] = [
    {"url": FILM, "_path": None, "fps": 24.0},
    {"text": 'it\'s "done" with s3cret-token', "clips": [{"url": "{url}/files/evil.py", "_path": None}]},
]
PARAMETERS = [
    {"name": "source_file", "type": "sieve.File"}, {"name": "language", "type": "str", "default": "spanish"},
]  # fmt: skip
SPEC = """\
function: sieve/dubbing
inputs: {source_file: {url: "https://cdn.example/private-clip.mp4"}, language: "${A_TOKEN}"}
env: {OPENAI_API_KEY: "${OPENAI_API_KEY}"}
"""
SECRETS = {"A_TOKEN": "s3cret-token", "OPENAI_API_KEY": "sk-secret"}
MODULE, FOLDER = "functions/dubbing_stub.py", "functions/_dubbing_stub"


def here(root: Path, *arguments: str, **environ: str) -> Ran:
    return ran(root, *arguments, environ={"PATH": os.environ["PATH"], **KEY, **SECRETS, **environ})


def stub(root: Path, *arguments: str, function: str = "sieve/dubbing") -> Ran:
    return here(root, "functions", "stub", function, *arguments)


def add_job(cloud: Cloud, function: str = "sieve/dubbing", status: str = "finished", **inputs: object) -> str:
    """A job of somebody else that ended as *status*."""
    job = cloud.add_job({"function": function, "inputs": inputs})
    if status != "queued":
        cloud.finish(job.id, status)
    return job.id


def left(root: Path) -> list[str]:
    """What lies in the folder of functions, hidden files too."""
    return sorted(path.name for path in (root / "functions").rglob("*")) if (root / "functions").exists() else []


@pytest.fixture
def root(tmp_path: Path, cloud: Cloud) -> Path:
    cloud.script.outcomes.append(Outcome(outputs=OUTPUTS))
    return project(tmp_path / "p", {}, remote_config(cloud.url))


@pytest.fixture(scope="module")
def bought() -> Iterator[Cloud]:
    """A cloud with one job of sieve/dubbing, which it describes."""
    with Cloud.running() as cloud:
        cloud.script.outcomes.append(Outcome(outputs=OUTPUTS))
        cloud.script.functions["sieve/dubbing"] = PARAMETERS
        yield cloud


def test_a_stub_of_a_job_that_was_bought_answers_the_same_on_the_engine(tmp_path: Path, bought: Cloud) -> None:
    root = project(tmp_path / "p", {"dub.yaml": SPEC}, remote_config(bought.url))
    applied = here(root, "apply", "-t", "prod", "--yes", "--json")
    assert applied.code == 0, applied.err
    (row,) = applied.document["results"]
    made = stub(root, "--json")
    assert made.code == 0, made.err
    said = made.document
    assert (said["function"], said["stands_in_for"], said["job_id"]) == ("me/dubbing", "sieve/dubbing", row["job_id"])
    assert {Path(each["path"]).name: each["size"] for each in said["files"]} == {"intro.mp4": 1408, "evil.py": 896}
    assert len(bought.pushes) == 1
    write(root, {"sieve-jobs.toml": f"[targets.local]\n{said['stand_ins']}\n" + remote_config(bought.url)})
    local = here(root, "apply", "--json")
    assert (local.code, len(bought.pushes)) == (0, 1), local.err
    assert local.document["results"][0]["stands_in_for"] == "sieve/dubbing"
    film, rest = here(root, "outputs", "dub", "--json").document["outputs"]
    assert (film["type"], film["data"]["fps"]) == ("sieve.File", 24.0)
    assert (rest["type"], rest["data"]["text"]) == ("dict", 'it\'s "done" with (secret)')
    assert here(root, "outputs", "dub", "--download", "out").code == 0
    assert (root / "out/intro.mp4").read_text() == "/files/f/j/u/intro.mp4" * 64
    assert (root / "out/evil.py").read_text() == "/files/evil.py" * 64
    assert f"the answer is that of job {row['job_id']}" in here(root, "logs", "dub").out
    assert here(root, "plan", "--detailed-exitcode").code == 0


def test_neither_inputs_nor_env_nor_secrets_nor_urls_are_in_a_stub(root: Path, cloud: Cloud) -> None:
    cloud.script.functions["sieve/dubbing"] = [*PARAMETERS, {"name": "key", "type": "str", "default": "s3cret-token"}]
    write(root, {"jobspecs/dub.yaml": SPEC})
    assert here(root, "apply", "-t", "prod", "--yes").code == 0
    assert stub(root).code == 0
    text = (root / MODULE).read_text()
    assert 'def stub(source_file: sieve.File, language: str = "spanish", key: str = "(secret)"):' in text
    assert not [word for word in ("s3cret", "sk-secret", "private-clip", "X-Goog", cloud.url, KEY) if str(word) in text]


def test_without_a_state_the_latest_job_of_the_far_side_is_the_example(root: Path, cloud: Cloud) -> None:
    add_job(cloud, text="old")
    latest = add_job(cloud, text="new")
    add_job(cloud, "sieve/captions")
    add_job(cloud, status="error")
    made = stub(root, "--json")
    assert (made.code, made.document["job_id"]) == (0, latest), made.err
    assert "def stub(quality: str | None = None, text: str | None = None):" in (root / MODULE).read_text()
    assert "told by the job's inputs alone" in made.document["notes"][0]


def test_without_a_job_of_ones_own_an_example_of_the_function_is_taken(root: Path, cloud: Cloud) -> None:
    cloud.script.functions["sieve/dubbing"] = PARAMETERS
    cloud.script.lag_until_told = True  # it is in nobody's list
    example = add_job(cloud, source_file={"url": "https://x.example/a.mp4"})
    cloud.script.examples = ["no-such-job", example]
    assert stub(root, "--json").document["job_id"] == example


def test_a_job_that_the_state_knows_and_the_far_side_does_not_is_passed_over(root: Path, cloud: Cloud) -> None:
    write(root, {"jobspecs/dub.yaml": SPEC})
    row = here(root, "apply", "-t", "prod", "--yes", "--json").document["results"][0]
    cloud.forget(row["job_id"])
    other = add_job(cloud)
    assert stub(root, "--json").document["job_id"] == other


@pytest.mark.parametrize(
    ("status", "function", "why"),
    [
        pytest.param("error", "sieve/dubbing", "SJ194 failed: there is no answer to take", id="failed"),
        pytest.param("cancelled", "sieve/dubbing", "SJ194 was cancelled", id="cancelled"),
        pytest.param("queued", "sieve/dubbing", "SJ194 is queued", id="not ended"),
        pytest.param("finished", "sieve/captions", "SJ194 is one of 'sieve/captions'", id="of another function"),
        pytest.param(None, "", "SJ187 'prod' knows no job 'unknown'", id="unknown"),
    ],
)
def test_jobs_that_are_no_example(root: Path, cloud: Cloud, status: str | None, function: str, why: str) -> None:
    cloud.script.outcomes.insert(0, Outcome(polls=-1))
    job_id = "unknown" if status is None else add_job(cloud, function, status)
    said = stub(root, "--job", job_id)
    assert said.code == 64
    code, _, words = why.partition(" ")
    assert (f"[{code}]" in said.err, words in said.err) == (True, True), said.err
    assert left(root) == []


def test_files_that_are_gone_leave_nothing_behind(root: Path, cloud: Cloud) -> None:
    add_job(cloud)
    cloud.script.faults.append(Fault(route="file", times=-1, match="evil", status=403))
    said = stub(root)
    assert said.code == 1
    assert "could not download 'evil.py': it answered 403; nothing was written" in said.err
    assert left(root) == []


def test_nothing_is_replaced_but_an_earlier_stub_and_that_when_it_is_meant(root: Path, cloud: Cloud) -> None:
    first = add_job(cloud)
    assert stub(root).code == 0
    before = (root / MODULE).read_text()
    cloud.script.outcomes.insert(0, Outcome(outputs=["just text"]))
    second = add_job(cloud)
    refused = stub(root)
    assert (refused.code, "--overwrite" in refused.err) == (64, True)
    assert (root / MODULE).read_text() == before
    assert stub(root, "--overwrite").code == 0
    assert left(root) == ["dubbing_stub.py"]
    assert (first in before, second in (root / MODULE).read_text()) == (True, True)
    write(root, {MODULE: "# mine\n"})
    said = stub(root, "--overwrite")
    assert (said.code, "is no earlier stub" in said.err) == (64, True)
    assert (root / MODULE).read_text() == "# mine\n"


def test_a_name_that_another_function_has_is_not_taken(root: Path, cloud: Cloud) -> None:
    add_job(cloud)
    mine = "from sieve_jobs import sdk as sieve\n\n@sieve.function(name='dubbing')\ndef dub(x):\n    return x\n"
    write(root, {"functions/mine.py": mine})
    said = stub(root)
    assert (said.code, "functions/mine.py:4 declares 'dubbing' already" in said.err) == (64, True)
    made = stub(root, "--name", "dub draft", "--json")
    assert made.code == 64
    made = stub(root, "--name", "dub_draft", "--json")
    assert made.document["stand_ins"] == 'stand_ins = {"sieve/dubbing" = "me/dub_draft"}'
    assert made.document["path"] == "functions/dub_draft_stub.py"


OFFLINE = [{"type": "str", "data": "hi"}, {"type": "tuple", "data": [1, None]}, {"data": "https://x.example/a?sig=1"}]


@pytest.mark.parametrize(
    ("document", "job_id"),
    [
        pytest.param(OFFLINE, None, id="a list of outputs"),
        pytest.param({"name": "dub", "job_id": "j-1", "status": "finished", "outputs": OFFLINE, "saved": []}, "j-1",
                     id="what outputs --json prints"),
        pytest.param({"id": "j-2", "status": "finished", "function": {"owner_name": "sieve", "name": "dubbing"},
                      "inputs": {"text": {"type": "str", "data": "s"}}, "outputs": OFFLINE}, "j-2", id="a job"),
    ],
)  # fmt: skip
def test_a_saved_document_needs_neither_network_nor_key_nor_target(
    tmp_path: Path, document: object, job_id: str | None
) -> None:
    root = project(tmp_path / "p", {}, "")
    write(root, {"job.json": json.dumps(document)})
    made = ran(root, "functions", "stub", "sieve/dubbing", "--from", "job.json", "--json")
    assert (made.code, made.document["job_id"], made.document["files"]) == (0, job_id, []), made.err
    assert any("signed url" in note for note in made.document["notes"])
    text = (root / MODULE).read_text()
    assert "(1, None)" in text
    assert f"the answer is that of {f'job {job_id}' if job_id else 'a saved job'}" in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "could not read 'job.json': no such file", id="not there"),
        pytest.param("{", "holds no job with outputs", id="no JSON"),
        pytest.param("[" * 100_000, "holds no job with outputs", id="nested too deeply"),
        pytest.param('{"outputs": [1]}', "holds no job with outputs", id="no outputs"),
        pytest.param('{"job_id": "j", "status": "error", "outputs": []}', "job j failed", id="a job that failed"),
        pytest.param('[{"data": [NaN]}]', "a number that is none", id="no number"),
        pytest.param('[{"data": "\\ud800"}]', "half a surrogate pair", id="half a surrogate pair"),
    ],
)
def test_documents_that_are_no_example(tmp_path: Path, text: str | None, why: str) -> None:
    root = project(tmp_path / "p", {}, "")
    if text is not None:
        write(root, {"job.json": text})
    said = ran(root, "functions", "stub", "sieve/dubbing", "--from", "job.json")
    assert said.code == 64
    assert why in said.err.replace(str(root) + "/", "")
    assert left(root) == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(["dubbing"], "'dubbing' is no function", id="no author"),
        pytest.param(["sieve/dubbing:0a1b"], "without a version", id="a version"),
        pytest.param(["../../etc/x"], "is no function", id="a path"),
        pytest.param(["a/b", "--name", "x/y"], "cannot name a function", id="a name with a slash"),
        pytest.param(["a/b", "--job", "j", "--from", "f"], "do not go together", id="two examples"),
        pytest.param(["a/b"], "--from FILE", id="no target"),
    ],
)
def test_usage(tmp_path: Path, arguments: list[str], why: str) -> None:
    root = project(tmp_path / "p", {}, "")
    said = ran(root, "functions", "stub", *arguments)
    assert said.code == 64
    assert why in said.err
    assert left(root) == []


def test_a_far_side_that_is_down_is_said(tmp_path: Path) -> None:
    with Cloud.running() as gone:
        url = gone.url
    root = project(tmp_path / "p", {}, remote_config(url))
    said = stub(root)
    assert said.code == 1
    assert f"could not reach {url}" in said.err
    assert left(root) == []
