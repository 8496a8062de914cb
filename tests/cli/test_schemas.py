"""The committed schemas are those of this version, and accept every spec of the samples."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.project import REPOSITORY, ran, run_program

SCHEMAS = REPOSITORY / "schemas"


@pytest.mark.parametrize("kind", ["jobspec", "config"])
def test_the_committed_schema_is_fresh(kind: str) -> None:
    committed = (SCHEMAS / f"{kind}.schema.json").read_text()
    assert ran(REPOSITORY, "schema", kind).out == committed, "run: make schemas"


def documents(file: Path, folder: Path) -> list[Path]:
    """Each YAML document of *file* as a file of its own: check-jsonschema reads one a file."""
    texts = re.split(r"^---$", file.read_text(), flags=re.MULTILINE)
    paths = [folder / f"{file.stem}-{index}.yaml" for index in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def test_check_jsonschema_accepts_the_samples(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    assert ran(tmp_path / "p", "init").code == 0
    files = [*(REPOSITORY / "jobspecs").rglob("*.yaml"), tmp_path / "p" / "jobspecs" / "hello.yaml"]
    specs = [path for file in files for path in documents(file, tmp_path)]
    assert len(specs) > len(files)
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMAS / "jobspec.schema.json")]
    done = run_program([*command, *map(str, specs)], REPOSITORY)
    assert done.code == 0, done.all


def test_check_jsonschema_accepts_the_config_that_init_writes(tmp_path: Path) -> None:
    assert ran(tmp_path, "init").code == 0
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMAS / "config.schema.json")]
    done = run_program([*command, "sieve-jobs.toml"], tmp_path)
    assert done.code == 0, done.all
