"""The data files that a module's source reads by name, `open("prompt.txt")`, found without running it. Pure.

A file that the code may write is left out, whoever reads it too: were it part of the version, each run would make
another one. So one whose name is also handed on, to ffmpeg say, does not count: nobody can tell what becomes of it.
"""

from __future__ import annotations

import ast
import os.path
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import NamedTuple

_READING = re.compile(
    r"(\w+_)?(im)?(read|load|open|parse)(_\w+|txt|mat)?|\w*from_file|truetype|VideoCapture|InferenceSession"
)
"""Last names of what is called with a path to read it."""
_WRITING_MODE = re.compile(r"[rtbU]*[wax+][wax+tbU]*|r[tb]*\+[tb]*")
_LOOKING = re.compile(r"exists|is_?file|is_?dir|getsize|getmtime|stat|print|len|repr|debug|info|warning|error|\w+Error")
"""Calls that neither read nor write the file they are told of."""
_READING_METHODS = frozenset(("read_text", "read_bytes"))
_WRITING_METHODS = frozenset(
    ("write_text", "write_bytes", "touch", "mkdir", "unlink", "rename", "replace", "symlink_to", "hardlink_to")
)
_SAME = frozenset(("Path", "PurePath", "PosixPath", "str", "fspath", "abspath", "realpath", "normpath"))
_SAME_METHODS = frozenset(("resolve", "absolute", "as_posix", "expanduser"))
# Python has one object of each for all nodes.
_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
_WITHOUT_USE = (ast.Compare, ast.Expr, ast.If, ast.IfExp, ast.While, ast.Assert, ast.BoolOp, ast.UnaryOp, ast.Subscript)
_LONGEST = 1024


class Named(NamedTuple):
    """What a module names."""

    read: frozenset[str] = frozenset()
    """Paths that it reads: absolute where it is told from `__file__`, else as they are written."""
    touched: frozenset[str] = frozenset()
    """Last parts of paths that it may write, if it reads any."""


def named_files(nodes: Sequence[ast.AST], file: str) -> Named:
    """What the module at *file* (absolute) names. *nodes* are all those of its tree.

    Text is a path where it is a literal, or is joined of literals by `/`, `join`, `joinpath` or `with_name`, also
    over names that are bound once. Whether there are such files is not looked at.
    """
    readers = [node for node in nodes if isinstance(node, ast.Call) and _may_read(node)]
    if not readers:
        return Named()
    paths = _Paths(file, _constants(nodes))
    try:
        # Few modules read anything by name: what else becomes of a path is looked for in those alone.
        if all(paths.of(subject) is None for call in readers for subject in _subjects(call)):
            return Named()
        return _named(nodes, paths)
    except RecursionError:  # an expression of hundreds of joins: nobody wrote it
        return Named()


def _named(nodes: Iterable[ast.AST], paths: _Paths) -> Named:
    above = {child: node for node in nodes for child in ast.iter_child_nodes(node) if not isinstance(child, _SHARED)}
    read: set[str] = set()
    touched: set[str] = set()
    for node, outer in above.items():
        path = paths.of(node)
        if path is not None and paths.of(outer) is None:
            use = _use(node, above, paths)
            if use is True:
                read.add(os.path.normpath(path))
            elif use is False:
                touched |= _names(path)
        elif path is None and isinstance(node, ast.Constant) and isinstance(node.value, str):
            touched |= set() if _is_told(node, above) else _names(node.value)
    return Named(frozenset(read), frozenset(touched))


def _names(text: str) -> set[str]:
    """The last part of a path, and of each word: a command in one piece names its files so."""
    return {PurePath(word).name for word in (text, *text.split())}


def _may_read(call: ast.Call) -> bool:
    name = _last_name(call.func)
    return name in _READING_METHODS or _READING.fullmatch(name) is not None


def _subjects(call: ast.Call) -> Iterator[ast.expr]:
    """Whatever a call may read: its receiver, its arguments."""
    if isinstance(call.func, ast.Attribute):
        yield call.func.value
    yield from call.args[:1]
    yield from (keyword.value for keyword in call.keywords if _is_for_a_file(keyword))


