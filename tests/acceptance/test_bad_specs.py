"""`validate` on a folder of bad specs: every one reported in one run, each at its place, and nothing sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cloud import Cloud
from tests.project import Project

F = "function: a/b\n"

BAD: dict[str, tuple[str | bytes, str, int, int]] = {
    "not-yaml": (F + "inputs: {a: [}\n", "SJ100", 2, 14),
    "tab": (F + "inputs:\n\ta: 1\n", "SJ100", 3, 1),
    "unclosed-quote": (F + 'inputs: {a: "x}\n', "SJ100", 2, 13),
    "no-anchor": (F + "inputs: {a: *nope}\n", "SJ100", 2, 13),
    "alias-bomb": (
        "".join(
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]\n" for i in range(9)
        ), "SJ101", 5, 45,
    ),
    "cycle": (F + "inputs: &i {a: *i}\n", "SJ101", 2, 16),
    "deep": (F + "inputs: " + "[" * 100_000 + "\n", "SJ102", 2, 72),
    "huge": (F + "description: " + "x" * 10_485_760 + "\n", "SJ103", 0, 0),
    "twice": (F + "inputs: {a: 1}\nfunction: c/d\n", "SJ104", 3, 1),
    "twice-inside": (F + "inputs:\n  a: 1\n  a: 2\n", "SJ104", 4, 3),
    "tag": (F + "inputs: {a: !!python/name:os.system x}\n", "SJ105", 2, 13),
    "binary": (F + "inputs: {a: !!binary aGk=}\n", "SJ105", 2, 13),
    "nan": (F + "inputs: {a: .nan}\n", "SJ106", 2, 13),
    "infinite": (F + "inputs: {a: -.inf}\n", "SJ106", 2, 13),
    "large-integer": (F + "inputs: {a: 9007199254740993}\n", "SJ106", 2, 13),
    "nul": (F.encode() + b"inputs: {a: x\0y}\n", "SJ107", 2, 14),
    "latin-1": (F.encode() + b"inputs: {a: \xe9}\n", "SJ107", 2, 13),
    "utf-16": (F.encode("utf-16"), "SJ107", 1, 1),
    "escape": (F.encode() + b"inputs: {a: \x1b[2J}\n", "SJ107", 2, 13),
    "number-key": (F + "inputs: {5: a}\n", "SJ108", 2, 10),
    "list-key": (F + "inputs: {? [a] : b}\n", "SJ108", 2, 12),
    "merge-text": (F + "inputs: {<<: text}\n", "SJ109", 2, 10),
    "unset": (F + "inputs: {a: '${NOT_SET}'}\n", "SJ120", 2, 14),
    "demanded": (F + "inputs: {a: '${NOT_SET:?say where}'}\n", "SJ120", 2, 14),
    "withheld": (F + "inputs: {a: '${AWS_REGION}'}\n", "SJ122", 2, 14),
    "broken-template": (F + "inputs: {a: '${NAME'}\n", "SJ123", 2, 14),
    "digit-template": (F + "inputs: {a: '${1A}'}\n", "SJ123", 2, 14),
    "secret-name": (F + "name: 'x-${MY_TOKEN}'\n", "SJ170", 2, 10),
    "secret-label": (F + "labels: {a: '${MY_TOKEN}'}\n", "SJ170", 2, 14),
    "list": ("- function: a/b\n", "SJ200", 1, 1),
    "text": ("just text\n", "SJ200", 1, 1),
    "unknown-key": (F + "inptus: {a: 1}\n", "SJ201", 2, 1),
    "unknown-hook-key": (F + "webhooks:\n  - {type: job.start, url: 'https://h/x', uri: y}\n", "SJ201", 3, 43),
    "second-nameless": (F + "---\n" + F, "SJ202", 3, 1),
    "later-key": (F + "matrix: {lang: [es]}\n", "SJ203", 2, 1),
    "later-expression": (F + "inputs: {a: '${{ matrix.lang }}'}\n", "SJ203", 2, 14),
    "hook-without-url": (F + "webhooks:\n  - type: job.start\n", "SJ204", 3, 5),
    "no-such-file": (F + "inputs: {a: {file: nope.mp4}}\n", "SJ205", 2, 20),
    "file-outside": (F + "inputs: {a: {file: ../../../../../../../../etc/hostname}}\n", "SJ206", 2, 20),
    "inputs-text": (F + "inputs: text\n", "SJ210", 2, 9),
    "env-number": (F + "env: {N: 5}\n", "SJ210", 2, 10),
    "protect-text": (F + "protect: maybe\n", "SJ210", 2, 10),
    "bad-name": (F + "name: 'a b'\n", "SJ211", 2, 7),
    "bidi-name": (F + 'name: "a\\u202eb"\n', "SJ211", 2, 7),
    "no-author": ("function: dubbing\n", "SJ212", 1, 11),
    "unknown-event": (F + "webhooks:\n  - type: job.done\n    url: https://h/x\n", "SJ213", 3, 11),
    "hook-to-a-file": (F + "webhooks:\n  - {type: job.start, url: 'file:///etc/passwd'}\n", "SJ214", 3, 28),
    "env-name": (F + "env: {'a-b': x}\n", "SJ215", 2, 7),
    "unknown-word": (F + "rerun_on: [secrets, tuesdays]\n", "SJ217", 2, 21),
    "both": (F + "id: 43d7add5\n", "SJ220", 2, 1),
    "neither": ("inputs: {a: 1}\n", "SJ221", 1, 1),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "p", "https://mango.sievedata.com", environ={"AWS_REGION": "x", "MY_TOKEN": "t0ken"})
    for name, (text, *_) in BAD.items():
        project.write(f"{name}.yaml", text)
    project.write("good.yaml", F)
    return project


def test_all_are_reported_each_at_its_place(project: Project) -> None:
    assert len(BAD) >= 40
    ran = project.ran("validate", "--json")
    assert ran.code == 3
    found = {(row["path"], row["code"], row["line"] or 0, row["column"] or 0) for row in ran.document["diagnostics"]}
    expected = {(f"jobspecs/{name}.yaml", *place) for name, (_, *place) in BAD.items()}
    assert sorted(found) == sorted(expected)


def test_people_see_the_line_and_what_to_do(project: Project) -> None:
    ran = project.ran("validate")
    assert ran.code == 3
    assert "jobspecs/unknown-event.yaml:3:11: error: unknown webhook event 'job.done'" in ran.err
    assert "3 |   - type: job.done\n    |           ^^^^^^^^" in ran.err
    assert "did you mean 'inputs'?" in ran.err
    assert "Traceback" not in ran.all
    assert "t0ken" not in ran.all


def test_nothing_is_sent(project: Project) -> None:
    with Cloud.running() as cloud:
        project.endpoint = cloud.url
        project.configure()
        assert project.apply().code == 3
        assert cloud.requests == []
