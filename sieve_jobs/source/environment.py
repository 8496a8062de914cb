"""What a declaration says of the environment it runs in, read from its decorator without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sieve_jobs.source import Environment

_LISTS = ("python_packages", "system_packages", "run_commands")
_TEXTS = ("python_version", "cuda_version")


def environment_of(call: ast.Call, tree: ast.Module) -> Environment:
    """The environment that the decorator *call* declares. Values are literals, or names of literals of the module."""
    constants = dict(_constants(tree))
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    lists = {name: _texts(given.get(name), constants) for name in _LISTS}
    texts = {name: _text(given.get(name), constants) for name in _TEXTS}
    unread = tuple(name for name in (*_LISTS, *_TEXTS) if name in given and lists.get(name, texts.get(name)) is None)
    return Environment(
        python_packages=lists["python_packages"] or (),
        system_packages=lists["system_packages"] or (),
        run_commands=lists["run_commands"] or (),
        python_version=texts["python_version"] or "",
        cuda_version=texts["cuda_version"] or "",
        unread=unread,
    )


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Top-level assignments to a name; of several to one name the last counts."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            yield node.target.id, node.value


def _literal(node: ast.expr | None, constants: dict[str, ast.expr]) -> object:
    if isinstance(node, ast.Name):
        node = constants.get(node.id)
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _texts(node: ast.expr | None, constants: dict[str, ast.expr]) -> tuple[str, ...] | None:
    value = _literal(node, constants)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return () if node is None or (isinstance(node, ast.Constant) and node.value is None) else None


def _text(node: ast.expr | None, constants: dict[str, ast.expr]) -> str | None:
    value = _literal(node, constants)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    return "" if node is None or (isinstance(node, ast.Constant) and node.value is None) else None
