"""The decorator: what it records, that it stays out of the way, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sieve_jobs import sdk as sieve
from sieve_jobs.sdk.declare import Declaration, declaration_of
from sieve_jobs.sdk.gpu import Gpu, as_gpu
from sieve_jobs.sdk.shim import FOLDER


@sieve.function(
    name="resize",
    gpu=sieve.gpu.A100(split=2),
    python_packages=["av"],
    environment_variables=[sieve.Env("QUALITY", 0.5), sieve.Env(name="KEY", description="of the shop", is_secret=True)],
    metadata=sieve.Metadata(title="Resize", description="Makes it smaller"),
    restart_on_error=False,
)
def resize(clip: str, width: int = 640) -> str:
    """Makes it smaller."""
    return f"{clip}@{width}"


@sieve.Model(name="counter")
class Counter:
    def __setup__(self) -> None:
        self.step = 2

    def __predict__(self, until: int):
        yield from range(0, until, self.step)


def test_what_is_declared_just_runs():
    assert resize("a", width=3) == "a@3"
    assert resize.__name__ == "resize"
    assert resize.__doc__ == "Makes it smaller."
    counter = Counter()
    counter.__setup__()
    assert list(counter.__predict__(5)) == [0, 2, 4]


def test_the_declaration_of_a_function():
    declaration = declaration_of(resize)
    assert isinstance(declaration, Declaration)
    assert (declaration.name, declaration.kind, declaration.streams) == ("resize", "function", False)
    assert declaration.gpu == Gpu("a100", 2)
    assert declaration.env == (sieve.Env("QUALITY", "0.5"), sieve.Env("KEY", None, "of the shop"))
    assert declaration.metadata.title == "Resize"
    assert (declaration.restart_on_error, declaration.python_packages) == (False, ("av",))


def test_the_declaration_of_a_class():
    declaration = declaration_of(Counter)
    assert declaration is not None
    assert (declaration.kind, declaration.streams, declaration.gpu.is_gpu) == ("class", True, False)


def test_a_subclass_has_no_declaration_of_its_own():
    class Other(Counter):
        pass

    assert declaration_of(Other) is None
    assert declaration_of(3) is None


def positional_only(a, /): ...


async def waits(a): ...


def reserved(a, webhooks=None): ...


class NoPredict: ...


class AsyncPredict:
    async def __predict__(self, a): ...


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param(positional_only, "positional-only parameters", id="positional-only"),
        pytest.param(waits, "waits is async", id="async"),
        pytest.param(reserved, "a parameter named 'webhooks'", id="webhooks"),
        pytest.param(NoPredict, "NoPredict has no __predict__ method", id="no-predict"),
        pytest.param(AsyncPredict, "is async", id="async-predict"),
        pytest.param(len, "len is no function", id="builtin"),
    ],
)
def test_what_cannot_be_declared(target, message):
    with pytest.raises(TypeError, match=message):
        sieve.function(name="x")(target)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a:b"])
def test_bad_names(name):
    with pytest.raises(ValueError, match="bad function name"):
        sieve.function(name=name)


@pytest.mark.parametrize(
    ("given", "machine"),
    [
        pytest.param(False, Gpu("cpu"), id="false"),
        pytest.param(None, Gpu("cpu"), id="none"),
        pytest.param(True, Gpu("t4"), id="true"),
        pytest.param("L4", Gpu("l4"), id="name"),
        pytest.param("a100-20gb", Gpu("a100-20gb"), id="lower-case-name"),
        pytest.param(sieve.gpu.V100, Gpu("v100"), id="not-called"),
        pytest.param(sieve.gpu.A10020GB(split=3), Gpu("a100-20gb", 3), id="split"),
        pytest.param(sieve.gpu.CPU(), Gpu("cpu"), id="cpu"),
    ],
)
def test_machines(given, machine):
    assert as_gpu(given) == machine


@pytest.mark.parametrize("make", [lambda: as_gpu("h100"), lambda: sieve.gpu.T4(split=0)])
def test_unknown_machines(make):
    with pytest.raises(ValueError, match=r"unknown machine|split counts"):
        make()


def test_importing_the_sdk_is_light():
    code = (
        "import sys\nfrom sieve_jobs import sdk\n"
        "heavy = {'pydantic', 'httpx', 'numpy', 'yaml', 'asyncio', 'urllib.request', 'http.client', 'tempfile'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


def test_a_plain_import_finds_the_shim_behind_everything_else():
    code = (
        f"import sys\nsys.path.append({str(FOLDER)!r})\nimport sieve\nfrom sieve_jobs import sdk\n"
        "sieve.api_key = 'x'\n"
        "print(all(getattr(sieve, name) is getattr(sdk, name) for name in sdk.__all__), sieve.__all__ == sdk.__all__)"
    )
    assert run_python(code) == "True True"


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
