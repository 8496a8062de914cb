"""The source hash: what it depends on, and what it does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sieve_jobs.source import DeclaredFunction, import_roots, read_functions

MAIN = 'import sieve\n{imports}\n@sieve.function(name="x")\ndef run(): ...\n'


def project(root: Path, imports: str, **files: str) -> DeclaredFunction:
    """A project whose one function has *imports*; *files* are keyed by path with `__` for `/`, without .py."""
    for name, text in {"functions__main": MAIN.format(imports=imports), **files}.items():
        path = root / f"{name.replace('__', '/')}.py".replace("/init", "/__init__")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_functions([root / "functions"]).functions["x"]


def names(function: DeclaredFunction, root: Path) -> set[str]:
    return {file.relative_to(root).as_posix() for file in function.files}


def test_neither_time_nor_place_counts(tmp_path):
    one = project(tmp_path / "one", "import lib", functions__lib="A = 1\n")
    shutil.copytree(tmp_path / "one", tmp_path / "elsewhere" / "two")
    for file in (tmp_path / "elsewhere").rglob("*.py"):
        os.utime(file, (1, 1))
    (two,) = read_functions([tmp_path / "elsewhere" / "two" / "functions"]).functions.values()
    assert two.source_hash == one.source_hash
    assert len(one.source_hash) == 64


def test_golden_hash(tmp_path):
    """A new version of the tool must not run everybody's jobs again: this value never changes."""
    found = project(tmp_path, "from . import lib", functions__lib="A = 1\n")
    assert found.source_hash == "22b2c778d7c3e54dd778ca4aa194fa9be48a8cbac740ae4bf09cd16a6d89c26f"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("functions/main.py", MAIN.format(imports="import lib  # a comment"), id="comment"),
        pytest.param("functions/lib.py", "A = 2\n", id="imported"),
        pytest.param("functions/deep.py", "B = 2\n", id="imported-by-the-imported"),
    ],
)
def test_a_changed_byte_counts(tmp_path, file, text):
    files = {"functions__lib": "import deep\nA = 1\n", "functions__deep": "B = 1\n"}
    before = project(tmp_path, "import lib", **files)
    (tmp_path / file).write_text(text)
    (after,) = read_functions([tmp_path / "functions"]).functions.values()
    assert after.source_hash != before.source_hash


@pytest.mark.parametrize("place", ["functions/other.py", "functions/lib.txt", "lib.py", "tests/test_main.py"])
def test_what_is_not_imported_does_not_count(tmp_path, place):
    before = project(tmp_path, "import lib", functions__lib="A = 1\n")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("C = 3\n")
    (after,) = read_functions([tmp_path / "functions"]).functions.values()
    assert after == before


@pytest.mark.parametrize(
    ("imports", "files", "found"),
    [
        pytest.param("import a", {"functions__a": ""}, {"functions/a.py"}, id="beside"),
        pytest.param("import a", {"a": ""}, {"a.py"}, id="above"),
        pytest.param("import a", {"functions__a": "", "a": ""}, {"functions/a.py"}, id="beside-hides-above"),
        pytest.param("import a", {"functions__sub__a": ""}, {"functions/sub/a.py"}, id="in-a-sub-folder"),
        pytest.param("from . import a", {"functions__a": ""}, {"functions/a.py"}, id="relative"),
        pytest.param("from .a import b", {"functions__a": ""}, {"functions/a.py"}, id="relative-module"),
        pytest.param("from ..lib import b", {"lib__b": ""}, {"lib/b.py"}, id="relative-to-the-parent"),
        pytest.param(
            "from functions.a import b", {"functions__a": ""}, {"functions/a.py"}, id="by-the-folder's-own-name"
        ),
        pytest.param(
            "import p.q.r",
            {"p__init": "", "p__q__init": "", "p__q__r": ""},
            {"p/__init__.py", "p/q/__init__.py", "p/q/r.py"},
            id="packages-on-the-way",
        ),
        pytest.param("from p import q", {"p__init": "", "p__q": ""}, {"p/__init__.py", "p/q.py"}, id="submodule"),
        pytest.param("from p import q", {"p__q": ""}, {"p/q.py"}, id="namespace-package"),
        pytest.param("from p import *", {"p__init": "", "p__q": ""}, {"p/__init__.py"}, id="star"),
        pytest.param("import p", {"p__init": "", "p": ""}, {"p/__init__.py"}, id="package-hides-module"),
        pytest.param("import a", {"a": "import b", "b": "import a"}, {"a.py", "b.py"}, id="cycle"),
        pytest.param("def f():\n    import a", {"a": ""}, {"a.py"}, id="inside-a-function"),
        pytest.param("import json, numpy, nowhere", {}, set(), id="not-of-the-project"),
        pytest.param("from .nowhere import a", {}, set(), id="missing"),
        pytest.param("import a", {"a": "def ("}, {"a.py"}, id="broken"),
    ],
)
def test_imports_are_followed(tmp_path, imports, files, found):
    function = project(tmp_path, imports, **files)
    assert names(function, tmp_path) == {"functions/main.py"} | found


