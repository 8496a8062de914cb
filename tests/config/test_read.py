"""What a config may say, and how each thing it may not say is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.config import Config, EngineTable, Project, Target, parse_duration, read_config
from sieve_jobs.config.read import parse_config
from sieve_jobs.config.stand_ins import config_line, stand_in_for
from sieve_jobs.diagnostic import Diagnostic
from sieve_jobs.errors import InvalidError

FULL = """
[project]
specs = ["jobspecs", "more"]
functions = ["functions"]
owner = "acme"
secrets = ["*_PIN"]
public = ["VIDEO_KEY"]

[engine]
allow_private = ["10.0.0.0/8", "[fd00::1]:9000"]
cors_origins = ["http://localhost:3000"]
webhook_shape = "pairs"
install = false
keep = "7d"
workers = 3
time_limit = "12h"
memory_limit = "1.5GiB"
process_limit = 64
idle_limit = 90
queue_limit = 500
disk_full = "87.5%"
disk_spare = "20GB"
webhook_retries = 0

[targets.prod]
endpoint = "https://mango.sievedata.com/"
api_key_env = "PROD_KEY"
state = "state/prod.db"
concurrency = 16
allow_env = ["CDN_*"]
max_pushes = 200
wait = "30m"
settle = 130
ignore_query = ["token"]
vars = {RELEASE = "2026.11"}
"""


E = "[engine]\n"


def problems(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(InvalidError) as caught:
        parse_config(text.encode())
    return caught.value.diagnostics


def test_every_key() -> None:
    config = parse_config(FULL.encode())
    assert config.project == Project(("jobspecs", "more"), ("functions",), "acme", ("*_PIN",), ("VIDEO_KEY",))
    private, origins = ("10.0.0.0/8", "[fd00::1]:9000"), ("http://localhost:3000",)
    assert config.engine == EngineTable(
        private, origins, "pairs", install=False, keep=604_800.0, workers=3, time_limit=43_200.0,
        memory_limit=1_610_612_736, process_limit=64, idle_limit=90.0, queue_limit=500, disk_full=0.875,
        disk_spare=20_000_000_000, webhook_retries=0,
    )  # fmt: skip
    assert config.targets["prod"] == Target(
        "prod", "https://mango.sievedata.com", "PROD_KEY", "state/prod.db", 16, ("CDN_*",), 200, 1800.0, 130.0,
        ("token",), {"RELEASE": "2026.11"},
    )  # fmt: skip
    assert config.targets["local"] == Target("local", "local")
    assert config.remotes == ("prod",)


def test_a_state_in_git_and_its_lineage() -> None:
    prod = parse_config((P + 'state = "git"\nlineage = "0123abcd"').encode()).targets["p"]
    assert (prod.in_git, prod.lineage) == (True, "0123abcd")
    assert not parse_config((P + 'state = "./git"').encode()).targets["p"].in_git


def test_without_a_file_all_is_default(tmp_path: Path) -> None:
    assert read_config(tmp_path) == Config(Project(), {"local": Target("local", "local")}, exists=False)


def test_a_remote_target_has_a_limit_of_pushes_and_the_local_one_has_none() -> None:
    targets = parse_config(b'[targets.p]\nendpoint = "https://x.y"\n[targets.q]\nendpoint = "local"').targets
    assert (targets["p"].max_pushes, targets["q"].max_pushes, targets["local"].max_pushes) == (50, None, None)


def test_state_paths(tmp_path: Path) -> None:
    assert Target("p", "https://x.y").state_path(tmp_path) == tmp_path / ".sieve-jobs/p.db"
    assert Target("p", "https://x.y", state="a/b.db").state_path(tmp_path) == tmp_path / "a/b.db"
    assert Target("p", "https://x.y", state="git").state_path(tmp_path) == tmp_path / ".sieve-jobs/p.copy.db"
    assert Target("env", "https://x.y", store_name="env-x.y-443").state_path(tmp_path).name == "env-x.y-443.db"


P = '[targets.p]\nendpoint = "https://x.y"\n'
S = "[targets.local]\n"
STAND_INS = S + 'stand_ins = {"sieve/dubbing" = "me/dub_draft", "sieve/dubbing:0a1b" = "me/old:77f0"}\n'


def test_stand_ins() -> None:
    local = parse_config(STAND_INS.encode()).targets["local"]
    assert local.stand_ins == {"sieve/dubbing": "me/dub_draft", "sieve/dubbing:0a1b": "me/old:77f0"}


def test_a_line_of_stand_ins_is_shown_with_what_is_wrong_in_it() -> None:
    line = "stand_ins = {'a/b' = 'c'}"
    (problem,) = problems(S + line)
    assert problem.place is not None
    assert (problem.place.text, problem.place.width) == (line, 3)
    (problem,) = problems("targets.local = {vars = {A = 'canary'}, stand_ins = {'a/b' = 'c'}}")
    assert "canary" not in repr(problem)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param("sieve/dubbing", "me/dub_draft", id="any version"),
        pytest.param("sieve/dubbing:9f9f", "me/dub_draft", id="another version"),
        pytest.param("sieve/dubbing:0a1b", "me/old:77f0", id="the version that is named"),
        pytest.param("sieve/captions", None, id="another function"),
        pytest.param("other/dubbing", None, id="another author"),
    ],
)
def test_what_stands_in_for_what(function: str, expected: str | None) -> None:
    assert stand_in_for(function, parse_config(STAND_INS.encode()).targets["local"].stand_ins) == expected


def test_the_line_to_paste_reads_back_with_what_was_there() -> None:
    line = config_line({"a/b": "me/b"}, 'odd/"name"', "me/odd")
    assert parse_config((S + line).encode()).targets["local"].stand_ins == {"a/b": "me/b", 'odd/"name"': "me/odd"}


@pytest.mark.parametrize(
    ("text", "code", "place", "needle"),
    [
        pytest.param("[projekt]\n", "SJ181", "1:2", "did you mean 'project'?", id="unknown table"),
        pytest.param("[project]\n spec = []\n", "SJ181", "2:2", "did you mean 'specs'?", id="unknown project key"),
        pytest.param(P + "concurency = 3", "SJ181", "3:1", "did you mean 'concurrency'?", id="unknown target key"),
        pytest.param('targets.p = {endpoint = "local", wat = 1}', "SJ181", "1:34", "'wat'", id="in an inline table"),
        pytest.param("project.wat = 1", "SJ181", "1:9", "'wat'", id="dotted key"),
        pytest.param('["project"]\n"wat" = 1', "SJ181", "2:1", "'wat'", id="quoted key"),
        pytest.param("[project]\nspecs = [1]", "SJ182", "2:9", "a list of strings", id="list of numbers"),
        pytest.param("[project]\nowner = 'a/b'", "SJ182", "2:9", "letters, digits", id="owner with a slash"),
        pytest.param("project = 3", "SJ182", "1:11", "[project]", id="table that is a number"),
        pytest.param("[targets]\np = 3", "SJ182", "2:5", "[targets.p]", id="target that is a number"),
        pytest.param(P + "concurrency = 0", "SJ182", "3:15", "from 1 to 64", id="concurrency of zero"),
        pytest.param(P + "concurrency = true", "SJ182", "3:15", "from 1 to 64", id="a boolean is no number"),
        pytest.param(P + "max_pushes = -1", "SJ182", "3:14", "a whole number from 0", id="negative limit"),
        pytest.param(P + 'wait = "soon"', "SJ182", "3:8", "30m", id="no duration"),
        pytest.param(P + "wait = -1", "SJ182", "3:8", "30m", id="negative duration"),
        pytest.param(P + "settle = inf", "SJ182", "3:10", "30m", id="endless duration"),
        pytest.param(P + "vars = {A = 1}", "SJ182", "3:8", "a string for 'A'", id="variable that is a number"),
        pytest.param(P + "vars = {A-B = ''}", "SJ182", "3:8", "'A-B'", id="variable without a name"),
        pytest.param(P + "api_key_env = 'sk-canary'", "SJ182", "3:15", "not the key itself", id="key instead of name"),
        pytest.param(
            "[targets.q]\nendpoint = 'local'\nstate = 'git'", "SJ182", "3:9", "cannot be shared", id="engine's in git"
        ),
        pytest.param(P + "state = 's3://canary/x'", "SJ183", "3:9", "not supported yet", id="state in a bucket"),
        pytest.param(P + "max_cost = 1.0", "SJ183", "3:1", "'max_cost' is not supported yet", id="budget"),
        pytest.param(P + "stand_ins = {}", "SJ182", "3:1", "the embedded engine", id="stand-ins on a remote target"),
        pytest.param(S + "stand_ins = ['a/b']", "SJ182", "2:13", "a table such as", id="stand-ins that are a list"),
        pytest.param(S + "stand_ins = {dubbing = 'me/a'}", "SJ182", "2:14", "'dubbing' is no", id="no author"),
        pytest.param(S + "stand_ins = {'a/b' = 'c'}", "SJ182", "2:22", "author/name", id="stand-in without author"),
        pytest.param(S + "stand_ins = {'a/b' = 3}", "SJ182", "2:22", "author/name", id="stand-in that is a number"),
        pytest.param(S + "stand_ins = {'a/b' = 'a/b'}", "SJ182", "2:22", "for itself", id="stand-in for itself"),
        pytest.param(S + "stand_ins = {'a/b' = 'a/b:1'}", "SJ182", "2:22", "for itself", id="its own other version"),
        pytest.param(
            S + "stand_ins = {'a/b' = 'c/d:1', 'c/d' = 'me/e'}", "SJ182", "2:22", "in the end: 'me/e'", id="chain"
        ),
        pytest.param(
            "[targets.local.stand_ins]\n'a/b' = 'a/ b'", "SJ182", "2:9", "author/name", id="stand-in with a space"
        ),
        pytest.param(P + "state = 'git'\nlineage = ''", "SJ182", "4:11", "8 to 64", id="empty lineage"),
        pytest.param(P + "lineage = 'abcdefgh'", "SJ182", "3:1", "git", id="lineage of a state that is not shared"),
        pytest.param(P + "uploads = ''", "SJ183", "3:1", "not supported yet", id="uploads"),
        pytest.param("[engine]\nkeep = 'long'", "SJ182", "2:8", "a duration such as", id="no duration of the engine"),
        pytest.param("[engine]\ninstall = 'no'", "SJ182", "2:11", "true or false", id="text for a switch"),
        pytest.param("[engine]\nallow_private = ['lan']", "SJ182", "2:17", "10.0.0.0/8", id="no address"),
        pytest.param("[engine]\ncors_origins = ['*']", "SJ182", "2:16", "without path or wildcard", id="any origin"),
        pytest.param("[engine]\nwebhook_shape = 1", "SJ182", "2:17", '"pairs"', id="no shape"),
        pytest.param(E + "workers = 0", "SJ182", "2:11", "from 1 to 64", id="no workers"),
        pytest.param(E + "time_limit = '0s'", "SJ182", "2:14", 'from "1s"', id="no time"),
        pytest.param(E + "idle_limit = 'long'", "SJ182", "2:14", 'from "1s"', id="no time-out"),
        pytest.param(E + "memory_limit = '8 G'", "SJ182", "2:16", '"24GB"', id="a size in other units"),
        pytest.param(E + "memory_limit = 8", "SJ182", "2:16", 'from "64MiB"', id="too little memory"),
        pytest.param(E + "disk_spare = -1", "SJ182", "2:14", "a number of bytes", id="less than nothing"),
        pytest.param(E + "disk_full = 0.95", "SJ182", "2:13", '"95%"', id="no percentage"),
        pytest.param(E + "disk_full = '101%'", "SJ182", "2:13", '"95%"', id="more than all"),
        pytest.param(E + "queue_limit = true", "SJ182", "2:15", "a whole number", id="a switch for a number"),
        pytest.param("[targets.p]\nwait = 3", "SJ182", "1:10", "no endpoint", id="no endpoint"),
        pytest.param("[targets.p]\nendpoint = 'http://x.y'", "SJ182", "2:12", "in the open", id="plain http"),
        pytest.param("[targets.p]\nendpoint = 'https://u:canary@x.y'", "SJ182", "2:12", "https url", id="user in url"),
        pytest.param("[targets.p]\nendpoint = 'https://x.y:0'", "SJ182", "2:12", "https url", id="port zero"),
        pytest.param("[targets.p]\nendpoint = 'ftp://x.y'", "SJ182", "2:12", "https url", id="other scheme"),
        pytest.param(
            "[targets.local]\nendpoint = 'https://x.y'", "SJ182", "2:12", "embedded engine", id="remote local"
        ),
        pytest.param("[targets.cache]\nendpoint = 'local'", "SJ182", "1:10", "cannot name", id="name of another file"),
        pytest.param("[targets.'a/b']\nendpoint = 'local'", "SJ182", "1:10", "cannot name", id="name with a slash"),
        pytest.param("[project\n", "SJ180", "1:9", "not valid TOML", id="syntax"),
        pytest.param("[project]\nowner = ", "SJ180", "2:9", "not valid TOML", id="syntax at the end"),
        pytest.param("a = " + "[" * 100_000, "SJ180", "", "not valid TOML", id="nested too deeply"),
    ],
)
def test_problem(text: str, code: str, place: str, needle: str) -> None:
    (problem,) = problems(text)
    assert problem.code == code
    assert str(problem.place) == (f"sieve-jobs.toml:{place}" if place else "sieve-jobs.toml")
    assert needle in f"{problem.message} {problem.expected} {problem.hint}"
    assert "canary" not in repr(problem)


def test_all_problems_are_told_at_once_in_order() -> None:
    found = problems(P + 'state = "s3://x"\nwait = "x"\n[project]\nwat = 1\n[targets.q]\n')
    assert [problem.place.line for problem in found if problem.place] == [3, 4, 6, 7]


def test_the_value_of_an_unknown_key_is_not_shown() -> None:
    (problem,) = problems(P + 'api_key = "sk-canary"')
    assert problem.place is not None
    assert problem.place.text == "api_key = …"
    assert problem.hint == "did you mean 'api_key_env'?"


def test_a_wrong_number_is_shown() -> None:
    (problem,) = problems(P + "concurrency = 99 # many")
    assert problem.place is not None
    assert (problem.place.text, problem.place.width) == ("concurrency = 99 # many", 2)


@pytest.mark.parametrize(
    ("raw", "needle"),
    [
        pytest.param(b"a = '\xff'", "not UTF-8: byte 5", id="bad bytes"),
        pytest.param(b"\xef\xbb\xbf[project]\r\nwat = 1\r\n", "'wat'", id="mark and Windows lines are read"),
    ],
)
def test_bytes(raw: bytes, needle: str) -> None:
    with pytest.raises(InvalidError, match=needle):
        parse_config(raw)


def test_unreadable_config(tmp_path: Path) -> None:
    (tmp_path / "sieve-jobs.toml").mkdir()
    with pytest.raises(InvalidError, match="is a directory"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("30m", 1800.0, id="minutes"),
        pytest.param("130s", 130.0, id="seconds"),
        pytest.param("2h", 7200.0, id="hours"),
        pytest.param("1h30m", 5400.0, id="compound"),
        pytest.param("250ms", 0.25, id="milliseconds"),
        pytest.param("1.5", 1.5, id="bare number"),
        pytest.param("7d", 604800.0, id="days"),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-3s", "3 s", "3y", "1e3", "nan", "367d", "٣s"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|days"):
        parse_duration(text)
