"""The committed schemas are those of this version, and accept every spec of the samples."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.ran import ran

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"


@pytest.mark.parametrize("kind", ["jobspec", "config"])
def test_the_committed_schema_is_fresh(kind: str) -> None:
    committed = (SCHEMAS / f"{kind}.schema.json").read_text()
    assert ran(ROOT, "schema", kind).out == committed, "run: make schemas"


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
    files = [*(ROOT / "jobspecs").rglob("*.yaml"), tmp_path / "p" / "jobspecs" / "hello.yaml"]
    specs = [path for file in files for path in documents(file, tmp_path)]
    assert len(specs) > len(files)
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMAS / "jobspec.schema.json")]
    done = subprocess.run([*command, *map(str, specs)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_check_jsonschema_accepts_the_config_that_init_writes(tmp_path: Path) -> None:
    assert ran(tmp_path, "init").code == 0
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMAS / "config.schema.json")]
    done = subprocess.run([*command, str(tmp_path / "sieve-jobs.toml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
