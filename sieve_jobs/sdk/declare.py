"""Declaring functions: the decorator, and the frozen record it leaves in `__sieve__` for the engine."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from types import FunctionType
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from sieve_jobs.sdk.gpu import Gpu, as_gpu
from sieve_jobs.source import is_function_name

if TYPE_CHECKING:
    from sieve_jobs.sdk.reference import Reference

F = TypeVar("F", bound=Callable[..., object])

RESERVED_INPUT = "webhooks"
"""A parameter no function may have, for it is a keyword of `push`. Source: Sieve's SDK."""

_CPU = Gpu("cpu")
_YIELDS = 0x20  # CO_GENERATOR of a code object's flags
_ASYNC = 0x80 | 0x200  # CO_COROUTINE, CO_ASYNC_GENERATOR


class FatalException(Exception):  # noqa: N818 -- the name is Sieve's
    """Raised by a function whose process is not fit to go on: the job fails and its worker starts anew."""


@dataclass(frozen=True, slots=True, init=False)
class Env:
    """An environment variable a function reads. Without *default* a job that does not bring it is refused."""

    name: str
    default: str | None
    description: str | None

    def __init__(self, name: str, default: object = None, description: str | None = None, **ignored: object) -> None:
        """*default* becomes text. Further keywords, known to other versions of Sieve's SDK, are accepted."""
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "default", None if default is None else str(default))
        object.__setattr__(self, "description", description)


@dataclass(frozen=True, slots=True)
class Metadata:
    """How a function presents itself. *readme* is Markdown; *image* a cover's URL."""

    title: str | None = None
    description: str | None = None
    code_url: str | None = None
    tags: Sequence[str] = ()
    readme: str | None = None
    public: bool = False
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A function as its decorator was called."""

    name: str
    kind: Literal["function", "class"]
    streams: bool
    """It yields, so that every yield is an output of its own."""
    env: tuple[Env, ...] = ()
    gpu: Gpu = _CPU
    metadata: Metadata = Metadata()
    restart_on_error: bool = True
    """Whether the worker starts anew after a job that raised."""
    python_packages: tuple[str, ...] = ()
    system_packages: tuple[str, ...] = ()
    python_version: str | None = None
    system_version: str | None = None
    cuda_version: str | None = None
    machine_type: str | None = None
    run_commands: tuple[str, ...] = ()
    iterator_input: bool = False
    persist_output: bool = False


def _declare(
    name: str,
    *,
    gpu: Gpu | partial[Gpu] | bool | str | None = False,
    python_packages: Sequence[str] | None = (),
    python_version: str | None = None,
    system_packages: Sequence[str] | None = (),
    system_version: str | None = None,
    cuda_version: str | None = None,
    machine_type: str | None = None,
    iterator_input: bool = False,
    persist_output: bool = False,
    run_commands: Sequence[str] | None = (),
    environment_variables: Sequence[Env] | Env | None = (),
    metadata: Metadata | None = None,
    restart_on_error: bool = True,
) -> Callable[[F], F]:
    """Declares a def, or a class with `__predict__` and perhaps `__setup__`, under the deployed *name*.

    Called plainly, what is declared just runs. `gpu`, the packages and the versions are what Sieve builds from;
    the local engine records them and runs in the interpreter it was started with.
    Raises ValueError for a bad name or machine, TypeError for what cannot be called with a job's inputs.
    """
    if not is_function_name(name):
        raise ValueError(f"bad function name {name!r}: it must not be empty or hold '/', '\\', ':', white space")
    machine = as_gpu(gpu)

    def declare(target: F) -> F:
        entry = _entry(target)
        declaration = Declaration(
            name=name,
            kind="class" if isinstance(target, type) else "function",
            streams=bool(entry.__code__.co_flags & _YIELDS),
            env=(environment_variables,) if isinstance(environment_variables, Env) else _all(environment_variables),
            gpu=machine,
            metadata=metadata or Metadata(),
            restart_on_error=restart_on_error,
            python_packages=_all(python_packages),
            system_packages=_all(system_packages),
            python_version=python_version,
            system_version=system_version,
            cuda_version=cuda_version,
            machine_type=machine_type,
            run_commands=_all(run_commands),
            iterator_input=iterator_input,
            persist_output=persist_output,
        )
        if isinstance(target, type):
            return _mark(target, declaration)

        @wraps(target)
        def call(*args: object, **kwargs: object) -> object:
            return target(*args, **kwargs)

        return cast("F", _mark(call, declaration))

    return declare


class _Function:
    """`sieve.function`: a decorator, and the way to functions that are deployed."""

    __call__ = staticmethod(_declare)

    @staticmethod
    def get(name: str) -> Reference:
        """The deployed function "owner/name" or "owner/name:version", to `.push` or `.run`. Asks nobody yet."""
        from sieve_jobs.sdk.reference import Reference

        return Reference(name)


function = _Function()
Model = function
"""The older name for a declared class; Sieve takes either on it."""


def workflow(*args: object, **_: object) -> Callable[[object], None] | None:
    """Does nothing: Sieve has given workflows up. The decorated name becomes None."""
    warnings.warn("sieve.workflow does nothing; push functions from a function", DeprecationWarning, stacklevel=2)
    return None if len(args) == 1 and callable(args[0]) else lambda _: None


def declaration_of(target: object) -> Declaration | None:
    """What the decorator left on *target*, None if it carries no declaration of its own."""
    found = vars(target).get("__sieve__") if hasattr(target, "__dict__") else None
    return found if isinstance(found, Declaration) else None


T = TypeVar("T")


def _all(items: Sequence[T] | None) -> tuple[T, ...]:
    return tuple(items or ())


def _mark(target: T, declaration: Declaration) -> T:
    setattr(target, "__sieve__", declaration)  # noqa: B010 -- no static attribute of a type or a function
    return target


def _entry(target: Callable[..., object]) -> FunctionType:
    """What a job calls: the def itself, or a class's `__predict__`. Raises TypeError where that cannot be."""
    inner: object = getattr(target, "__predict__", None) if isinstance(target, type) else target
    while hasattr(inner, "__wrapped__"):
        inner = inner.__wrapped__
    if not isinstance(inner, FunctionType):
        what = "has no __predict__ method" if isinstance(target, type) else "is no function"
        raise TypeError(f"{getattr(target, '__qualname__', target)!s} {what}")
    code = inner.__code__
    if code.co_flags & _ASYNC:
        raise TypeError(f"{inner.__qualname__} is async; a function is called plainly")
    if code.co_posonlyargcount:
        raise TypeError(f"{inner.__qualname__} has positional-only parameters; inputs are passed by name")
    if RESERVED_INPUT in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]:
        raise TypeError(f"{inner.__qualname__} has a parameter named {RESERVED_INPUT!r}, which is reserved")
    return inner