@dataclass(frozen=True, slots=True)
class _Paths:
    """The paths that the expressions of one module are."""

    file: str
    constants: dict[str, ast.expr]
    known: dict[ast.AST, str | None] = field(default_factory=dict)

    def of(self, node: ast.AST) -> str | None:
        """The path that an expression is, None where it is none or not known."""
        if node not in self.known:
            self.known[node] = None  # of a name that is told by itself
            self.known[node] = self._path(node)
        return self.known[node]

    def _path(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) and _is_path(node.value) else None
        if isinstance(node, ast.Name):
            if node.id == "__file__":
                return self.file
            value = self.constants.get(node.id) if isinstance(node.ctx, ast.Load) else None
            return None if value is None else self.of(value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self._joined([node.left, node.right])
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            return self._parent(node.value)
        return self._called(node) if isinstance(node, ast.Call) and not node.keywords else None

    def _called(self, call: ast.Call) -> str | None:
        name = _last_name(call.func)
        if (name in _SAME and call.args) or (name == "join" and len(call.args) > 1):
            return self._joined(call.args)
        if name == "dirname" and len(call.args) == 1:
            return self._parent(call.args[0])
        return self._derived(call.func.value, name, call.args) if isinstance(call.func, ast.Attribute) else None

    def _derived(self, receiver: ast.expr, method: str, given: list[ast.expr]) -> str | None:
        if method in _SAME_METHODS and not given:
            return self.of(receiver)
        if method == "joinpath":
            return self._joined([receiver, *given])
        if method == "with_name" and len(given) == 1:
            folder, name = self._parent(receiver), self.of(given[0])
            return None if folder is None or name is None else str(PurePath(folder, name))
        return None

    def _parent(self, node: ast.expr) -> str | None:
        path = self.of(node)
        return None if path is None else str(PurePath(path).parent)

    def _joined(self, parts: list[ast.expr]) -> str | None:
        paths = [self.of(part) for part in parts]
        known = [path for path in paths if path is not None]
        return str(PurePath(*known)) if len(known) == len(paths) else None


def _use(node: ast.AST, above: Mapping[ast.AST, ast.AST], paths: _Paths) -> bool | None:
    """Whether a path is read where it stands (True), may be written (False), or neither (None)."""
    outer = above[node]
    call = above.get(outer)
    if isinstance(outer, ast.Attribute):
        return _use_of_receiver(outer.attr, call) if isinstance(call, ast.Call) and call.func is outer else None
    call = call if isinstance(outer, ast.keyword) else outer
    if isinstance(call, ast.Call) and _READING.fullmatch(_last_name(call.func)):
        return not _writes(call.args[1:2], call) if _is_file_of(call, outer, node) else None
    if isinstance(outer, ast.Assign | ast.AnnAssign):
        return None if node in paths.constants.values() else False
    return None if isinstance(outer, _WITHOUT_USE) or _is_told(node, above) else False


def _is_told(node: ast.AST, above: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether it is part of a message, a documentation, or a look at what is there."""
    while (outer := above.get(node)) is not None and not isinstance(node, ast.stmt):
        if isinstance(outer, ast.Call) and _LOOKING.fullmatch(_last_name(outer.func)):
            return True
        if isinstance(outer, ast.Raise) or (isinstance(outer, ast.Expr) and isinstance(node, ast.Constant)):
            return True
        node = outer
    return False


def _use_of_receiver(method: str, call: ast.Call) -> bool | None:
    if method == "open":
        return not _writes(call.args[:1], call)
    return True if method in _READING_METHODS else False if method in _WRITING_METHODS else None


def _is_file_of(call: ast.Call, outer: ast.AST, node: ast.AST) -> bool:
    """Whether *node*, in *outer*, is what a call that reads is to read: its first argument, or one that is named so."""
    return _is_for_a_file(outer) if isinstance(outer, ast.keyword) else call.args[:1] == [node]


def _is_for_a_file(keyword: ast.keyword) -> bool:
    return any(word in (keyword.arg or "") for word in ("file", "path", "name"))


def _writes(given: list[ast.expr], call: ast.Call) -> bool:
    """Whether the mode of a call that opens, its argument *given* or its `mode`, is one that writes, or is not told."""
    mode = next((keyword.value for keyword in call.keywords if keyword.arg == "mode"), given[0] if given else None)
    if mode is None:
        return False
    if not isinstance(mode, ast.Constant):
        return _last_name(call.func) == "open"
    return isinstance(mode.value, str) and _WRITING_MODE.fullmatch(mode.value) is not None


def _constants(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    """What each name that is bound once, by an assignment, stands for."""
    bound: Counter[str] = Counter()
    values: dict[str, ast.expr] = {}
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound[node.id] += 1
        elif isinstance(node, ast.arg):
            bound[node.arg] += 2
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            values[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            values[node.target.id] = node.value
    return {name: value for name, value in values.items() if bound[name] == 1}


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_path(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and text.isprintable() and "://" not in text
