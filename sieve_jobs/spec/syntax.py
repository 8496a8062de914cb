"""Text that is not YAML: what libyaml says of it, what it must not be asked to read, and what it reads otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.tokens import (
    AliasToken,
    AnchorToken,
    FlowMappingEndToken,
    FlowMappingStartToken,
    FlowSequenceEndToken,
    FlowSequenceStartToken,
    KeyToken,
    Token,
)

from sieve_jobs.codes import Code
from sieve_jobs.spec.document import BuildError, Span

_MAX_DIRECTIVES = 100
_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
"""libyaml compares each %TAG with all before it: 100,000 of them keep it busy for half a minute."""

_KEY = re.compile(r"(?<![^\s\[{,])\?[^\s]")
_ANCHOR = re.compile(r"[&*][0-9A-Za-z_-]+[:?%@`]")
"""What may be read otherwise, and mostly is within quotes or an address: only the scanner tells."""
_BEHIND = frozenset(":?%@`")
_MOST_TOKENS = 200_000

_START = Span(0, 0, 0, 1)


def no_yaml(error: Exception, text: str) -> BuildError:
    """What stopped the reading of *text*, as far as it says where."""
    if not isinstance(error, MarkedYAMLError):
        return BuildError(Code.NOT_YAML, f"not valid YAML: {type(error).__name__}", _START)
    mark = error.problem_mark or error.context_mark
    if mark and error.context_mark and mark.index >= len(text.rstrip()):
        mark = error.context_mark  # what was never closed is shown where it was opened, not at the file's end
    words = " ".join(str(part) for part in (error.context, error.problem) if part)
    where = Span(mark.line, mark.column, mark.line, mark.column + 1) if mark else _START
    return BuildError(Code.NOT_YAML, f"not valid YAML: {words}", where)


def check_directives(text: str) -> None:
    """Raises BuildError if *text* has more %TAG directives than anyone needs."""
    if "%TAG" in text:
        for count, match in enumerate(_DIRECTIVE.finditer(text), start=1):
            if count > _MAX_DIRECTIVES:
                line = text.count("\n", 0, match.start())
                message = f"more than {_MAX_DIRECTIVES} %TAG directives"
                raise BuildError(Code.NOT_YAML, message, Span(line, 0, line, 4))


def check_older(text: str) -> None:
    """Raises BuildError if *text*, which libyaml could read, says something else in YAML 1.2 than in the 1.1 it knows.

    Inside brackets 1.1 takes the `?` of `?x` for a key's sign, and it ends the name of an anchor at a `:`. For text
    that was read only: the scanner takes time that grows with the square of the depth.
    """
    found = [match.start() for match in (*_matches(_KEY, "?", text), *_matches(_ANCHOR, "&*", text))]
    if found:
        _scan(text, last=max(found))


def _matches(pattern: re.Pattern[str], signs: str, text: str) -> Iterator[re.Match[str]]:
    return pattern.finditer(text) if any(sign in text for sign in signs) else iter(())


def _scan(text: str, last: int) -> None:
    """Raises BuildError at the first token up to the offset *last* that is read in two ways, or when it takes long."""
    parser, depth = CParser(text), 0
    for _ in range(_MOST_TOKENS):
        token = parser.get_token()
        if token is None or token.start_mark.index > last:
            return
        kind, end = token.__class__, token.end_mark.index
        if kind is FlowMappingStartToken or kind is FlowSequenceStartToken:
            depth += 1
        elif kind is FlowMappingEndToken or kind is FlowSequenceEndToken:
            depth -= 1
        elif kind is KeyToken and depth and end > token.start_mark.index and not text[end : end + 1].isspace():
            raise _read_in_two_ways("a '?' with no space behind it", token)
        elif (kind is AnchorToken or kind is AliasToken) and text[end : end + 1] in _BEHIND:
            raise _read_in_two_ways(f"a '{text[end]}' behind the name of an anchor", token)
    message = "too many values to tell which '?', '&' and '*' are parts of a text"
    raise BuildError(Code.TOO_MANY_VALUES, message, _START, hint="split the file")


def _read_in_two_ways(what: str, token: Token) -> BuildError:
    start, end = token.start_mark, token.end_mark
    place = Span(start.line, start.column, end.line, end.column)
    return BuildError(
        Code.NOT_YAML, f"{what} is read in two ways", place, hint="put the text in quotes, or a space between"
    )
