"""The folder and the key: private, made once, and refused where somebody else could have had a hand in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sieve_jobs.errors import StateError
from sieve_jobs.spec.tags import TagKey, key_from
from sieve_jobs.state.folder import ensure_folder
from sieve_jobs.state.key import ensure_key, read_key
from sieve_jobs.state.writes import PutEntry
from tests.state.samples import entry
from tests.state.test_sqlite import open_at_noon

SECRET = bytes(range(32))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(StateError) as caught:
        act()
    return caught.value.diagnostics[0].code


def test_the_folder_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = ensure_folder(tmp_path)
    finally:
        os.umask(before)
    assert folder == tmp_path / ".sieve-jobs"
    assert (mode(folder), mode(folder / ".gitignore")) == (0o700, 0o600)
    assert (folder / ".gitignore").read_text() == "*\n"


def test_the_folder_is_made_once(tmp_path: Path) -> None:
    (ensure_folder(tmp_path) / ".gitignore").write_text("mine\n")
    ensure_folder(tmp_path)
    assert (tmp_path / ".sieve-jobs" / ".gitignore").read_text() == "mine\n"


def test_a_folder_that_others_can_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / ".sieve-jobs").mkdir()
    (tmp_path / ".sieve-jobs").chmod(0o755)
    assert mode(ensure_folder(tmp_path)) == 0o700


@pytest.mark.parametrize("bits", [0o770, 0o707, 0o777])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, bits: int) -> None:
    (tmp_path / ".sieve-jobs").mkdir()
    (tmp_path / ".sieve-jobs").chmod(bits)
    assert code_of(lambda: ensure_folder(tmp_path)) == "SJ157"
    assert mode(tmp_path / ".sieve-jobs") == bits


def test_a_planted_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".sieve-jobs").symlink_to(tmp_path / "elsewhere")
    assert code_of(lambda: ensure_folder(tmp_path)) == "SJ157"
    assert code_of(lambda: open_at_noon(tmp_path / ".sieve-jobs" / "prod.db", read_only=True).load()) == "SJ157"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".sieve-jobs").write_text("")
    assert code_of(lambda: ensure_folder(tmp_path)) == "SJ157"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path)
    with open_at_noon(folder / "prod.db") as store:
        store.commit([PutEntry(entry())], 0)
    os.chown(folder / "prod.db", 4711, -1)
    for read_only in (True, False):
        assert (
            code_of(lambda read_only=read_only: open_at_noon(folder / "prod.db", read_only=read_only).load()) == "SJ157"
        )
    os.chown(folder, 4711, -1)
    assert code_of(lambda: ensure_folder(tmp_path)) == "SJ157"
    # A project of that user, mounted into a container in which we are root.
    os.chown(tmp_path, 4711, -1)
    with open_at_noon(ensure_folder(tmp_path) / "prod.db", read_only=True) as store:
        assert store.names() == ["dub-intro"]


@pytest.mark.parametrize("read_only", [True, False], ids=["reading", "writing"])
@pytest.mark.parametrize("plant", ["a link", "a folder", "a fifo", "writable by others"])
def test_a_planted_state_is_refused(tmp_path: Path, plant: str, read_only: bool) -> None:
    path = ensure_folder(tmp_path) / "prod.db"
    open_at_noon(tmp_path / "real.db").close()
    match plant:
        case "a link":
            path.symlink_to(tmp_path / "real.db")
        case "a folder":
            path.mkdir()
        case "a fifo":
            os.mkfifo(path, 0o600)
        case _:
            (tmp_path / "real.db").rename(path)
            path.chmod(0o666)
    assert code_of(lambda: open_at_noon(path, read_only=read_only).load()) == "SJ157"


def test_the_key_is_made_once_and_private(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path)
    assert read_key(folder, {}) is None
    before = os.umask(0)
    try:
        key = ensure_key(folder, {})
    finally:
        os.umask(before)
    assert mode(folder / "key") == 0o600
    assert len(key.secret) == 32
    assert (read_key(folder, {}), ensure_key(folder, {})) == (key, key)
    assert (folder / "key").read_text() == f"{key.secret.hex()}\n"
    assert sorted(found.name for found in folder.iterdir()) == [".gitignore", "key"]


def test_makers_of_the_key_agree(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ensure_key(folder, {}), range(32)))
    assert len({key.id for key in made}) == 1
    assert made[0] == read_key(folder, {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(SECRET.hex(), key_from(SECRET), id="given"),
        pytest.param(f" {SECRET.hex().upper()}\n", key_from(SECRET), id="given with spaces"),
        pytest.param("", None, id="withheld by the CI"),
        pytest.param(" \n", None, id="blank"),
    ],
)
def test_the_key_from_the_environment(tmp_path: Path, given: str, expected: TagKey | None) -> None:
    assert read_key(tmp_path, {"SIEVE_JOBS_STATE_KEY": given}) == expected


def test_the_environment_comes_first_and_makes_no_file(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path)
    assert ensure_key(folder, {"SIEVE_JOBS_STATE_KEY": SECRET.hex()}) == key_from(SECRET)
    assert not (folder / "key").exists()


@pytest.mark.parametrize("text", ["hunter2", "zz" * 32, "ab" * 31, "ab" * 33, "é" * 64])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    folder = ensure_folder(tmp_path)
    (folder / "key").write_text(text, encoding="utf-8")
    (folder / "key").chmod(0o600)
    for act in (lambda: read_key(folder, {}), lambda: ensure_key(folder, {"SIEVE_JOBS_STATE_KEY": text})):
        with pytest.raises(StateError) as caught:
            act()
        (told,) = caught.value.diagnostics
        assert told.code == "SJ161"
        assert text not in f"{told.message}{told.hint}{told.expected}"
    assert (folder / "key").read_text(encoding="utf-8") == text


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path)
    ensure_key(folder, {})
    (folder / "key").chmod(0o640)
    assert code_of(lambda: read_key(folder, {})) == "SJ157"


def test_a_planted_key_is_not_followed(tmp_path: Path) -> None:
    folder = ensure_folder(tmp_path)
    (tmp_path / "theirs").write_text(SECRET.hex())
    (folder / "key").symlink_to(tmp_path / "theirs")
    assert code_of(lambda: read_key(folder, {})) == "SJ152"
    assert code_of(lambda: ensure_key(folder, {})) == "SJ152"
