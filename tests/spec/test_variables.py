"""Where values come from, in which order, who may be read, and what is secret."""

from __future__ import annotations

import pytest

from sieve_jobs.spec.variables import DENIED_BY_DEFAULT, Found, Variables

EVERYWHERE = {"cli": {"V": "1"}, "target": {"V": "2"}, "environ": {"V": "3"}, "dotenv": {"V": "4"}}


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        pytest.param([], Found("1", "--var"), id="cli"),
        pytest.param(["cli"], Found("2", "vars"), id="target"),
        pytest.param(["cli", "target"], Found("3", "environment"), id="environment"),
        pytest.param(["cli", "target", "environ"], Found("4", ".env"), id="dotenv"),
        pytest.param(["cli", "target", "environ", "dotenv"], None, id="nowhere"),
    ],
)
def test_reviewed_goes_before_ambient(without: list[str], expected: Found | None) -> None:
    given = {name: values for name, values in EVERYWHERE.items() if name not in without}
    assert Variables(**given).find("V") == expected  # type: ignore[arg-type]


def test_an_empty_value_is_set() -> None:
    assert Variables(environ={"V": ""}, dotenv={"V": "x"}).find("V") == Found("", "environment")


DENIED = [
    "AWS_SECRET_ACCESS_KEY", "AWS_", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_CLIENT_SECRET", "GITHUB_TOKEN",
    "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN", "SIEVE_API_KEY", "SIEVE_JOBS_STATE_KEY", "SSH_AUTH_SOCK", "PGPASSWORD", "PG",
]  # fmt: skip
ALLOWED = ["HOME", "MY_AWS_KEY", "aws_secret", "AWS", "GOOGLE", "GH", "GITHUBX", "OPENAI_API_KEY", "P", "_SIEVE_X"]


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in DENIED])
def test_what_is_denied_by_default(name: str) -> None:
    for ambient in ({"environ": {name: "x"}}, {"dotenv": {name: "x"}}):
        variables = Variables(**ambient)  # type: ignore[arg-type]
        assert (variables.find(name), variables.is_withheld(name), variables.names()) == (None, True, [])
    reviewed = Variables(cli={name: "x"}, environ={name: "y"})
    assert reviewed.find(name) == Found("x", "--var")
    assert Variables(target={name: "x"}).find(name) == Found("x", "vars")
    assert not Variables().is_withheld(name)


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in ALLOWED])
def test_what_is_allowed_by_default(name: str) -> None:
    variables = Variables(environ={name: "x"})
    assert (variables.find(name), variables.is_withheld(name)) == (Found("x", "environment"), False)


def test_every_denial_is_tested() -> None:
    assert {glob.rstrip("*") for glob in DENIED_BY_DEFAULT} <= {
        name[: len(glob.rstrip("*"))] for name in DENIED for glob in DENIED_BY_DEFAULT
    }


def test_allow_env_is_the_whole_list() -> None:
    names = ["CDN_HOST", "OPENAI_API_KEY", "GITHUB_SHA", "HOME", "OPENAI_API_KEYS", "XCDN_HOST"]
    variables = Variables(environ=dict.fromkeys(names, "x"), allow=["CDN_*", "OPENAI_API_KEY", "GITHUB_?HA"])
    assert [name for name in names if variables.find(name)] == ["CDN_HOST", "OPENAI_API_KEY", "GITHUB_SHA"]
    assert variables.names() == ["CDN_HOST", "GITHUB_SHA", "OPENAI_API_KEY"]
    nothing = Variables(environ={"HOME": "x"}, allow=[], cli={"V": "1"})
    assert (nothing.find("HOME"), nothing.is_withheld("HOME"), nothing.names()) == (None, True, ["V"])


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        pytest.param("OPENAI_API_KEY", True, id="key"),
        pytest.param("GH_TOKEN", True, id="token"),
        pytest.param("CLIENT_SECRET", True, id="secret"),
        pytest.param("PASSWORD", True, id="password"),
        pytest.param("DB_PASSWORD_2", True, id="password-within"),
        pytest.param("_KEY", True, id="bare"),
        pytest.param("KEY", False, id="no-underscore"),
        pytest.param("KEY_ID", False, id="key-not-last"),
        pytest.param("MONKEY", False, id="monkey"),
        pytest.param("TOKENS", False, id="plural"),
        pytest.param("VIDEO_KEY", False, id="named-public"),
    ],
)
def test_secrets_by_default(name: str, secret: bool) -> None:
    assert Variables(public=["VIDEO_KEY"]).is_secret(name) == secret


@pytest.mark.parametrize(
    ("patterns", "name", "secret"),
    [
        pytest.param(["*_PIN"], "CARD_PIN", True, id="own"),
        pytest.param(["*_PIN"], "API_KEY", False, id="replaces-the-default"),
        pytest.param([], "API_KEY", False, id="none"),
        pytest.param(["A.C"], "ABC", False, id="a-dot-is-a-dot"),
        pytest.param(["[AB]_X"], "A_X", False, id="brackets-are-brackets"),
        pytest.param(["?_X"], "A_X", True, id="question-mark"),
        pytest.param(["A|B"], "B", False, id="a-bar-is-a-bar"),
        pytest.param(["*"], "ANY", True, id="all"),
    ],
)
def test_patterns(patterns: list[str], name: str, secret: bool) -> None:
    assert Variables(secrets=patterns).is_secret(name) == secret
