"""Documents of a text, why it has none, and values that any document may hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError, Document

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


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
