"""Secrets are taken out of what the far side wrote, in every form they are likely to come in."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.push.redact import MASK, Redactor, resolved_secrets
from tests.plan.world import asks, variable

CANARY = 'k9/"é x+=?\\p'


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(CANARY, id="plain"),
        pytest.param(json.dumps(CANARY)[1:-1], id="json"),
        pytest.param(json.dumps(CANARY, ensure_ascii=False)[1:-1], id="json-utf8"),
        pytest.param(json.dumps(json.dumps(CANARY)[1:-1])[1:-1], id="json-in-json"),
        pytest.param(quote(CANARY, safe=""), id="percent"),
        pytest.param(quote(CANARY, safe="").lower(), id="percent-lower"),
        pytest.param(quote(CANARY), id="percent-path"),
        pytest.param(quote_plus(CANARY), id="form"),
        pytest.param(repr(CANARY)[1:-1], id="repr"),
        pytest.param(CANARY.encode().hex(), id="hex"),
    ],
)
def test_a_secret_is_found_in_this_form(form: str) -> None:
    assert Redactor([CANARY]).clean(f"bad value {form}!") == f"bad value {MASK}!"


@given(st.text(st.characters(max_codepoint=127), min_size=6, max_size=40), st.binary(max_size=8), st.binary(max_size=8))
def test_a_secret_inside_base64_is_found_at_every_alignment(secret: str, before: bytes, after: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert MASK in Redactor([secret]).clean(encode(before + secret.encode() + after).decode())


@given(st.text(min_size=4, max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_secret_survives_in_plain(secret: str, before: str, after: str) -> None:
    cleaned = Redactor([secret]).clean(before + secret + after)
    assert MASK in cleaned


def test_short_values_are_left_alone() -> None:
    assert Redactor(["abc", ""]).clean("abcabc") == "abcabc"


def test_the_longest_form_goes_first() -> None:
    assert Redactor(["token", "token-and-more"]).clean("x token-and-more y") == f"x {MASK} y"


def test_its_repr_shows_nothing() -> None:
    assert "canary-value" not in repr(Redactor(["canary-value"]))


def test_a_spec_s_secrets_and_interpolated_env_values_are_its_secrets() -> None:
    detail = asks(
        "a",
        env={
            "API": variable("TOKEN", "token-value", before="Bearer "),
            "REGION": variable("REGION", "eu-west"),
            "N": "lit",
        },
        secret_inputs={"k": variable("OTHER_TOKEN", "other-value")},
    )
    assert resolved_secrets(detail.spec) == {"token-value", "eu-west", "other-value"}
