"""Text that is not YAML: what libyaml says of it, and what it must not be asked to read."""

from __future__ import annotations

import re

from yaml.error import MarkedYAMLError

from sieve_jobs.spec.document import BuildError, Span

_MAX_DIRECTIVES = 100
_DIRECTIVE = re.compile(r"^%TAG", re.MULTILINE)
"""libyaml compares each %TAG with all before it: 100,000 of them keep it busy for half a minute."""

_START = Span(0, 0, 0, 1)


def no_yaml(error: Exception, text: str) -> BuildError:
    """What stopped the reading of *text*, as far as it says where."""
    if not isinstance(error, MarkedYAMLError):
        return BuildError("SJ100", f"not valid YAML: {type(error).__name__}", _START)
    mark = error.problem_mark or error.context_mark
    if mark and error.context_mark and mark.index >= len(text.rstrip()):
        mark = error.context_mark  # what was never closed is shown where it was opened, not at the file's end
    words = " ".join(str(part) for part in (error.context, error.problem) if part)
    where = Span(mark.line, mark.column, mark.line, mark.column + 1) if mark else _START
    return BuildError("SJ100", f"not valid YAML: {words}", where)


def check_directives(text: str) -> None:
    """Raises BuildError if *text* has more %TAG directives than anyone needs."""
    if "%TAG" in text:
        for count, match in enumerate(_DIRECTIVE.finditer(text), start=1):
            if count > _MAX_DIRECTIVES:
                line = text.count("\n", 0, match.start())
                message = f"more than {_MAX_DIRECTIVES} %TAG directives"
                raise BuildError("SJ100", message, Span(line, 0, line, 4))
