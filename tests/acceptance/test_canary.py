"""A secret in env, inputs and a webhook url is found nowhere: not in state, output, JSON, logs or errors."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path

import pytest

from tests.cloud import Cloud, Fault, Outcome, Script
from tests.project import Project, Ran

CANARY = 'c4nary/"Zürich"+ü=?x'
SPEC = """\
function: sieve/dubbing
inputs:
  voice: ${VOICE_KEY}
  note: "before ${VOICE_KEY} after"
env:
  OPENAI_API_KEY: ${VOICE_KEY}
webhooks:
  - {type: job.complete, url: "https://hooks.example.com/x?k=${VOICE_KEY}"}
"""


def forms(secret: str) -> list[bytes]:
    """The ways a value may stand in a file or on a screen."""
    raw = secret.encode()
    texts = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        urllib.parse.quote(secret),
        raw.hex(),
    }
    encoded = [text.encode() for text in texts]
    # Base64 of a longer text that holds the value, at each alignment, without the edges that its neighbours change.
    return encoded + [base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)]


def leaks(where: Path, ran: list[Ran]) -> list[str]:
    found = [
        f"{path.name} holds {form!r}"
        for path in where.rglob("*")
        if path.is_file()
        for form in forms(CANARY)
        if form in path.read_bytes()
    ]
    shown = "".join(each.all for each in ran).encode()
    return found + [f"output holds {form!r}" for form in forms(CANARY) if form in shown]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(), id="fine"),
        pytest.param(
            Script(outcomes=[Outcome(status="error", error=f"Traceback\nValueError: {CANARY}")]), id="job-error"
        ),
        pytest.param(Script(outcomes=[Outcome(status="error", error="x", logs=[f"using {CANARY}"])]), id="job-log"),
        pytest.param(Script(faults=[Fault(status=400, body={"detail": f"bad voice {CANARY}"})]), id="refused"),
        pytest.param(Script(faults=[Fault(status=500, body={"detail": CANARY})]), id="broken"),
        pytest.param(Script(faults=[Fault(status=401, body={"detail": f"key {CANARY}"})]), id="unauthorized"),
        pytest.param(Script(faults=[Fault(kind="reset")]), id="reset"),
        pytest.param(Script(faults=[Fault(kind="cut")]), id="cut"),
    ],
)
def test_a_canary_is_found_nowhere(tmp_path: Path, script: Script) -> None:
    with Cloud.running(script) as cloud:
        project = Project(tmp_path / "p", cloud.url, environ={"VOICE_KEY": CANARY})
        project.write("dub.yaml", SPEC)
        ran = [project.apply("--json"), project.remote("show", "dub")]
        assert cloud.pushes[0].json["inputs"]["voice"] == CANARY
        assert leaks(project.root, ran) == []
        assert "Traceback (most recent call last)" not in "".join(each.err for each in ran)


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "--verbose"],
        ["plan", "--json"],
        ["plan", "--show-request", "dub"],
        ["apply", "--yes", "--events", "--rerun", "dub"],
        ["render", "dub"],
        ["status"],
        ["explain", "dub"],
        ["state", "export"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_no_verb_shows_it(tmp_path: Path, words: list[str]) -> None:
    with Cloud.running() as cloud:
        project = Project(tmp_path / "p", cloud.url, environ={"VOICE_KEY": CANARY})
        project.write("dub.yaml", SPEC)
        ran = [project.apply(), project.remote(*words)]
        assert [each.code for each in ran] == [0, 0], ran[1].all
        assert leaks(project.root, ran) == []
