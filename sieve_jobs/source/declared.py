"""What a module declares: its top-level defs and classes that carry the SDK's decorator, read from its tree."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from sieve_jobs.source import Environment, is_function_name
from sieve_jobs.source.environment import environment_of

SDKS = ("sieve", "sieve_jobs.sdk")
DECORATORS = frozenset(f"{sdk}.{name}" for sdk in SDKS for name in ("function", "Model"))
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration before its hash is known."""

    name: str
    line: int
    attribute: str
    streams: bool
    environment: Environment


def declared(tree: ast.Module) -> tuple[list[Declared], list[tuple[int, str]]]:
    """The top-level declarations of a module, and what is wrong with others, as (line, what)."""
    names = _sdk_names(tree)
    found: list[Declared] = []
    bad: list[tuple[int, str]] = []
    for node in tree.body:
        if not isinstance(node, Definition):
            continue
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if _dotted(call.func if call else decorator, names) not in DECORATORS:
                continue
            name = _literal_name(call)
            problem = _problem(node, name)
            if problem or name is None:
                bad.append((node.lineno, f"'{node.name}' {problem}"))
            else:
                environment = environment_of(call, tree) if call else Environment()
                found.append(Declared(name, node.lineno, node.name, _streams(node), environment))
    return found, bad


def _problem(node: Definition, name: str | None) -> str | None:
    """Why a decorated definition cannot be served, None if it can."""
    if name is None:
        return 'is decorated without its name as a string literal, name="…"'
    if not is_function_name(name):
        return f"has the name {name!r}, which must not be empty or contain '/', '\\', ':' or white space"
    if isinstance(node, ast.AsyncFunctionDef):
        return "is async; a function is called plainly"
    if isinstance(node, ast.ClassDef) and not node.bases and _predict(node) is None:
        return "has no __predict__ method"
    return None


def _streams(node: Definition) -> bool:
    """Whether the function, or the class's own `__predict__`, yields itself; nested functions do not count."""
    target = _predict(node) if isinstance(node, ast.ClassDef) else node
    pending: list[ast.AST] = list(target.body) if target else []
    while pending:
        current = pending.pop()
        if isinstance(current, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(current))
    return False


def _predict(node: ast.ClassDef) -> ast.FunctionDef | None:
    methods = (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__predict__")
    return next(methods, None)


def _sdk_names(tree: ast.Module) -> dict[str, str]:
    """Names an import binds in the module, with the dotted name each stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
            if node.names[0].name == "*" and node.module in SDKS:
                names.update({name: f"{node.module}.{name}" for name in ("function", "Model")})
    return names


def _dotted(node: ast.expr, names: Mapping[str, str]) -> str | None:
    """`sv.function` as `sieve.function` where `sv` was imported as `sieve`; None for what is no such name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return None
    return ".".join([names[node.id], *reversed(parts)])


def _literal_name(call: ast.Call | None) -> str | None:
    """The `name=` of a decorator, or its first argument, where it is a string literal."""
    if call is None:
        return None
    given = next((keyword.value for keyword in call.keywords if keyword.arg == "name"), None)
    value = given or (call.args[0] if call.args else None)
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None
