"""The poller sees what changes in its folders, however soon after the last change."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sieve_jobs.watch.poller import Poller


def rewrite(folder: Path) -> set[str]:
    file = folder / "a.yaml"
    file.write_text("other")
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + 1))
    return {str(file)}


def add(folder: Path) -> set[str]:
    (folder / "b.yaml").write_text("")
    return {str(folder / "b.yaml")}


def remove(folder: Path) -> set[str]:
    (folder / "a.yaml").unlink()
    return {str(folder / "a.yaml")}


def replace(folder: Path) -> set[str]:
    (folder / ".tmp").write_text("one")
    (folder / ".tmp").replace(folder / "a.yaml")
    return {str(folder / "a.yaml")}


def link(folder: Path) -> set[str]:
    (folder / "gone.yaml").symlink_to("nowhere")
    return {str(folder / "gone.yaml")}


@pytest.mark.parametrize("change", [rewrite, add, remove, replace, link])
def test_it_sees(tmp_path: Path, change: Callable[[Path], set[str]]) -> None:
    (tmp_path / "a.yaml").write_text("one")
    poller = Poller([str(tmp_path), str(tmp_path / "not-there")], 0.0)
    changed = change(tmp_path)
    assert poller.watch(0, 0, 0, threading.Event()) == {(0, path) for path in changed}


def test_it_stops_and_folders_below_are_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    poller = Poller([str(tmp_path)], 0.0)
    (tmp_path / "below" / "x.yaml").write_text("")
    stop = threading.Event()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    assert poller.watch(0, 0, 0, stop) == "stop"
