"""`engine webhooks`: dead letters of a running engine, seen and sent again from the command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sieve_jobs.engine.launch import attach_with
from sieve_jobs.engine.settings import Settings
from tests.engine.farside import Client, Receiver, receiving, until
from tests.forked import started
from tests.project import Ran, ran, write

ADD = """
import sieve

@sieve.function(name="add")
def add(a: int) -> int:
    return a
"""


def here(root: Path, *arguments: str) -> Ran:
    return ran(root, *arguments, environ={"PATH": os.environ["PATH"]})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_dead_letters_are_listed_and_sent_again(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "add.py").write_text(ADD)
    receiver.answers += [410, 410]
    url = receiver.url + "/hook?token=canary"
    settings = Settings(root=tmp_path, functions=(tmp_path / "functions",), workers=1, ends_with_users=True)
    with attach_with(settings) as running, Client(running.url, running.key) as client:
        assert here(tmp_path, "engine", "webhooks").out == "no events\n"
        types = ("job.start", "job.complete")
        client.run("add", {"a": 1}, webhooks=[{"type": event, "url": url} for event in types])
        sent = [receiver.next()[1]["webhook-id"] for _ in types]
        until(lambda: len(here(tmp_path, "engine", "webhooks", "--dead", "--json").document["webhooks"]) == 2)
        shown = here(tmp_path, "engine", "webhooks", "--dead")
        assert "canary" not in shown.out
        lines = shown.out.splitlines()
        assert lines[0].split() == ["event", "state", "type", "to", "tried"]
        assert {line.split()[0] for line in lines[1:]} == {each[:12] for each in sent}
        assert all("1x answered 410" in line and len(line) <= 100 for line in lines[1:])
        assert "is not known" in here(tmp_path, "engine", "webhooks", "replay", "msg_").err
        first = here(tmp_path, "engine", "webhooks", "replay", sent[0][:12])
        assert (first.code, first.out) == (0, "1 event is sent again\n")
        assert receiver.next()[1]["webhook-id"] == sent[0]
        until(lambda: "delivered" in here(tmp_path, "engine", "webhooks").out)
        again = here(tmp_path, "engine", "webhooks", "replay", sent[0])
        assert (again.code, "is no dead letter" in again.err) == (64, True)
        assert "is not known" in here(tmp_path, "engine", "webhooks", "replay", "msg_0").err
        rest = here(tmp_path, "engine", "webhooks", "replay", "--all", "--json")
        assert rest.document["replayed"] == 1
        assert receiver.next()[0] == "/hook?token=canary"


SPEC = """\
function: me/add
inputs: {{a: 1}}
webhooks: [{{type: job.complete, url: "{}"}}]
"""


def test_apply_stays_for_webhooks_until_it_is_interrupted_and_says_what_is_left(
    tmp_path: Path, receiver: Receiver
) -> None:
    write(tmp_path, {"sieve-jobs.toml": "", "functions/add.py": ADD, "jobspecs/a.yaml": SPEC.format(receiver.url)})
    receiver.answers += [500] * 9
    with started(tmp_path, "apply") as process:
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        waits = next(line for line in said if line.startswith("waiting"))
        assert waits == "waiting up to 10 s to deliver 1 webhook event; Ctrl-C: leave it to later\n"
        process.send_signal(signal.SIGINT)
        out, left = process.communicate(timeout=60)
    assert left == "1 webhook event undelivered: sieve-jobs engine webhooks\n"
    assert (process.returncode, "applied: 1 pushed" in out) == (0, True)
    assert here(tmp_path, "logs", "a").err == ""  # who only reads stays for nothing


@pytest.mark.parametrize("words", [["replay"], ["replay", "msg_1", "--all"]])
def test_replay_is_told_what(tmp_path: Path, words: list[str]) -> None:
    assert here(tmp_path, "engine", "webhooks", *words).code == 64
