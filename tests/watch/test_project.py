"""What else a project is made of wakes it too: config, variables, files, functions; on the embedded engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud, Outcome, Script
from tests.project import Project, spec
from tests.watch.watched import REMOTE, pushed, save, watching

FUNCTION = """import sieve


@sieve.function(name="{name}")
def run(text: str = "", clip: sieve.File | None = None) -> str:
    return "{answer}" + text
"""


@pytest.fixture
def local(tmp_path: Path) -> Project:
    project = Project(tmp_path / "p", "https://mango.sievedata.com")
    (project.root / "functions").mkdir()
    (project.root / "functions" / "shout.py").write_text(FUNCTION.format(name="shout", answer="one"))
    (project.root / "functions" / "other.py").write_text(FUNCTION.format(name="other", answer="o"))
    return project


def test_a_function_that_is_edited_runs_its_specs_again(local: Project) -> None:
    local.write("a.yaml", spec("me/shout", text="x"))
    local.write("b.yaml", spec("me/other", text="y"))
    code = local.root / "functions" / "shout.py"
    with watching(local) as watched:
        watched.ended("a", "b")
        save(code, FUNCTION.format(name="shout", answer="two"))
        assert watched.kind("pushed")["reason"] == "function_changed"
        assert watched.kind("status", status="finished")["name"] == "a"
        save(code, "import sieve\ndef (:\n")
        problems = watched.kind("problems")
        assert [(each["code"], each["path"], each["line"]) for each in problems["problems"]] == [
            ("SJ198", "functions/shout.py", 2)
        ]
        watched.round("nothing")
        local.write("b.yaml", spec("me/other", text="z"))
        watched.kind("pushed", name="b")
        watched.round("applied")
        local.write("a.yaml", spec("me/shout", text="z"))
        assert watched.kind("held")["names"] == ["a"]
        watched.round()
        save(code, FUNCTION.format(name="shout", answer="three"))
        assert watched.kind("pushed")["name"] == "a"
        watched.kind("status", name="a", status="finished")
        data = code.with_name("answer.txt")
        save(data, "four")
        save(code, FUNCTION.format(name="shout", answer='" + open("answer.txt").read() + "'))
        watched.kind("status", name="a", status="finished")
        save(data, "five")
        assert watched.kind("pushed")["reason"] == "function_changed"
        watched.kind("status", name="a", status="finished")
        assert watched.end() == 130
        assert watched.kinds().count("problems") == 1
    assert local.ran("outputs", "a", "--json").document["outputs"][0]["data"] == "fivez"


def test_a_function_that_comes_later_is_used(local: Project) -> None:
    local.write("a.yaml", spec("me/later", text="x"))
    with watching(local) as watched:
        assert "refused" in watched.kinds()
        (local.root / "functions" / "more").mkdir()
        (local.root / "functions" / "more" / "later.py").write_text(FUNCTION.format(name="later", answer="l"))
        watched.kind("pushed", name="a")
        watched.kind("status", name="a", status="finished")


def test_local_files_and_env_wake_it(local: Project) -> None:
    clips = local.root / "media" / "clips"
    clips.mkdir(parents=True)
    (clips / "a.mp4").write_bytes(b"one")
    (local.root / ".env").write_text("WORD=one\n")
    local.write("a.yaml", 'function: me/shout\ninputs: {text: "${WORD}", clip: {file: ../media/clips/a.mp4}}\n')
    with watching(local) as watched:
        (clips / "b.mp4").write_bytes(b"nobody's")
        save(clips / "a.mp4", "two")
        assert watched.kind("pushed")["reason"] == "file_changed"
        watched.round("applied")
        (clips / "a.mp4").unlink()
        assert watched.kind("problems")["problems"][0]["code"] == "SJ205"
        watched.round("invalid")
        (clips / "a.mp4").write_bytes(b"three")
        watched.kind("mended")
        watched.kind("pushed", name="a")
        watched.round("applied")
        clips.rename(local.root / "media" / "aside")
        watched.round("invalid")
        clips.mkdir()
        (clips / "a.mp4").write_bytes(b"four")
        watched.kind("pushed", name="a")
        watched.round("applied")
        save(local.root / ".env", "WORD=two\n")
        assert watched.kind("pushed")["reason"] == "inputs_changed"


def test_running_jobs_end_with_the_engine_and_are_queued_again(local: Project) -> None:
    (local.root / "functions" / "slow.py").write_text(
        'import time\nimport sieve\n\n@sieve.function(name="slow")\ndef slow() -> None:\n    time.sleep(600)\n'
    )
    local.write("a.yaml", "function: me/slow\n")
    with watching(local) as watched:
        if not [event for event in watched.seen if event.get("status") == "processing"]:
            watched.kind("status", status="processing")
        assert watched.end() == 130
    assert any("queued again" in line for line in watched.errors)


def test_a_changed_config_reloads_everything(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(place="${PLACE:-none}"))
    with Cloud.running(Script(outcomes=[Outcome(polls=-1)])) as other, watching(project, *REMOTE) as watched:
        project.configure('vars = {PLACE = "here"}')
        watched.kind("pushed", name="a")
        watched.round("applied")
        project.configure('vars = {PLACE = "here"\n')
        assert watched.kind("problems")["topic"] == "config"
        watched.round("nothing")
        save(path, spec(place="${PLACE:-none}", more=1))
        watched.kind("pushed", name="a")
        watched.round("applied")
        (project.root / "sieve-jobs.toml").unlink()
        watched.kind("problems", topic="config")
        watched.round()
        text = f'[targets.prod]\nendpoint = "{other.url}"\nstate = "elsewhere.db"\nvars = {{PLACE = "there"}}\n'
        (project.root / "sieve-jobs.toml").write_text(text)
        watched.kind("reloaded")
        watched.kind("pushed", name="a")
        watched.round("applied")
        save(path, spec(place="${PLACE:-none}", more=2))
        watched.kind("pushed", name="a")
        watched.round("applied")
        assert [each.get("place") for each in pushed(cloud)] == ["none", "here", "here"]
        assert pushed(other) == [{"place": "there", "more": 1}, {"place": "there", "more": 2}]


def test_a_config_that_would_lead_to_a_remote_target_is_not_followed(local: Project) -> None:
    local.write("a.yaml", spec("me/shout", text="x"))
    (local.root / "sieve-jobs.toml").write_text("")
    with watching(local, "-t", "local") as watched:
        (local.root / "sieve-jobs.toml").write_text('[targets.local]\nendpoint = "https://mango.sievedata.com"\n')
        watched.kind("problems", topic="config")
        assert watched.end() == 130


def test_an_env_file_that_cannot_be_read_is_shown_and_the_old_one_stays(project: Project, cloud: Cloud) -> None:
    (project.root / ".env").write_text("PLACE=here\n")
    path = project.write("a.yaml", spec(place="${PLACE}"))
    with watching(project, *REMOTE) as watched:
        (project.root / ".env").write_bytes(b"PLACE=\xff\n")
        assert watched.kind("problems", topic="config")["problems"][0]["code"] == "SJ180"
        save(path, spec(place="${PLACE}", more=1))
        watched.kind("pushed")
        watched.round("applied")
        (project.root / ".env").write_text("PLACE=there\n")
        watched.kind("pushed")
        assert [each["place"] for each in pushed(cloud)] == ["here", "here", "there"]


def test_a_config_that_comes_while_a_spec_is_looked_at_again_is_read(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(place="${PLACE:-none}"))
    with watching(project, *REMOTE) as watched:
        path.write_text("")
        watched.kind("looking_again")
        project.configure('vars = {PLACE = "here"}')
        path.write_text(spec(place="${PLACE:-none}", more=1))
        cloud.wait_for(lambda seen: {"place": "here", "more": 1} in pushed(seen))


def test_a_secret_that_is_not_set_is_said_once(project: Project, cloud: Cloud) -> None:
    path = project.write("a.yaml", spec(key="${SHOP_TOKEN}"))
    other = project.write("b.yaml", spec(width=1))
    with watching(project, *REMOTE) as watched:
        save(other, spec(width=2))
        watched.round("invalid")
        assert watched.kinds().count("problems") == 1
        assert not cloud.pushes
        (project.root / ".env").write_text("SHOP_TOKEN=s3cret-s3cret\n")
        watched.round("applied")
        save(path, spec(key="${SHOP_TOKEN}", more=1))
        watched.round("applied")
        assert len(cloud.pushes) == 3
        watched.end()
    assert "s3cret-s3cret" not in str(watched.seen) + "".join(watched.errors)


def test_outputs_are_saved_and_wake_nothing(local: Project) -> None:
    """Not even one that a spec names as its input: it counts from the next change of anything else on."""
    (local.root / "functions" / "grow.py").write_text(
        "import pathlib\nimport sieve\n\n"
        '@sieve.function(name="grow")\ndef grow(text: str) -> sieve.File:\n'
        '    pathlib.Path("grown.txt").write_text(text)\n    return sieve.File(path="grown.txt")\n'
    )
    path = local.write("a.yaml", "function: me/grow\ninputs: {text: one}\nsave: out/a\n")
    output = local.root / "out" / "a" / "0.txt"
    with watching(local) as watched:
        if "saved" not in watched.kinds():
            watched.kind("saved", name="a")
        assert output.read_text() == "one"
        local.write("b.yaml", "function: me/shout\ninputs: {clip: {file: ../out/a/0.txt}}\n")
        watched.kind("pushed", name="b")
        watched.round("applied")
        save(path, "function: me/grow\ninputs: {text: two}\nsave: out/a\n")
        watched.round("applied", path="jobspecs/a.yaml")
        watched.kind("saved", name="a")
        assert output.read_text() == "two"
        local.write("c.yaml", spec("me/shout", text="z"))
        assert watched.round()["changed"] == ["jobspecs/c.yaml"]
        assert local.ran("show", "b", "--json").code == 0
