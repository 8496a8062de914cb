"""The schema of the config and its reader know the same keys, and agree on what they may hold."""

from __future__ import annotations

import tomllib
from typing import Any

import jsonschema
import pytest

from sieve_jobs.config.read import ENGINE_KEYS, PROJECT_KEYS, TARGET_KEYS, parse_config
from sieve_jobs.config.schema import config_schema
from sieve_jobs.errors import InvalidError
from tests.config.test_read import FULL, STAND_INS

SCHEMA = config_schema()
P = '[targets.p]\nendpoint = "https://x.y"\n'


def target_properties() -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["properties"]["targets"]["additionalProperties"]["properties"]
    return found


def test_both_know_the_same_keys() -> None:
    assert set(SCHEMA["properties"]["project"]["properties"]) == set(PROJECT_KEYS)
    assert set(SCHEMA["properties"]["engine"]["properties"]) == set(ENGINE_KEYS)
    assert set(target_properties()) == set(TARGET_KEYS)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(FULL, id="every key"),
        pytest.param(P + "wait = 3", id="a number of seconds"),
        pytest.param('[targets.local]\nendpoint = "local"\nvars = {A = "b"}', id="settings of the local target"),
        pytest.param("[project]\nspec = []", id="unknown key"),
        pytest.param(P + "concurrency = 65", id="too many at once"),
        pytest.param(P + 'wait = "soon"', id="no duration"),
        pytest.param(P + "vars = {A = 1}", id="variable that is a number"),
        pytest.param("[targets.p]\nwait = 3", id="no endpoint"),
        pytest.param('[targets.local]\nendpoint = "https://x.y"', id="local that is not"),
        pytest.param('[targets.cache]\nendpoint = "local"', id="reserved name"),
        pytest.param(P + "max_cost = 1", id="not supported yet"),
        pytest.param(STAND_INS, id="stand-ins"),
        pytest.param("[targets.q]\nendpoint = 'local'\nstand_ins = {}", id="no stand-ins"),
        pytest.param(P + "stand_ins = {}", id="stand-ins on a remote target"),
        pytest.param("[targets.local.stand_ins]\n'dubbing' = 'me/a'", id="stand-in for no function"),
        pytest.param("[targets.local.stand_ins]\n'a/b' = 'c'", id="stand-in that is no function"),
        pytest.param("[engine]", id="empty table"),
        pytest.param("[engine]\nkeep = '7d'", id="how long the engine keeps what has ended"),
        pytest.param("[engine]\nkeep = '7 days'", id="no duration of the engine"),
        pytest.param("[engine]\ncors_origins = ['https://a.example/']", id="no origin"),
        pytest.param("[engine]\nwebhook_shape = 'other'", id="no shape"),
        pytest.param("[engine]\nworkers = 65", id="too many workers"),
        pytest.param("[engine]\nmemory_limit = '8 G'", id="a size in other units"),
        pytest.param("[engine]\nmemory_limit = 8_000_000_000", id="a number of bytes"),
        pytest.param("[engine]\ndisk_full = 0.9", id="no percentage"),
    ],
)
def test_they_agree(text: str) -> None:
    try:
        parse_config(text.encode())
        reads = True
    except InvalidError:
        reads = False
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(tomllib.loads(text)) is reads
