"""Which specs the words of a command line mean: a name, else a glob, else a file or folder."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from sieve_jobs.codes import Code
from sieve_jobs.diagnostic import Diagnostic, did_you_mean
from sieve_jobs.errors import UsageError

_SPECIAL = re.compile(r"\*\*/?|\*|\?")


def select(words: Sequence[str], known: Mapping[str, str]) -> set[str]:
    """Names that *words* mean, of *known* (name to path). Raises UsageError naming every word without a match."""
    found: set[str] = set()
    problems: list[Diagnostic] = []
    for word in words:
        matches = _matches(word, known)
        if not matches:
            hint = did_you_mean(word, known) or "`sieve-jobs status` lists the names"
            problems.append(
                Diagnostic(Code.NOTHING_NAMED_SO, f"'{word}' is no spec, glob, file or folder here", hint=hint)
            )
        found |= matches
    if problems:
        raise UsageError(*problems)
    return found


def _matches(word: str, known: Mapping[str, str]) -> set[str]:
    if word in known:
        return {word}
    if _SPECIAL.search(word):
        pattern = glob_pattern(word)
        return {name for name in known if pattern.fullmatch(name)}
    if not word or word.startswith("/"):
        return set()
    path = posixpath.normpath(word)
    if path == ".":
        return set(known)
    return {name for name, file in known.items() if file == path or file.startswith(path + "/")}


def glob_pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` stay within a path segment, `**` crosses them; brackets are text, as names hold them."""
    parts: list[str] = []
    position = 0
    for match in _SPECIAL.finditer(glob):
        parts.append(re.escape(glob[position : match.start()]))
        parts.append({"*": "[^/]*", "?": "[^/]", "**": ".*", "**/": "(?:.*/)?"}[match[0]])
        position = match.end()
    return re.compile("".join(parts) + re.escape(glob[position:]))
