"""Which project and which target a run speaks of."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.config import choose_target, find_root, key_hint, needs_shared_state
from sieve_jobs.config.read import parse_config
from sieve_jobs.errors import InvalidError, UsageError

BARE = parse_config(b"")
PROD = parse_config(
    b'[targets.prod]\nendpoint = "https://x.y"\n[targets.stage]\nendpoint = "https://z.y"\nstate = "s.db"'
)
URL = {"SIEVE_API_URL": "http://127.0.0.1:8080/"}
KEY = {"SIEVE_API_KEY": "sk-canary"}


@pytest.mark.parametrize(
    ("signs", "start", "root"),
    [
        pytest.param(["a/sieve-jobs.toml", "a/b/.git/x"], "a/b/c", "a", id="a config goes before a nearer repository"),
        pytest.param(["sieve-jobs.toml", "a/sieve-jobs.toml"], "a/b/c", "a", id="the nearest config"),
        pytest.param(["a/.sieve-jobs/x", "a/b/.git/x"], "a/b/c", "a", id="a state goes before a repository"),
        pytest.param(["a/.git/x"], "a/b/c", "a", id="the repository"),
        pytest.param(["a/b/.git"], "a/b/c", "a/b", id="the repository of a worktree"),
        pytest.param([], "a/b/c", "a/b/c", id="the working directory"),
    ],
)
def test_find_root(tmp_path: Path, signs: list[str], start: str, root: str) -> None:
    (tmp_path / start).mkdir(parents=True)
    for sign in signs:
        (tmp_path / sign).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / sign).write_text("")
    assert find_root(tmp_path / start) == tmp_path / root


@pytest.mark.parametrize(
    ("config", "name", "environ", "chosen"),
    [
        pytest.param(BARE, None, {}, ("local", "local"), id="default"),
        pytest.param(BARE, None, KEY, ("local", "local"), id="a key alone never chooses the cloud"),
        pytest.param(BARE, None, URL, ("env", "http://127.0.0.1:8080"), id="a url does"),
        pytest.param(BARE, "local", URL, ("local", "local"), id="a name goes before the url"),
        pytest.param(PROD, None, URL, ("local", "local"), id="a url does not, beside a remote target"),
        pytest.param(PROD, "env", URL, ("env", "http://127.0.0.1:8080"), id="unless it is asked for"),
        pytest.param(PROD, "prod", {}, ("prod", "https://x.y"), id="by --target"),
        pytest.param(PROD, None, {"SIEVE_JOBS_TARGET": "prod"}, ("prod", "https://x.y"), id="by the environment"),
        pytest.param(PROD, "stage", {"SIEVE_JOBS_TARGET": "prod"}, ("stage", "https://z.y"), id="--target goes first"),
        pytest.param(PROD, None, {"SIEVE_JOBS_TARGET": ""}, ("local", "local"), id="an empty variable is unset"),
    ],
)
def test_choose_target(config, name, environ, chosen) -> None:
    target = choose_target(config, name, environ)
    assert (target.name, target.endpoint) == chosen


def test_the_state_of_env_is_named_after_host_and_port(tmp_path: Path) -> None:
    def state(url: str) -> str:
        return choose_target(BARE, None, {"SIEVE_API_URL": url}).state_path(tmp_path).name

    assert state("http://127.0.0.1:8080") == "env-127.0.0.1-8080.db"
    assert state("https://Mango.sievedata.com") == "env-mango.sievedata.com-443.db"
    assert state("http://[::1]:9") == "env-___1_-9.db"


@pytest.mark.parametrize(
    ("config", "name", "environ", "needle"),
    [
        pytest.param(PROD, "prd", {}, "did you mean 'prod'?", id="close"),
        pytest.param(PROD, None, {"SIEVE_JOBS_TARGET": "nope"}, "(SIEVE_JOBS_TARGET)", id="from the environment"),
        pytest.param(BARE, "env", {}, "SIEVE_API_URL, which is not set", id="env without a url"),
    ],
)
def test_no_such_target(config, name, environ, needle) -> None:
    with pytest.raises(UsageError) as caught:
        choose_target(config, name, environ)
    (problem,) = caught.value.diagnostics
    assert needle in f"{problem.message} {problem.hint}"


def test_a_url_that_is_none() -> None:
    with pytest.raises(InvalidError) as caught:
        choose_target(BARE, None, {"SIEVE_API_URL": "http://user:canary@x"})
    assert "canary" not in repr(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("config", "name", "environ", "needle"),
    [
        pytest.param(BARE, None, KEY, "SIEVE_API_URL=https://mango.sievedata.com", id="without a remote target"),
        pytest.param(PROD, None, KEY, "-t prod", id="with one"),
        pytest.param(BARE, None, {}, None, id="no key"),
        pytest.param(BARE, "local", KEY, None, id="local was asked for"),
        pytest.param(BARE, None, KEY | {"SIEVE_JOBS_TARGET": "local"}, None, id="local was set"),
    ],
)
def test_key_hint(config, name, environ, needle) -> None:
    line = key_hint(config, name, environ)
    assert line is None if needle is None else needle in line
    assert "canary" not in str(line)


@pytest.mark.parametrize(
    ("name", "environ", "refused"),
    [
        pytest.param("prod", {"CI": "true"}, True, id="remote in CI"),
        pytest.param("prod", {"CI": "false"}, False, id="remote elsewhere"),
        pytest.param("prod", {}, False, id="remote at a desk"),
        pytest.param("stage", {"CI": "true"}, False, id="remote in CI with a path"),
        pytest.param("local", {"CI": "true"}, False, id="local in CI"),
    ],
)
def test_ci_needs_a_state_that_stays(name: str, environ: dict[str, str], refused: bool) -> None:
    target = choose_target(PROD, name, {})
    if not refused:
        needs_shared_state(target, environ)
        return
    with pytest.raises(InvalidError) as caught:
        needs_shared_state(target, environ)
    assert '[targets.prod]\nstate = "' in str(caught.value.diagnostics[0].expected)
