"""A config's text gets what a shared target lacks, and nothing else of it changes."""

from __future__ import annotations

import tomllib

import pytest

from sieve_jobs.config.team import with_team_target

SIEVE = "https://mango.sievedata.com"
WHOLE = {"endpoint": SIEVE, "api_key_env": "SIEVE_API_KEY", "state": "git", "lineage": "L"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", WHOLE, id="empty"),
        pytest.param("[project]\nowner = 'me'", WHOLE, id="no line end"),
        pytest.param("[targets.staging]\nendpoint = 'https://x'\n", WHOLE, id="another target"),
        pytest.param(
            "[targets.prod]  # ours\nendpoint = 'https://x'\n[project]\nowner = 'me'\n",
            {"endpoint": "https://x", "state": "git", "lineage": "L"}, id="a target",
        ),
        pytest.param(
            "[ targets . 'prod' ]\nendpoint = 'https://x'\nstate = 'git'\n",
            {"endpoint": "https://x", "state": "git", "lineage": "L"}, id="only its lineage",
        ),
        pytest.param(
            "[targets.prod.vars]\nA = 'b'\n[targets.prod]\nendpoint = 'https://x'\n",
            {"endpoint": "https://x", "state": "git", "lineage": "L", "vars": {"A": "b"}}, id="its table stands later",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_put_in(text: str, expected: dict[str, object]) -> None:
    changed = with_team_target(text, "prod", "L")
    assert tomllib.loads(changed)["targets"]["prod"] == expected
    kept = [line for line in text.splitlines() if line]
    assert [line for line in changed.splitlines() if line in kept] == kept
    assert with_team_target(changed, "prod", "another") == changed


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[targets.prod]\nendpoint = 'https://x'\nstate = '/srv/prod.db'\n", id="a state elsewhere"),
        pytest.param("[targets.prod]\nendpoint = 'https://x'\nstate = 'git'\nlineage = 'M'\n", id="nothing is missing"),
    ],
)
def test_what_is_there_stays(text: str) -> None:
    assert with_team_target(text, "prod", "L") == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("targets = {prod = {endpoint = 'https://x'}}\n", id="inline"),
        pytest.param("targets.prod.endpoint = 'https://x'\n", id="dotted"),
        pytest.param("[targets]\nprod = {endpoint = 'https://x'}\n", id="half inline"),
        pytest.param("[targets]\nprod.endpoint = 'https://x'\na = '''\n[targets.prod]\n'''\n", id="in a text"),
    ],
)
def test_a_form_that_cannot_be_added_to_is_told_with_the_lines(text: str) -> None:
    with pytest.raises(ValueError, match=r'(?s)\[targets\.prod\]\nstate = "git" .*\nlineage = "L"'):
        with_team_target(text, "prod", "L")


def test_a_name_with_a_dot_is_quoted() -> None:
    changed = with_team_target("", "eu.prod", "L")
    assert tomllib.loads(changed)["targets"] == {"eu.prod": WHOLE}
    assert with_team_target('[targets."eu.prod"]\nendpoint = "https://x"\n', "eu.prod", "L").count("lineage") == 1
