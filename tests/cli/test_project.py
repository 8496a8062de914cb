"""Verbs that need no far side: init, validate, render, plan, schema, completion, and where variables come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project import project, ran, spec


def test_init_writes_what_is_missing_and_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("dist/\n.env")
    first = ran(tmp_path, "init", "--json").document
    assert first["written"] == ["sieve-jobs.toml", "jobspecs/hello.yaml", "functions/hello.py", ".gitignore"]
    assert (tmp_path / ".gitignore").read_text() == "dist/\n.env\n.sieve-jobs/\nout/\n"
    spec_file = tmp_path / "jobspecs" / "hello.yaml"
    spec_file.write_text("function: me/other\n")
    again = ran(tmp_path, "init", "--json").document
    assert (again["written"], again["kept"]) == ([], ["sieve-jobs.toml"])
    assert spec_file.read_text() == "function: me/other\n"


def test_what_init_writes_is_valid(tmp_path: Path) -> None:
    assert ran(tmp_path, "init").code == 0
    assert ran(tmp_path, "validate").code == 0
    planned = ran(tmp_path, "plan", "--json", "--detailed-exitcode")
    assert (planned.code, [change["name"] for change in planned.document["changes"]]) == (2, ["hello"])


def test_init_makes_the_folder_that_is_named_and_takes_a_gitignore_as_it_is(tmp_path: Path) -> None:
    assert ran(tmp_path / "my" / "videos", "init").code == 0
    assert (tmp_path / "my" / "videos" / "sieve-jobs.toml").is_file()
    (tmp_path / ".gitignore").write_bytes(b"caf\xe9\r\n.env\r\n")
    assert ran(tmp_path, "init").code == 0
    assert (tmp_path / ".gitignore").read_bytes() == b"caf\xe9\r\n.env\r\n.sieve-jobs/\nout/\n"


def test_init_leaves_examples_out_where_there_are_specs(tmp_path: Path) -> None:
    project(tmp_path, {"mine/a.yml": spec()})
    (tmp_path / "sieve-jobs.toml").unlink()
    assert ran(tmp_path, "init", "--json").document["written"] == ["sieve-jobs.toml", ".gitignore"]


def test_init_does_not_follow_a_link_out_of_the_project(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "sieve-jobs.toml").symlink_to(elsewhere)
    assert "sieve-jobs.toml" in ran(tmp_path / "p", "init", "--json").document["kept"]
    assert not elsewhere.exists()


def test_validate_tells_every_problem_at_its_place(tmp_path: Path) -> None:
    project(tmp_path, {"a.yaml": "function: x/y\ninputss: {}\n", "b.yaml": "inputs: {}\n", "c.yaml": spec()})
    said = ran(tmp_path, "validate", "--json")
    assert said.code == 3
    assert (said.document["valid"], said.document["files"]) == (False, 3)
    assert {found["path"] for found in said.document["diagnostics"]} == {"jobspecs/a.yaml", "jobspecs/b.yaml"}
    assert "jobspecs/a.yaml:2:1: error:" in said.err
    assert "did you mean 'inputs'?" in said.err
    assert ran(tmp_path, "validate", "c").code == 0
    assert not (tmp_path / ".sieve-jobs" / "local.db").exists()


def test_no_specs_is_said(tmp_path: Path) -> None:
    said = ran(tmp_path, "validate")
    assert said.code == 0
    assert "0 specs found in 'jobspecs'" in said.err
    assert "sieve-jobs init" in said.err


def test_plan_leaves_no_trace_but_the_parse_cache(tmp_path: Path) -> None:
    project(tmp_path, {"a.yaml": spec()})
    assert ran(tmp_path, "plan", "--verbose").code == 0
    assert {path.name for path in (tmp_path / ".sieve-jobs").iterdir()} <= {"cache.db", ".gitignore"}


def test_show_request_is_curl_with_secrets_by_reference(tmp_path: Path) -> None:
    text = "function: sieve/dubbing\ninputs: {k: '${VOICE_KEY}', w: 'w${WIDTH}'}\nenv: {A: 'x${WIDTH}', B: plain}\n"
    project(tmp_path, {"a.yaml": text}, '[targets.prod]\nendpoint = "https://x.y"\napi_key_env = "PROD_KEY"')
    environ = {"VOICE_KEY": "canary-1", "WIDTH": "640", "PROD_KEY": "canary-2"}
    said = ran(tmp_path, "plan", "--show-request", "a", "-t", "prod", environ=environ)
    assert said.code == 0
    assert "curl -X POST https://x.y/v2/push" in said.out
    assert '-H "X-API-Key: $PROD_KEY"' in said.out
    body = json.loads(said.out.partition("--data-raw '")[2].rpartition("'")[0])
    assert (
        body
        == {
            "function": "sieve/dubbing",
            "inputs": {"k": "${VOICE_KEY}", "w": "w640"},
            "env": {"A": "***", "B": "plain"},
        }
        or body["inputs"]["w"] == "640"
    )
    as_json = ran(tmp_path, "plan", "--show-request", "a", "--json", "-t", "prod", environ=environ)
    assert as_json.document["body"] == body
    assert "canary" not in said.out + said.err + as_json.out


@pytest.mark.parametrize(
    ("arguments", "environ", "value", "origin"),
    [
        pytest.param(["--var", "W=1"], {"W": "3"}, "1", "--var", id="command line first"),
        pytest.param([], {"W": "3"}, "2", "vars", id="then the target"),
        pytest.param(["-t", "bare"], {"W": "3"}, "3", "environment", id="then the environment"),
        pytest.param(["-t", "bare"], {}, "a$B", ".env", id="then .env, as written"),
    ],
)
def test_variables_in_order_of_who_reviewed_them(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], value: str, origin: str
) -> None:
    config = '[targets.local]\nvars = {W = "2"}\n[targets.bare]\nendpoint = "local"\n'
    project(tmp_path, {"a.yaml": 'function: me/x\ninputs: {w: "${W}"}\n'}, config)
    (tmp_path / ".env").write_text("W='a$B'")
    found = ran(tmp_path, "render", "--json", *arguments, environ=environ).document["specs"][0]
    assert found["inputs"] == {"w": value}
    assert found["origins"] == [{"path": "inputs.w", "variables": [{"name": "W", "origin": origin, "secret": False}]}]
    verbose = ran(tmp_path, "plan", "--verbose", *arguments, environ=environ)
    assert f"W         {origin}" in verbose.err


def test_options_before_and_behind_the_verb(tmp_path: Path) -> None:
    project(tmp_path, {"a.yaml": 'function: me/x\ninputs: {w: "${W}", v: "${V}"}\n'})
    said = ran(tmp_path, "--var", "W=1", "--var", "V=1", "--json", "render", "--var", "V=2")
    assert said.document["specs"][0]["inputs"] == {"w": "1", "v": "2"}


def test_render_is_yaml_with_origins_and_no_secret(tmp_path: Path) -> None:
    text = (
        'function: me/x\ndescription: "a\\e[31m: b"\nlabels: {team: video}\nprotect: true\n'
        "inputs:\n  clips: [{url: 'https://${HOST:-h}/a'}, [1, no, 1.5, null], {}]\n  key: ${A_KEY}\n"
        "env: {X: '${HOST}'}\n"
    )
    project(tmp_path, {"a.yaml": text})
    said = ran(tmp_path, "render", "a", environ={"HOST": "cdn", "A_KEY": "canary"})
    assert said.code == 0
    assert "\x1b" not in said.out
    assert "canary" not in said.out
    assert "# ${A_KEY}: environment, secret" in said.out
    assert "# ${HOST}: environment" in said.out
    import yaml

    read = yaml.safe_load(said.out)
    assert read["inputs"] == {"clips": [{"url": "https://cdn/a"}, [1, "no", 1.5, None], {}], "key": "${A_KEY}"}
    assert read["env"] == {"X": "***"}
    assert read["description"] == "a\x1b[31m: b"
    assert read["protect"] is True


def test_a_default_that_is_used_is_an_origin_too(tmp_path: Path) -> None:
    project(tmp_path, {"a.yaml": "function: me/x\ninputs: {h: '${HOST:-h}', k: '${A_KEY}'}\n", "b.yaml": spec()})
    said = ran(tmp_path, "render", "a")
    assert "h: h  # ${HOST}: not set, default" in said.out
    assert "# ${A_KEY}: not set, secret" in said.out
    assert "HOST" not in ran(tmp_path, "plan", "b", "--verbose").err


def test_a_command_in_the_wrong_folder_leaves_no_trace(tmp_path: Path) -> None:
    for words in (["plan"], ["validate"], ["status"], ["apply"], ["apply", "--json"]):
        said = ran(tmp_path, *words)
        assert said.code == (6 if "apply" in words else 0)
        assert [*tmp_path.iterdir()] == []
    assert "`sieve-jobs init` writes a first spec" in said.err
    assert "--allow-removals" not in said.err


def test_schema(tmp_path: Path) -> None:
    assert ran(tmp_path, "schema").document["title"] == "sieve-jobs spec"
    assert ran(tmp_path, "schema", "config").document["title"] == "sieve-jobs config"
    written = ran(tmp_path, "schema", "--write", "schemas", "--json").document["written"]
    assert [Path(path).name for path in written] == ["jobspec.schema.json", "config.schema.json"]
    assert json.loads((tmp_path / "schemas" / "config.schema.json").read_text())["title"] == "sieve-jobs config"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(tmp_path: Path, shell: str) -> None:
    said = ran(tmp_path, "completion", shell)
    assert said.code == 0
    assert "_SIEVE_JOBS_COMPLETE" in said.out


def test_version(tmp_path: Path) -> None:
    from sieve_jobs import __version__

    assert ran(tmp_path, "version").out == f"sieve-jobs {__version__}\n"
    assert ran(tmp_path, "version", "--json").document["version"] == __version__


def test_a_page_for_a_code(tmp_path: Path) -> None:
    assert ran(tmp_path, "explain", "sj181").out.startswith("SJ181: unknown config key\n\n")
    assert ran(tmp_path, "explain", "SJ181", "--json").document["title"] == "unknown config key"


def test_every_code_that_the_command_line_uses_has_a_page() -> None:
    import re

    from sieve_jobs.pages import read_pages

    used: set[str] = set()
    for folder in ("cli", "config"):
        for path in (Path(__file__).parents[2] / "sieve_jobs" / folder).glob("*.py"):
            used |= set(re.findall(r'"(SJ\d{3})"', path.read_text()))
    assert used <= set(read_pages())
