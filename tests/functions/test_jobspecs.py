"""The sample specs: each names a function that is there, and its inputs make that function finish."""

from __future__ import annotations

import inspect
import shutil
from pathlib import Path

import pytest

from functions import media
from sieve_jobs.sdk.bind import bind
from sieve_jobs.sdk.encode import encode
from sieve_jobs.sdk.files import from_json
from sieve_jobs.source import read_functions
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.request import push_body
from sieve_jobs.spec.tree import LoadSettings
from sieve_jobs.spec.variables import Variables
from tests.functions.clips import BLUE, RED, Scene, make_clip

ROOT = Path(media.__file__).parent.parent
FUNCTIONS = read_functions([ROOT / "functions"]).functions


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project with tiny clips in the place of the real ones."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "jobspecs", root / "jobspecs")
    (root / "clips").mkdir()
    make_clip(root / "clips" / "bikes.mp4", [Scene(RED, 8), Scene(BLUE, 8)])
    make_clip(root / "clips" / "bigbuckbunny.mp4", [Scene(BLUE, 8)], sound=0.8, channels=2)
    return root


def test_the_samples_finish_without_any_variable(project, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sources = {f"me/{name}": function.source_hash for name, function in FUNCTIONS.items()}
    tree = load_tree(LoadSettings(project, ("jobspecs",), Variables(environ={}), sources=sources), None)
    assert tree.problems == ()
    specs = [detail.spec for detail in tree.all_details().values()]
    assert {spec.name for spec in specs} == {
        "probe",
        "probe-bunny",
        "bikes-sheet",
        "bunny-sheet",
        "bunny-audio",
        "bikes-cuts",
    }
    assert {spec.function for spec in specs} == set(sources)
    for spec in specs:
        body = push_body(spec, file_url=lambda file: file.path.as_uri())
        function = getattr(media, FUNCTIONS[spec.function.partition("/")[2]].attribute)
        result = function(**bind(function, body["inputs"], open_file=from_json))
        results = list(result) if inspect.isgenerator(result) else [result]
        assert results
        for one in results:
            encode(one, keep_file=lambda path: {"url": path.as_uri()})


def test_every_sample_names_its_schema():
    for file in (ROOT / "jobspecs").glob("*.yaml"):
        first = file.read_text().splitlines()[0]
        assert first == "# yaml-language-server: $schema=../schemas/jobspec.schema.json"
