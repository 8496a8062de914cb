"""Versions as they come and go, and what functions run on: packages from a folder of wheels, no network."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sieve_jobs.engine.launch import attach_with
from sieve_jobs.engine.requirements import are_met, uv_environment
from sieve_jobs.engine.surroundings import notes
from sieve_jobs.source import Environment
from tests.engine.conftest import settings_for
from tests.engine.farside import Client, data, until

PLAIN = """
import sieve

@sieve.function(name="plain")
def plain() -> str:
    return "{}"
"""
TOLD = """
import sieve

TEXT = open("told.txt").read()

@sieve.function(name="told")
def told() -> str:
    return TEXT
"""
PACKAGED = """
import sys
import greeting_words
import sieve

PACKAGES = ["greeting-words==1.0"]

@sieve.function(name="greet", python_packages=PACKAGES, system_packages=["no-such-program"], run_commands=["rm x"])
def greet() -> dict:
    try:
        import pydantic
    except ImportError:
        lent = False
    else:
        lent = True
    return {"words": greeting_words.WORDS, "lent": lent, "prefix": sys.prefix}
"""
UNMADE = """
import sieve

@sieve.function(name="unmade", python_packages=["no-such-words"])
def unmade() -> str:
    return ""
"""

BACKEND = """
import os
import zipfile
from pathlib import Path


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    names = "\\n".join(f"{name}={value}" for name, value in os.environ.items())
    name = "curious_words-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        info = "curious_words-1.0.dist-info"
        wheel.writestr("curious_words.py", f"SEEN = {names!r}\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: curious-words\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
CURIOUS = """
import curious_words
import sieve

@sieve.function(name="curious", python_packages=["curious-words @ {}"])
def curious() -> str:
    return curious_words.SEEN
"""
SECRETS = {
    "SIEVE_API_KEY": "canary",
    "SIEVE_JOBS_ENGINE_KEY": "canary42" * 4,
    "SIEVE_JOBS_WEBHOOK_SECRET": "whsec_" + "canary42" * 4,
    "AWS_SECRET_ACCESS_KEY": "canary",
    "UV_PUBLISH_TOKEN": "canary",
}


def make_curious_package(folder: Path) -> None:
    """A package whose build looks around: its wheel says what its environment was."""
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "curious-words"\nversion = "1.0"\n'
    )


def make_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "greeting_words-1.0-py3-none-any.whl", "w") as wheel:
        info = "greeting_words-1.0.dist-info"
        wheel.writestr("greeting_words.py", 'WORDS = "good morning"\n')
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting-words\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project")
    (root / "functions").mkdir()
    for name, text in (("plain", PLAIN.format("first")), ("told", TOLD), ("packaged", PACKAGED), ("unmade", UNMADE)):
        (root / "functions" / f"{name}.py").write_text(text)
    (root / "functions" / "told.txt").write_text("first")
    return root


@pytest.fixture(scope="module")
def client(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    wheels = tmp_path_factory.mktemp("wheels")
    make_wheel(wheels)
    package = tmp_path_factory.mktemp("curious")
    make_curious_package(package)
    (root / "functions" / "curious.py").write_text(CURIOUS.format(package.as_uri()))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("FIND_LINKS", str(wheels)), ("NO_INDEX", "1"), ("OFFLINE", "1"), ("NO_CONFIG", "1")):
            patch.setenv(f"UV_{name}", value)
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        patch.setenv("UV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        with (
            attach_with(replace(settings_for(root), installs=True)) as engine,
            Client(engine.url, engine.key) as client,
        ):
            yield client


def versions(client: Client, function: str) -> list[dict[str, Any]]:
    answer = client.http.get(f"/v2/functions/me/{function}/versions")
    assert answer.status_code == 200, answer.text
    return answer.json()


def build_lines(client: Client, version_id: str) -> list[str]:
    answer = client.http.get("/v2/logs", params={"model_id": version_id, "stage": "build"})
    assert answer.status_code == 200, answer.text
    return [line["message"] for group in answer.json()["data"] for line in group["logs"]]


