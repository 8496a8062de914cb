"""docs/functions.md is true: every block of code in it is written to its file and run."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.engine.launch import attach_with
from sieve_jobs.sdk.bind import bind
from sieve_jobs.sdk.declare import declaration_of
from sieve_jobs.sdk.describe import describe
from sieve_jobs.sdk.encode import encode
from sieve_jobs.sdk.files import from_json
from sieve_jobs.sdk.shim import FOLDER
from sieve_jobs.source import FunctionSources, read_functions
from sieve_jobs.spec.load import load_tree
from sieve_jobs.spec.request import push_body
from sieve_jobs.spec.tree import LoadSettings
from sieve_jobs.spec.variables import Variables
from tests.engine.conftest import settings_for
from tests.engine.farside import Client, data

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"
BLOCK = re.compile(r"^```(?P<language>\w*)\n# (?P<file>\S+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
POEM = "the wind and the rain and\n" + "the " * 30 + "\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Every block of the page as the file it says it is."""
    for found in BLOCK.finditer(PAGE.read_text()):
        file = tmp_path / found["file"]
        file.parent.mkdir(exist_ok=True)
        file.write_text(found["code"])
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "poem.txt").write_text(POEM)
    return tmp_path


@pytest.fixture
def sources(project: Path) -> FunctionSources:
    return read_functions([project / "functions"])


@pytest.fixture
def call(project: Path, sources: FunctionSources, monkeypatch) -> Callable[..., list[object]]:
    """Runs a function by its deployed name on JSON inputs, as a worker does; its outputs' data in order."""
    monkeypatch.setattr("tempfile.tempdir", str(project))
    monkeypatch.syspath_prepend(str(project / "functions"))

    def run(name: str, inputs: object) -> list[object]:
        declared = sources.functions[name]
        scope = {"__name__": f"page_{declared.file.stem}"}
        exec(compile(declared.file.read_bytes(), declared.file, "exec"), scope)  # noqa: S102 -- the page's own code
        target = scope[declared.attribute]
        declaration = declaration_of(target)
        assert (declaration.name, declaration.streams) == (name, declared.streams)
        arguments = bind(target, inputs, open_file=from_json)
        if isinstance(target, type):
            instance = target()
            instance.__setup__()
            target = instance.__predict__
        result = target(**arguments)
        values = list(result) if declared.streams else [result]
        return [encode(value, keep_file=lambda path: {"url": path.name})["data"] for value in values]

    return run


def test_every_block_is_a_file_of_its_own():
    text = PAGE.read_text()
    files = [found["file"] for found in BLOCK.finditer(text)]
    assert len(files) == text.count("```") // 2
    assert len(set(files)) == len(files)


def test_every_function_of_the_page_is_found(sources):
    assert sources.problems == ()
    assert sorted(sources.functions) == [
        "area",
        "count-words",
        "greet",
        "halve",
        "letter",
        "long-lines",
        "shout",
        "totals",
        "translate",
    ]


def test_the_spec_of_the_page_runs_its_function(project, sources, call):
    hashes = {f"me/{name}": function.source_hash for name, function in sources.functions.items()}
    tree = load_tree(LoadSettings(project, ("jobspecs",), Variables(environ={}), sources=hashes), None)
    assert tree.problems == ()
    (detail,) = tree.all_details().values()
    body = push_body(detail.spec, file_url=lambda file: file.path.as_uri())
    assert call(body["function"].removeprefix("me/"), body["inputs"]) == [{"the": 32, "wind": 1, "and": 2, "rain": 1}]


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        pytest.param(
            "letter",
            {"to": "Ada", "pages": 2},
            [[{"_path": None, "url": "letter.txt", "pages": 2}, {"to": "Ada"}]],
            id="letter",
        ),
        pytest.param("translate", ["one two many"], ["uno dos many"], id="translate"),
        pytest.param("halve", {"number": 4}, [2], id="halve"),
        pytest.param("area", {"width": 3, "height": 4}, [12], id="area"),
        pytest.param("shout", ["hey"], ["HEY!"], id="shout"),
    ],
)
def test_functions_of_the_page(call, name, inputs, outputs):
    assert call(name, inputs) == outputs


def test_the_stream_of_the_page(project, call):
    text = (project / "texts" / "poem.txt").as_uri()
    assert call("long-lines", {"text": text}) == [{"line": 2, "length": 120}]


def test_the_environment_of_the_page(call, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "12345678")
    monkeypatch.setenv("GREETING", "Good day")
    assert call("greet", ["Ada"]) == ["Good day, Ada"]
    monkeypatch.setenv("SHOP_KEY", "1234")
    with pytest.raises(ValueError, match="too short"):
        call("greet", ["Ada"])


def test_the_jobs_of_a_job_of_the_page(project):
    (project / "texts" / "short.txt").write_text("one two three\n")
    texts = [(project / "texts" / name).as_uri() for name in ("poem.txt", "short.txt")]
    with attach_with(settings_for(project)) as engine, Client(engine.url, engine.key) as client:
        job = client.run("totals", {"texts": texts, "shortest": 4})
    assert data(job) == [[2, 1]]
    assert [len(ids) for ids in job["children"].values()] == [2]


def test_the_error_of_the_page(call):
    with pytest.raises(ValueError, match="number must be even, got 3"):
        call("halve", [3])


def test_a_module_that_is_imported_counts(project, sources):
    before = sources.functions["shout"]
    assert [file.name for file in before.files] == ["_wording.py", "shout.py"]
    (project / "functions" / "_wording.py").write_text("def shout(text):\n    return text\n")
    assert read_functions([project / "functions"]).functions["shout"].source_hash != before.source_hash


def test_the_tests_of_the_page_pass(project):
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project,
        env={
            "PYTHONPATH": f"{project / 'functions'}:{PAGE.parents[1]}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr


def test_plain_import_sieve_works_as_the_page_says(project):
    """In an interpreter of its own: the shim is found because it is on the path, as in a worker."""
    text = (project / "functions" / "texts.py").read_text()
    (project / "functions" / "texts.py").write_text(text.replace("from sieve_jobs import sdk as sieve", "import sieve"))
    code = "import texts, sieve; print(texts.count_words(sieve.File('texts/poem.txt'), shortest=4))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project,
        env={"PYTHONPATH": f"{project / 'functions'}:{PAGE.parents[1]}:{FOLDER}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "2 words\n{'wind': 1, 'rain': 1}\n"


def test_the_docstring_of_the_page_describes_the_inputs(project):
    scope: dict[str, object] = {"__name__": "page_texts"}
    exec((project / "functions" / "texts.py").read_text(), scope)  # noqa: S102 -- the page's own code
    inputs, outputs = describe(scope["count_words"])
    assert [(item["name"], item["type"], item["description"], item["data"]) for item in inputs] == [
        ("text", "sieve.File", "A text file, UTF-8", None),
        ("shortest", "int", "Words with fewer letters are left out", 1),
    ]
    assert outputs[0]["description"] == "The words and their counts"
