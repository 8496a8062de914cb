"""`save`: where a spec's outputs go, as one pattern of a path below the project's root: `out/intro/{index}{ext}`.

Everything that could lead out of the folder is refused here, by its place in the spec; what the far side calls its
files comes later, and only fills placeholders (push/naming.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import did_you_mean
from sieve_jobs.spec.model import Finding
from sieve_jobs.spec.scalars import shortened
from sieve_jobs.wire import Json

DEFAULT_AS = "{index}{ext}"
PLACEHOLDERS = ("index", "name", "job", "stem", "ext")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PRIVATE = frozenset({".git", ".sieve-jobs"})
"""Folders that are git's and ours: what is put there is run, or believed."""
_LONGEST = 1000
_FOLDER_EXPECTED = "a folder below the project's root, such as out/intro"
_AS_EXPECTED = 'a name such as "{index}{ext}"'


def check_save(tree: Mapping[str, Json], own_folders: Sequence[str] = (), name: str | None = None) -> Iterator[Finding]:
    """What is wrong with `save` of the spec *name*.

    *own_folders* are those of specs and functions, relative to the root.
    """
    save = tree.get("save")
    if save is None:
        return
    if isinstance(save, str):
        yield from _check_folder(save, ("save",), own_folders, DEFAULT_AS)
        return
    if not isinstance(save, dict):
        yield Finding(
            Code.WRONG_TYPE, "'save' has the wrong type", ("save",), expected="a folder, or {to: FOLDER, as: NAME}"
        )
        return
    for key in save:
        if key not in ("to", "as"):
            hint = did_you_mean(key, ("to", "as")) if len(key) <= 80 else None
            message = f"unknown key '{shortened(key)}'"
            yield Finding(Code.UNKNOWN_KEY, message, ("save", key), at_key=True, expected="to and as", hint=hint)
    to, wanted = save.get("to"), save.get("as", DEFAULT_AS)
    if "to" not in save:
        yield Finding(Code.KEY_MISSING, "'save.to' is missing", ("save",), expected="the key 'to': a folder")
    elif not isinstance(to, str):
        yield Finding(Code.WRONG_TYPE, "'save.to' has the wrong type", ("save", "to"), expected=_FOLDER_EXPECTED)
    else:
        yield from _check_folder(to, ("save", "to"), own_folders, wanted if isinstance(wanted, str) else DEFAULT_AS)
    if not isinstance(wanted, str):
        yield Finding(Code.WRONG_TYPE, "'save.as' has the wrong type", ("save", "as"), expected=_AS_EXPECTED)
    else:
        yield from _check_name(wanted, name or "name")


def pattern_of(save: Json, name: str) -> str | None:
    """The pattern of a valid `save` of the spec *name*; None without one. `{name}` is filled in already."""
    if save is None:
        return None
    to, wanted = (save, DEFAULT_AS) if isinstance(save, str) else (_text(save, "to"), _text(save, "as") or DEFAULT_AS)
    return f"{_folder_of(to)}/{wanted}".replace("{name}", name)


def stays_inside(path: str) -> bool:
    """Whether *path*, a pattern or what was made of one, is below the project's root, and neither git's nor ours.

    Every valid `save` is. What comes from elsewhere than a spec, as a state does, is held to it too.
    """
    parts = path.split("/")
    private = any(part.casefold() in _PRIVATE for part in parts)
    return not (private or path.startswith("~") or "\\" in path or "\0" in path or {"", ".", ".."} & {*parts})


def same_place(pattern: str) -> str:
    """Equal for patterns under which two jobs would save to one path; empty where their own ids tell them apart."""
    return "" if "{job}" in pattern else unicodedata.normalize("NFC", pattern).casefold()


def _text(save: Json, key: str) -> str:
    value = save.get(key) if isinstance(save, dict) else None
    return value if isinstance(value, str) else ""


def _folder_of(to: str) -> str:
    return "/".join(part for part in to.split("/") if part not in ("", "."))


def _check_folder(to: str, pointer: tuple[str, ...], own_folders: Sequence[str], name: str) -> Iterator[Finding]:
    scheme = _SCHEME.match(to)
    if scheme:
        message = f"saving to '{shortened(scheme[0])}…' is not supported yet"
        yield Finding(
            Code.NOT_SUPPORTED,
            message,
            pointer,
            expected=_FOLDER_EXPECTED,
            hint="save to a folder and copy it from there",
        )
        return
    parts = [part for part in to.split("/") if part not in ("", ".")]
    wrong, hint = _folder_trouble(to, parts), None
    if wrong is None:
        whole = f"{'/'.join(parts)}/{name.partition('{')[0]}".casefold()
        inside = next((own for own in own_folders if whole.startswith(f"{own.strip('/')}/".casefold())), None)
        if inside is not None:
            wrong, hint = f"lies in '{inside}', and outputs would be read as its files", "save to a folder of their own"
    elif wrong == "leaves the project":
        hint = "it is seen from the project's root, not from this file"
    elif "placeholder" in wrong:
        hint = "placeholders stand in 'as', which may hold folders too"
    if wrong is not None:
        message = f"the folder '{shortened(to)}' {wrong}"
        yield Finding(Code.FOLDER_UNUSABLE, message, pointer, expected=_FOLDER_EXPECTED, hint=hint)


def _folder_trouble(to: str, parts: Sequence[str]) -> str | None:
    # './~' is a folder of that name, but the path that is then shown and recorded, '~/0.mp4', is one to every shell.
    if to.startswith("/") or ".." in parts or (parts and parts[0].startswith("~")):
        return "leaves the project"
    if not parts:
        return "is the project's root itself"
    if any(part.casefold() in _PRIVATE for part in parts):
        return "is git's or the tool's own"
    if "{" in to or "}" in to:
        return "holds a placeholder"
    return _text_trouble(to)


def _check_name(wanted: str, name: str) -> Iterator[Finding]:
    pointer = ("save", "as")
    for word in _PLACEHOLDER.findall(wanted):
        if word not in PLACEHOLDERS:
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            hint = did_you_mean(word, PLACEHOLDERS) if len(word) <= 80 else None
            message = f"unknown placeholder '{{{shortened(word)}}}'"
            yield Finding(Code.SAVED_NAME_UNUSABLE, message, pointer, expected=known, hint=hint, needle=f"{{{word}}}")
    trouble = _name_trouble(wanted.replace("{name}", name))
    if trouble is not None:
        message = f"the name '{shortened(wanted)}' {trouble}" if wanted else "'save.as' is empty"
        yield Finding(Code.SAVED_NAME_UNUSABLE, message, pointer, expected=_AS_EXPECTED)


def _name_trouble(name: str) -> str | None:
    bare = _PLACEHOLDER.sub("", name)
    if "{" in bare or "}" in bare:
        return "has a brace without its other"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return "has an empty, '.' or '..' part"
        if part.startswith((".", "{ext}")):
            return "would be hidden: a part of it begins with a dot"
        if part.strip() != part:
            return "has a part that begins or ends with a space"
    return _text_trouble(name)


def _text_trouble(text: str) -> str | None:
    if not text.isprintable() or "\\" in text:
        return "holds a character that no file's name may hold here"
    return f"is longer than {_LONGEST} characters" if len(text) > _LONGEST else None
