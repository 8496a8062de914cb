"""What is a change and what is none; golden digests that no release may alter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sieve_jobs.spec.digest import digest_under
from sieve_jobs.spec.urls import resource
from tests.language.world import detail

GOLDEN = json.loads((Path(__file__).parent / "golden_digests.json").read_text())
BASE = """\
function: sieve/dubbing
inputs:
  source_file: {url: "https://cdn.example.com/a.mp4?part=2"}
  width: 640
env: {MODE: fast}
"""


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_golden(tmp_path: Path, golden: dict[str, str]) -> None:
    environ = {"HOST": "cdn.example.com", "MY_KEY": "secret"}
    assert detail(tmp_path, golden["spec"], environ).digest == golden["digest"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("function", "# comment\nfunction", id="comment"),
        pytest.param(BASE, "env: {MODE: fast}\n" + BASE.replace("env: {MODE: fast}\n", ""), id="order"),
        pytest.param("width: 640", "width: 0x280", id="another way to write the number"),
        pytest.param("fast", '"fast"', id="quotes"),
        pytest.param("env:", "description: x\nlabels: {a: b}\nenv:", id="words for people"),
        pytest.param("env:", "protect: false\nrerun: null\nrerun_on: []\nwebhooks: null\nenv:", id="defaults"),
        pytest.param("env:", "webhooks: [{type: job.start, url: 'https://h/x'}]\nenv:", id="webhooks"),
        pytest.param("a.mp4?part=2", "a.mp4?X-Amz-Signature=1&part=2&X-Amz-Date=2", id="signature"),
        pytest.param("https://cdn", "https://me:pw@cdn", id="userinfo"),
    ],
)  # fmt: skip
def test_no_change(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert detail(tmp_path, BASE).digest == detail(tmp_path, BASE.replace(old, new, 1)).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("sieve/dubbing", "sieve/dubbing:2", id="version"),
        pytest.param("640", "641", id="number"),
        pytest.param("640", "640.0", id="integer and float"),
        pytest.param("640", '"640"', id="number and text"),
        pytest.param("width", "height", id="parameter"),
        pytest.param("part=2", "part=3", id="query"),
        pytest.param("fast", "slow", id="env value"),
        pytest.param("MODE", "SPEED", id="env name"),
        pytest.param("env:", "rerun: again\nenv:", id="salt"),
        pytest.param("  width: 640\n", "", id="left out"),
    ],
)
def test_a_change(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    assert detail(tmp_path, BASE).digest != detail(tmp_path, BASE.replace(old, new, 1)).digest


def test_a_reference_is_not_the_text_it_looks_like(tmp_path: Path) -> None:
    secret = "function: a/b\ninputs: {a: '${MY_KEY}'}\n"
    literal = "function: a/b\ninputs: {a: '$${MY_KEY}'}\n"
    assert detail(tmp_path, secret, {"MY_KEY": "x"}).digest != detail(tmp_path, literal).digest


def test_a_local_file_counts_by_its_content(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {a: {file: ../clips/x.mp4}}\n"
    clip = tmp_path / "clips" / "x.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"one")
    one = detail(tmp_path, text, local=True).digest
    clip.with_name("y.mp4").write_bytes(b"one")
    assert detail(tmp_path, text.replace("x.mp4", "y.mp4"), local=True).digest == one
    clip.write_bytes(b"two")
    assert detail(tmp_path, text, local=True).digest != one


def test_the_source_of_a_function_counts_on_the_engine(tmp_path: Path) -> None:
    text = "function: me/x:latest\n"
    digests = {detail(tmp_path, text, sources=sources).digest for sources in (None, {"me/x": "1"}, {"me/x": "2"})}
    assert len(digests) == 3
    assert detail(tmp_path, text, sources={"me/y": "1"}).digest == detail(tmp_path, text).digest


def test_another_classification_gives_the_digest_it_had(tmp_path: Path) -> None:
    text = "function: a/b\ninputs: {a: '${REGION}'}\n"
    open_ = detail(tmp_path, text, {"REGION": "eu"})
    assert digest_under(open_, {"REGION": False}) == open_.digest
    assert digest_under(open_, {"REGION": True}) != open_.digest


def test_tags_tell_a_change_only_under_one_key(tmp_path: Path) -> None:
    text = "function: a/b\nenv: {E: '${PLAIN}', S: '${MY_KEY}'}\n"
    one = detail(tmp_path, text, {"PLAIN": "1", "MY_KEY": "k"})
    two = detail(tmp_path, text, {"PLAIN": "2", "MY_KEY": "l"})
    assert one.digest == two.digest
    assert one.tags.env["E"] != two.tags.env["E"]
    assert one.tags.secrets["env.S"] != two.tags.secrets["env.S"]
    assert one.fingerprint != two.fingerprint
    assert detail(tmp_path, text, {"PLAIN": "1", "MY_KEY": "k"}, key=None).tags.env == {}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://h/a", "https://h/a"),
        ("https://u:p@h/a", "https://h/a"),
        ("https://h/a?x=1&X-Amz-Signature=s#f", "https://h/a?x=1#f"),
        ("https://h/a?X-Goog-Expires=5", "https://h/a"),
        ("https://h/a?Expires=1", "https://h/a?Expires=1"),
        ("https://h/a?Expires=1&Signature=s&Key-Pair-Id=k&v=2", "https://h/a?v=2"),
        ("https://h/a?sv=1&se=2", "https://h/a?sv=1&se=2"),
        ("https://h/a?sv=1&se=2&sig=3", "https://h/a"),
        ("https://h/a?token=t&b=2", "https://h/a?b=2"),
        ("ftp://u:p@h/a?X-Amz-Date=1", "ftp://u:p@h/a?X-Amz-Date=1"),
        ("https://h/p@q?x=1", "https://h/p@q?x=1"),
    ],
)
def test_a_url_is_its_resource(url: str, kept: str) -> None:
    assert resource(url, ("token",)) == kept
