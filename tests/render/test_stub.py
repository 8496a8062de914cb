"""Source that is written from others' values: it says what they were, is code in no place, and is left as it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.render.python import NoSourceError, Source, is_parameter, text
from sieve_jobs.render.stub import Stub, source, takes_any_name
from sieve_jobs.source import read_functions
from sieve_jobs.state.entry import SavedFile
from sieve_jobs.wire import Json, Parameter
from tests.render.plans import HOSTILE

URL = "https://bucket.example/f/in'tro.mp4?X-Goog-Signature=1"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda items: st.lists(items, max_size=4) | st.dictionaries(TEXTS.map(lambda key: f"k{key}"), items, max_size=4),
    max_leaves=12,
)
NASTY = [
    {
        "type": "sieve.Video",
        "data": {"url": URL, "_path": None, "fps": 24.0, "odd-name": [1], "class": "x", "path": "/"},
    },
    {
        "type": "dict",
        "data": {"en": {"url": URL}, "text": 'It\'s "quoted" ' + "and long " * 40, "k" * 90: [1, "a" * 70]},
    },
    {"type": "tuple", "data": [{"url": URL}]},
    {"type": "list", "data": [*HOSTILE[:-3], '"""', "'''", "\\", "'" * 130, "x" * 131, [], {}, [[]], *range(40)]},
    {"type": "str", "data": "')\nimport os\nos._exit(1)\n('"},
]
PARAMETERS = [
    Parameter("source_file", "sieve.File"), Parameter("language", "str", True, "it's"), Parameter("late", "any"),
    Parameter("_answer", "int", True), Parameter("models", "list", True, ["a"]), Parameter("open", "os.system('x')"),
]  # fmt: skip


def nasty(**changes: object) -> Stub:
    given: dict[str, object] = {
        "name": 'dub"\'bing', "of": "sieve/dub'\"\"\"bing", "job_id": '3f0c"""\n', "outputs": NASTY,
        "parameters": PARAMETERS, "folder": "_dubbing_stub", "files": {URL: SavedFile("in'tro.mp4", 12, "ab" * 32)},
    }  # fmt: skip
    return Stub(**(given | changes))  # type: ignore[arg-type]


@given(VALUES)
def test_a_value_reads_back_as_it_was(value: Json) -> None:
    found = Source({}).value(value)
    assert ast.literal_eval(found) == value
    assert found.replace("\n", "").isprintable()


@given(TEXTS)
def test_a_text_reads_back_as_it_was(value: str) -> None:
    assert ast.literal_eval(text(value)) == value


@pytest.mark.parametrize("changes", [{}, {"parameters": None}, {"outputs": NASTY[:1]}, {"outputs": [], "files": {}}],
                         ids=["everything", "no parameters", "one output", "no outputs"])  # fmt: skip
def test_formatters_and_linters_leave_a_stub_as_it_is(tmp_path: Path, changes: dict[str, object]) -> None:
    file = tmp_path / "dubbing_stub.py"
    file.write_text(source(nasty(**changes)))
    compile(file.read_text(), str(file), "exec")
    ruff = [sys.executable, "-m", "ruff"]
    for arguments in (["format", "--check", "--line-length=88"], ["format", "--check", "--line-length=120"], ["check"]):
        done = subprocess.run(
            [*ruff, *arguments, "--isolated", str(file)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_a_stub_declares_one_function_and_holds_no_url(tmp_path: Path) -> None:
    (tmp_path / "dubbing_stub.py").write_text(source(nasty()))
    found = read_functions([tmp_path])
    assert ([*found.functions], found.problems) == (["dub\"'bing"], ())
    assert "bucket.example" not in source(nasty())


def test_the_signature_is_the_functions_own() -> None:
    (line,) = [line for line in source(nasty(parameters=PARAMETERS[:3])).splitlines() if line.startswith("def stub")]
    assert line == 'def stub(source_file: sieve.File, language: str = "it\'s", late=None):'
    tree = ast.parse(source(nasty()))
    (stub,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "stub"]
    assert [each.arg for each in stub.args.args] == [each.name for each in PARAMETERS]
    assert "yield from _answer_()" in ast.unparse(stub)
    assert "os.system" not in ast.unparse(stub)


@pytest.mark.parametrize(
    "name", ["", "a b", "class", "None", "a-b", "x=1", "x):\n import os", "__debug__", "\ufb01n", "1st", "*a"]
)
def test_names_that_are_no_parameters_are_never_written(name: str) -> None:
    assert not is_parameter(name)
    made = nasty(parameters=[Parameter("good", "str"), Parameter(name, "str")])
    assert takes_any_name(made)
    assert "def stub(**inputs):" in source(made)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param([[]] * 2 + [float("nan")], "none (NaN", id="no number"),
        pytest.param({"a": "\ud800"}, "half a surrogate", id="half a surrogate"),
        pytest.param({"\udfff": 1}, "half a surrogate", id="half a surrogate in a key"),
        pytest.param("x" * 2_200_000, "larger than 2 MiB", id="too large"),
    ],
)
def test_what_cannot_be_written_is_refused(data: Json, why: str) -> None:
    with pytest.raises(NoSourceError, match=why.replace("(", r"\(")):
        source(nasty(outputs=[{"type": "any", "data": data}]))


def test_nesting_beyond_what_python_reads_is_refused() -> None:
    deep: Json = []
    for _ in range(41):
        deep = [deep]
    with pytest.raises(NoSourceError, match="nested"):
        source(nasty(outputs=[{"data": deep}]))
    assert isinstance(deep, list)
    fits = source(nasty(outputs=[{"data": deep[0][0][0]}]))  # type: ignore[index,call-overload]
    compile(fits, "stub", "exec")


def test_what_is_not_to_be_written_is_taken_out() -> None:
    outputs: list[dict[str, Json]] = [
        {"data": {"note": "key sk-123 and " * 20, "url": URL, "fps": "sk-123"}, "type": "sieve.Video"}
    ]
    made = nasty(outputs=outputs, parameters=[Parameter("key", "str", True, "sk-123")])
    found = source(made, lambda value: value.replace("sk-123", "(secret)"))
    assert "sk-123" not in found
    assert found.count("(secret)") > 10