def test_an_edited_function_is_a_new_version_and_jobs_keep_theirs(client: Client, root: Path):
    before = client.run("plain", {})
    (first,) = versions(client, "plain")
    assert (first["id"], first["build_status"]) == (before["function_id"], "ready")
    (root / "functions" / "plain.py").write_text(PLAIN.format("second"))
    after = client.run("plain", {})
    assert (data(before), data(after)) == (["first"], ["second"])
    listed = versions(client, "plain")
    assert [version["id"] for version in listed] == [after["function_id"], before["function_id"]]
    assert all(version["ready_at"] for version in listed)
    assert client.job(before["id"])["function_id"] == before["function_id"]
    url = "/v2/functions/me/plain/versions"
    for slug, meant in (
        ("latest", after["function_id"]),
        (before["function_id"], before["function_id"]),
        (before["function_id"][:6], before["function_id"]),
    ):
        assert client.http.get(f"{url}/{slug}").json()["id"] == meant
    assert client.http.get(f"{url}/{before['function_id'][:3]}").status_code == 404
    jobs = client.http.get(f"{url}/{before['function_id']}/jobs").json()["data"]
    assert [job["id"] for job in jobs] == [before["id"]]
    # The code of the first is gone: nothing else runs in its name.
    assert client.send(f"plain:{before['function_id']}", {}).status_code == 404
    assert data(client.end_of(client.push(f"plain:{after['function_id'][:8]}", {}))) == ["second"]


def test_an_edited_data_file_is_a_new_version_too(client: Client, root: Path):
    before = client.run("told", {})
    (root / "functions" / "told.txt").write_text("second")
    after = client.run("told", {})
    assert (data(before), data(after)) == (["first"], ["second"])
    assert [version["id"] for version in versions(client, "told")] == [after["function_id"], before["function_id"]]


def test_packages_are_installed_once_in_an_environment_that_lends_nothing_of_the_engines(client: Client, root: Path):
    job = client.run("greet", {})
    (greeted,) = data(job)
    environments = root / ".sieve-jobs" / "engine" / "environments"
    assert (greeted["words"], greeted["lent"]) == ("good morning", False)
    assert Path(greeted["prefix"]).parent == environments
    (version,) = versions(client, "greet")
    assert (version["build_status"], version["python_packages"]) == ("ready", ["greeting-words==1.0"])
    said = build_lines(client, job["function_id"])
    assert "making an environment with greeting-words==1.0" in said
    told = [message for stage, message in client.lines(job["id"]) if stage == "build"]
    assert told == [line for line in said if line.startswith(("system package no-such-program", "run_commands"))]
    assert len(told) == 2
    made = (environments / Path(greeted["prefix"]).name / "pyvenv.cfg").stat().st_ctime_ns
    (root / "functions" / "packaged.py").write_text(PACKAGED + "\n# edited\n")
    again = client.run("greet", {})
    assert (data(again), again["function_id"] == job["function_id"]) == ([greeted], False)
    assert (environments / Path(greeted["prefix"]).name / "pyvenv.cfg").stat().st_ctime_ns == made
    assert not list(environments.glob(".draft-*"))


def test_a_job_whose_packages_cannot_be_had_ends_with_what_the_build_said(client: Client):
    job = client.run("unmade", {})
    assert job["status"] == "error"
    assert job["error"].startswith("Build failed: ")
    assert "no-such-words" in job["error"]
    (version,) = versions(client, "unmade")
    assert version["build_status"] == "error"
    assert any("no-such-words" in line for line in build_lines(client, version["id"]))


def test_a_build_of_a_package_sees_none_of_the_engines_keys(client: Client):
    (seen,) = data(client.run("curious", {}))
    assert "UV_FIND_LINKS=" in seen  # it did look, and was told where packages are
    assert "PATH=" in seen
    assert "canary" not in seen


