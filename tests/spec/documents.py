"""Documents of a text, and why it has none."""

from __future__ import annotations

from typing import Any

import pytest

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError, Document


def read(text: str, *, marks: bool = False) -> list[Document]:
    return list(read_documents(text, marks=marks))


def one(text: str) -> Any:
    (document,) = read(text)
    return document.value


def refused(text: str) -> BuildError:
    with pytest.raises(BuildError) as caught:
        read(text)
    with pytest.raises(BuildError) as marked:
        read(text, marks=True)
    assert (marked.value.code, marked.value.span) == (caught.value.code, caught.value.span)
    return marked.value
