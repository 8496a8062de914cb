"""Values that variables and numbers may have: they change nothing but what they stand for, and mean the same twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest

from sieve_jobs.spec.variables import Variables
from tests.cloud import Cloud
from tests.faults.words import ESCAPES, KEYS, ODD, PLAIN, SOUND
from tests.project import Project
from tests.spec.loading import parse

MANY = int(os.environ.get("SOAK_VALUES", "100000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
OTHER = "what OTHER says"
SHAPE = """\
function: a/b
description: '${V}'
inputs:
  plain: ${V}
  'quoted': "${V}"
  block: |
    ${V}
    x
  flow: {a: ["${V}", {b: 'x${V}y'}], c: &c '${UNSET:-${V}}'}
  again: [*c, {<<: {d: "${V:+${V}}"}}]
env: {A: "${V}", B: b}
labels: {l: "${V-}"}
"""
PIECES = (
    *SOUND, *PLAIN, *KEYS, *ESCAPES, *(piece.decode(errors="replace").replace("\0", "") for piece in ODD), "'}", '"]',
    "${OTHER}", "${V}", "$${OTHER}", "${", "}", "${{ x }}", "${OTHER:-a}", "\n\n", "\n- a\n", "\n---\nid: x\n",
)  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, cloud: Cloud) -> Project:
    return Project(tmp_path / "p", cloud.url)


def value(number: int) -> str:
    """The value *number* of the run: pieces of YAML and of templates, and characters of all kinds but NUL."""
    random = Random(f"{SEED}/{number}")
    pieces = random.choices(PIECES, k=random.choice((1, 1, 2, 4)))
    if random.random() < 0.3:
        planes = ((1, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
        pieces.append("".join(chr(random.randint(*random.choice(planes))) for _ in range(random.randint(1, 8))))
    random.shuffle(pieces)
    return "".join(pieces)


def check(root: Path, given: str) -> None:
    """A spec whose variable has that value has the shape, and the texts, of any other."""
    found = parse(root, SHAPE, variables=Variables(environ={"V": given, "OTHER": OTHER}))
    assert not found.problems, (given, found.problems)
    (detail,) = found.details
    spec = detail.spec
    assert isinstance(spec.inputs, dict)
    # Only a plain scalar that is one variable takes the type of its text, and only one that is written just so.
    plain = spec.inputs.pop("plain")
    assert plain == given or (not isinstance(plain, str) and given in {json.dumps(plain), repr(plain)}), given
    assert spec.inputs == {
        "quoted": given, "block": f"{given}\nx\n", "flow": {"a": [given, {"b": f"x{given}y"}], "c": given},
        "again": [given, {"d": given}],
    }  # fmt: skip
    assert (spec.env, spec.labels, spec.description) == ({"A": given, "B": "b"}, {"l": given}, given)
    assert set(spec.variables) == {"V", "UNSET"}, given


def test_no_value_changes_the_shape(tmp_path: Path) -> None:
    for number in range(200):
        check(tmp_path, value(number))


@pytest.mark.soak
def test_no_value_of_very_many_changes_the_shape(tmp_path: Path) -> None:
    for number in range(MANY):
        check(tmp_path, value(number))
    print(f"{MANY:,} values of seed {SEED}: every shape the same, {len({value(n) for n in range(MANY)}):,} unlike")


NUMBERS = {
    "largest": "9007199254740992", "least": "-9007199254740992", "octal": "0o400000000000000000",
    "hex": "0x20000000000000", "zero": "-0", "nothing": "-0.0", "tiny": "1e-400", "small": "5e-324",
    "great": "1.7976931348623157e308", "long": "0." + "1" * 400, "third": "0.30000000000000004", "float": "1.0",
    "one": "1", "text": "'1'", "ten": "1e1",
}  # fmt: skip
"""Numbers at the edges of what JSON carries; those beyond them are in tests/spec/test_scalars.py."""


def test_numbers_at_the_edge_are_planned_once(project: Project, cloud: Cloud) -> None:
    rows = "".join(f"  {name}: {number}\n" for name, number in NUMBERS.items())
    project.write("numbers.yaml", f"function: a/b\ninputs:\n{rows}")
    assert project.apply("--detach").code == 0
    sent = cloud.pushes[0].json["inputs"]
    assert sent == {
        "largest": 2**53, "least": -(2**53), "octal": 2**54 // 2, "hex": 2**53, "zero": 0, "nothing": -0.0, "tiny": 0.0,
        "small": 5e-324, "great": 1.7976931348623157e308, "long": 0.1111111111111111, "third": 0.30000000000000004,
        "float": 1.0, "one": 1, "text": "1", "ten": 10.0,
    }  # fmt: skip
    assert [type(sent[name]) for name in ("zero", "nothing", "float", "one", "ten")] == [int, float, float, int, float]
    for _ in range(2):
        assert project.remote("plan", "--detailed-exitcode").code == 0
    # Written otherwise, they are the same; and 1.0 is not 1.
    project.write("numbers.yaml", f"function: a/b\ninputs:\n{rows}".replace("0x20000000000000", "9007199254740992"))
    assert project.remote("plan", "--detailed-exitcode").code == 0
    project.write("numbers.yaml", f"function: a/b\ninputs:\n{rows}".replace("float: 1.0", "float: 1"))
    assert project.remote("plan", "--detailed-exitcode").code == 2
    assert len(cloud.pushes) == 1


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("unset", [0, 1, 5])
def test_all_that_is_unset_is_told_in_one_run(project: Project, files: int, unset: int) -> None:
    for file in range(files):
        lines = "".join(f"  k{number}: ${{UNSET_{file}_{number}}} ${{EMPTY}} $${{UNSET}}\n" for number in range(unset))
        project.write(f"f{file}.yaml", f"function: a/b\ninputs:\n  k: ${{EMPTY}} $${{UNSET}}\n{lines}")
    ran = project.remote("plan", "--json", EMPTY="")
    told = [(each["code"], each["path"], each["line"]) for each in ran.document.get("diagnostics", [])]
    expected = [("SJ120", f"jobspecs/f{file}.yaml", 4 + number) for file in range(files) for number in range(unset)]
    assert told == expected
    assert ran.code == (3 if unset else 0)