def test_without_installing_functions_run_on_the_engines_own_environment(tmp_path: Path):
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "packaged.py").write_text(PACKAGED.replace("import greeting_words\n", ""))
    with (
        attach_with(settings_for(tmp_path)) as engine,
        Client(engine.url, engine.key) as client,
    ):
        first = client.http.get("/v2/functions/me/greet").json()  # whoever asks first waits for what is asked
        assert first["latest_version"]["build_status"] == "ready"
        job_id = client.push("greet", {})
        until(lambda: client.job(job_id)["status"] == "error")  # greeting_words is not here
        assert "python_packages are not installed" in "".join(line for _, line in client.lines(job_id))


@pytest.mark.parametrize(
    ("packages", "met"),
    [
        pytest.param([], True, id="none"),
        pytest.param(["av"], True, id="a bare name"),
        pytest.param(["av==14.2"], True, id="the version that is here, written shorter"),
        pytest.param(["av>=9.10"], True, id="numbers, not letters, are compared"),
        pytest.param(["av>=14.3"], False, id="a later version"),
        pytest.param(["av", "numpy"], False, id="one is missing"),
        pytest.param(["av[extra]"], False, id="an extra is left to the resolver"),
        pytest.param(["av<20"], False, id="so is any other comparison"),
    ],
)
def test_what_is_installed_already(packages: list[str], met: bool):
    assert are_met(packages, {"av": "14.2.0"}.get) == met


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        pytest.param({"PIP_INDEX_URL": "a"}, {"PIP_INDEX_URL": "a", "UV_DEFAULT_INDEX": "a"}, id="pip's own"),
        pytest.param(
            {"PIP_INDEX_URL": "a", "UV_INDEX_URL": "b"}, {"PIP_INDEX_URL": "a", "UV_INDEX_URL": "b"}, id="uv's"
        ),
    ],
)
def test_an_index_that_only_pip_was_told_of_is_uvs_too(environ: dict[str, str], told: dict[str, str]):
    assert uv_environment(environ) == told


def test_what_a_declaration_asks_in_vain_is_told():
    asked = Environment(
        python_packages=("av",),
        system_packages=("sh", "no-such-program"),
        run_commands=("rm x",),
        python_version="2.7",
        cuda_version="12",
        unread=("python_packages",),
    )
    told = list(notes(asked, installs=False))
    assert [line.split()[0] for line in told] == [
        "python_packages", "system", "python_packages", "python_version", "cuda_version", "run_commands",
    ]  # fmt: skip
    assert "no-such-program" in told[1]


def test_versions_and_environments_that_nothing_needs_are_forgotten(root: Path, client: Client):
    wanted, edited = client.run("greet", {}), client.run("plain", {})
    environment = Path(data(wanted)[0]["prefix"])
    unneeded = environment.with_name("0" * 24)
    shutil.copytree(environment, unneeded, symlinks=True)
    for folder in (environment, unneeded):
        os.utime(folder, (1, 1))
    (root / "functions" / "plain.py").write_text(PLAIN.format("another"))
    present = client.run("plain", {})
    ids = {edited["function_id"], present["function_id"]}
    assert ids <= {version["id"] for version in versions(client, "plain")}
    asked = {"keep": 0, "dry_run": True}
    would = client.http.post("/x/gc", json=asked).json()
    assert (would["environments"], unneeded.is_dir()) == (1, True)
    did = client.http.post("/x/gc", json={"keep": 0}).json()
    assert {**did, "dry_run": True} == would
    assert [version["id"] for version in versions(client, "plain")] == [present["function_id"]]
    assert [folder for folder in (environment, unneeded) if folder.is_dir()] == [environment]
    assert not list(environment.parent.glob(".draft-*"))
    # One that was taken away is made again where it is needed once more.
    (root / "functions" / "packaged.py").rename(root / "packaged.away")
    os.utime(environment, (1, 1))
    client.run("plain", {})
    until(lambda: client.http.post("/x/gc", json={"keep": 0}).json()["environments"])
    assert not environment.exists()
    (root / "packaged.away").rename(root / "functions" / "packaged.py")
    assert data(client.run("greet", {})) == data(wanted)