def test_an_import_never_leads_out_of_the_project(tmp_path):
    (tmp_path / "outside.py").write_text("")
    function = project(tmp_path / "project", "from ...outside import a\nfrom .... import outside\nimport outside")
    assert names(function, tmp_path / "project") == {"functions/main.py"}


def test_the_sdk_is_no_project_module_even_beside_its_source(tmp_path):
    function = project(
        tmp_path, "from sieve_jobs import sdk", sieve_jobs__init="", sieve_jobs__sdk="", functions__sieve=""
    )
    assert names(function, tmp_path) == {"functions/main.py"}


def test_functions_of_one_file_share_its_hash_and_others_do_not(tmp_path):
    folder = tmp_path / "functions"
    folder.mkdir()
    declared = '@sieve.function(name="{0}")\ndef {0}(): ...\n'
    (folder / "m.py").write_text("import sieve\n" + declared.format("a") + declared.format("b"))
    (folder / "n.py").write_text("import sieve\n" + declared.format("c"))
    found = read_functions([folder]).functions
    assert found["a"].source_hash == found["b"].source_hash != found["c"].source_hash


def test_the_roots_find_at_run_time_what_the_hash_followed(tmp_path):
    """What is read without running is what Python imports: a real interpreter on the same roots loads the files."""
    imports = "import beside, above, lower\nfrom pack import part"
    files = {"functions__beside": "", "above": "", "functions__sub__lower": "", "pack__part": ""}
    function = project(tmp_path, imports, **files)
    folder = tmp_path / "functions"
    assert function.roots == import_roots(function.file, folder) == (folder, tmp_path, folder / "sub")
    code = "import sys, json\nsys.path[:0] = json.loads(sys.argv[1])\nimport main\n" + (
        "print(json.dumps([m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', '')]))"
    )
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "sieve.py").write_text("def function(name):\n    return lambda it: it\n")
    roots = [str(root) for root in (*function.roots, stub)]
    ran = subprocess.run([sys.executable, "-c", code, json.dumps(roots)], capture_output=True, text=True, check=True)
    loaded = {file for file in json.loads(ran.stdout) if file.startswith(str(tmp_path))}
    assert {str(file) for file in function.files} | {str(stub / "sieve.py")} == loaded


def test_importing_the_reader_is_light():
    code = (
        "import sys, sieve_jobs.source\n"
        "heavy = {'hashlib', 'json', 'httpx', 'pydantic', 'yaml', 'asyncio', 'sieve_jobs.source.modules'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_module_that_would_harm_is_only_read(tmp_path):
    mark = tmp_path / "ran"
    function = project(tmp_path, f"open({str(mark)!r}, 'w')\nraise SystemExit", functions__lib="")
    assert function.name == "x"
    assert not mark.exists()
