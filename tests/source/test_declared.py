"""Which functions a folder of Python files declares, and what is said about those it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from sieve_jobs.source import FunctionSources, is_function_name, read_functions


def read(tmp_path: Path, **files: str) -> FunctionSources:
    """Reads a functions folder with *files*, keyed by module name."""
    folder = tmp_path / "functions"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return read_functions([folder])


@pytest.mark.parametrize(
    ("imports", "decorator"),
    [
        pytest.param("from sieve_jobs import sdk as sieve", '@sieve.function(name="x")', id="sdk-as-sieve"),
        pytest.param("from sieve_jobs import sdk", '@sdk.function(name="x")', id="sdk"),
        pytest.param("import sieve", '@sieve.function(name="x")', id="plain-sieve"),
        pytest.param("import sieve as sv", '@sv.function(name="x")', id="sieve-renamed"),
        pytest.param("from sieve import function", '@function(name="x")', id="function"),
        pytest.param("from sieve import function as job", '@job(name="x")', id="function-renamed"),
        pytest.param("from sieve import *", '@function(name="x")', id="star"),
        pytest.param("import sieve_jobs.sdk", '@sieve_jobs.sdk.function(name="x")', id="dotted"),
        pytest.param("from sieve_jobs.sdk import function", '@function("x")', id="name-first"),
        pytest.param("try:\n    import sieve\nexcept ImportError:\n    pass", '@sieve.function(name="x")', id="try"),
        pytest.param("import sieve\nimport functools", '@functools.cache\n@sieve.function(name="x")', id="stacked"),
    ],
)
def test_a_function_is_found_however_the_decorator_was_imported(tmp_path, imports, decorator):
    sources = read(tmp_path, mod=f"{imports}\n{decorator}\ndef run(clip): ...\n")
    assert sources.problems == ()
    assert [(f.name, f.attribute, f.file) for f in sources.functions.values()] == [
        ("x", "run", tmp_path / "functions" / "mod.py")
    ]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('def function(name): ...\n@function(name="x")\ndef run(): ...', id="another-decorator"),
        pytest.param('import other as sieve\n@sieve.function(name="x")\ndef run(): ...', id="another-module"),
        pytest.param('from .sieve import function\n@function(name="x")\ndef run(): ...', id="a-project-module"),
        pytest.param('import sieve\ndef outer():\n    @sieve.function(name="x")\n    def run(): ...', id="nested"),
        pytest.param("import sieve\ndef run(): ...", id="undecorated"),
        pytest.param('import sieve\n@sieve.Env(name="x")\nclass Run: ...', id="another-name-of-the-sdk"),
    ],
)
def test_nothing_else_is_taken_for_one(tmp_path, text):
    assert read(tmp_path, mod=text) == FunctionSources({}, ())


@pytest.mark.parametrize(
    ("definition", "streams"),
    [
        pytest.param("def run():\n    return 1", False, id="returns"),
        pytest.param("def run():\n    for i in ():\n        yield i", True, id="yields"),
        pytest.param("def run():\n    yield from ()", True, id="yields-from"),
        pytest.param("def run():\n    x = yield", True, id="yield-as-a-value"),
        pytest.param("def run():\n    def inner():\n        yield 1\n    return list(inner())", False, id="inner"),
        pytest.param("def run():\n    return lambda: (yield)", False, id="lambda"),
        pytest.param("class Run:\n    def __predict__(self):\n        yield 1", True, id="class"),
        pytest.param(
            "class Run:\n    def helper(self):\n        yield 1\n    def __predict__(self):\n        return 1",
            False,
            id="another-method",
        ),
    ],
)
def test_streams(tmp_path, definition, streams):
    found = read(tmp_path, mod=f'import sieve\n@sieve.function(name="x")\n{definition}\n')
    assert found.functions["x"].streams is streams


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param("import sieve\n@sieve.function\ndef run(): ...", 3, "name as a string literal", id="no-call"),
        pytest.param("import sieve\nN = 'x'\n@sieve.function(name=N)\ndef run(): ...", 4, "literal", id="computed"),
        pytest.param('import sieve\n@sieve.function(name="a/b")\ndef run(): ...', 3, "'a/b'", id="bad-name"),
        pytest.param('import sieve\n@sieve.function(name="x")\nasync def run(): ...', 3, "async", id="async"),
        pytest.param('import sieve\n@sieve.Model(name="x")\nclass Run: ...', 3, "__predict__", id="no-predict"),
        pytest.param("import sieve\ndef run(:\n", 2, "not valid Python", id="syntax"),
        pytest.param("import sieve\n" + "(" * 5000, 0, "not valid Python", id="too-deep"),
        pytest.param("import sieve\n\0", 0, "not valid Python", id="nul"),
    ],
)
def test_a_problem_is_told_with_its_line_and_hides_nothing_else(tmp_path, text, line, said):
    good = 'import sieve\n@sieve.function(name="good")\ndef run(): ...\n'
    sources = read(tmp_path, bad=text, good=good)
    ((file, at, what),) = sources.problems
    assert file.name == "bad.py"
    assert said in what
    if line:
        assert at == line
    assert list(sources.functions) == ["good"]


def test_of_two_functions_with_one_name_the_first_counts(tmp_path):
    text = 'import sieve\n@sieve.function(name="x")\ndef run(): ...\n'
    sources = read(tmp_path, a=text, b=text)
    assert sources.functions["x"].file.name == "a.py"
    ((file, line, what),) = sources.problems
    assert (file.name, line) == ("b.py", 3)
    assert what == "'x' is declared twice, first in functions/a.py:3"


def test_files_and_folders_that_are_left_out(tmp_path):
    text = 'import sieve\n@sieve.function(name="{}")\ndef run(): ...\n'
    folder = tmp_path / "functions"
    for place in ("a.py", "_b.py", ".c.py", "deep/er/d.py", "_e/e.py", ".venv/f.py", "venv/g.py", "h.txt"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text.format(Path(place).stem.strip("_.")))
    assert sorted(read_functions([folder]).functions) == ["a", "d"]


def test_no_folder_no_functions(tmp_path):
    assert read_functions([tmp_path / "none"]) == FunctionSources({}, ())


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a b", "a\tb", "a:b"])
def test_bad_function_names(name):
    assert not is_function_name(name)


@pytest.mark.parametrize("name", ["probe", "contact-sheet", "v2.1_x", "größe"])
def test_good_function_names(name):
    assert is_function_name(name)
