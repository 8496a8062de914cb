"""A project whose specs have been read and are remembered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.spec.cached import ALL, Cached

_AT_ONCE = 16


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    """Projects whose files are old enough to be trusted: several wait together, as each would wait as long."""

    def made() -> Iterator[Cached]:
        while True:
            batch = [Cached(tmp_path_factory.mktemp("cached").resolve()) for _ in range(_AT_ONCE)]
            for each in batch:
                each.write()
            for each in batch:
                each.settle()
            yield from batch

    return made()


@pytest.fixture
def project(settled: Iterator[Cached]) -> Cached:
    found = next(settled)
    assert set(found.load().parsed) == ALL
    assert not found.load().parsed
    return found
