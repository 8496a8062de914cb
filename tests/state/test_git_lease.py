"""The lease on a state on git: who holds it, who waits, who takes over."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from sieve_jobs.errors import LockedError
from sieve_jobs.state.git.store import GitStore
from sieve_jobs.state.writes import JobSaved, JobStatus, PutEntry, PutIntent
from sieve_jobs.wire import Status
from tests.state.remote import REF, code_of, git, make_clone, make_remote, open_in, text_of, tip
from tests.state.samples import NOON, OWNER, entry, intent, saved


class TestLease:
    """Who holds it, who waits, who takes over."""

    @pytest.fixture
    def stores(self, tmp_path: Path, opened: ExitStack) -> tuple[GitStore, GitStore]:
        self.at, self.ticks = NOON, 0.0

        def sleep(seconds: float) -> None:
            self.at += timedelta(seconds=seconds)
            self.ticks += seconds

        options = {"now": lambda: self.at, "clock": lambda: self.ticks, "sleep": sleep}
        ours, theirs = (opened.enter_context(open_in(make_clone(tmp_path, name), **options)) for name in "ab")
        return ours, theirs

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds

    def test_it_is_taken_with_the_first_commit_and_given_back(
        self, tmp_path: Path, stores: tuple[GitStore, GitStore]
    ) -> None:
        ours, theirs = stores
        ours.commit([PutEntry(entry("a"))], 0)
        before = tip(make_remote(tmp_path))
        with ours.lease(OWNER, timeout=0.0):
            assert tip(make_remote(tmp_path)) == before
            with theirs.lease(OWNER, timeout=0.0):
                pass
        assert tip(make_remote(tmp_path)) == before
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutEntry(entry("b"))], 1)
            with pytest.raises(LockedError) as caught, theirs.lease(OWNER, timeout=0.0):
                pass
            assert code_of(caught.value) == "SJ151"
            for fact in ("ann", "build-7", "4711", "apply --target prod", "2026-11-23 12:00:00Z"):
                assert fact in text_of(caught.value)
        with theirs.lease(OWNER, timeout=0.0):
            theirs.commit([PutEntry(entry("c"))], theirs.load().header.serial)

    def test_a_dead_holders_lease_is_taken_over_and_fences_it_off(self, stores: tuple[GitStore, GitStore]) -> None:
        ours, theirs = stores
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutIntent(intent("u1"))], 0)
            with theirs.lease(OWNER, timeout=80.0):
                assert self.ticks >= 70.0
                serial = theirs.load().header.serial
                assert len(theirs.load().intents) == 1
                theirs.commit([JobStatus("nobody", Status.FINISHED)], None)
                theirs.commit([PutEntry(entry("theirs"))], serial)
                with pytest.raises(LockedError) as caught:
                    ours.commit([PutIntent(intent("u2"))], 1)
                # What was learned decides nothing: whoever was overtaken may say it, and it joins what is there by now.
                ours.commit([JobSaved("job-theirs", saved("out/0", complete=False))], None)
                theirs.commit([PutEntry(entry("more"))], serial + 1)
                ours.commit([JobSaved("job-theirs", saved("out/0"))], None)
            assert theirs.load().header.serial == serial + 2
            assert theirs.get(["theirs"])["theirs"].saved == saved("out/0")
            with pytest.raises(LockedError) as caught:
                ours.commit([PutIntent(intent("u2"))], theirs.load().header.serial)
            assert code_of(caught.value) == "SJ151"
        assert [found.uuid for found in theirs.load().intents] == ["u1"]

    def test_a_holder_whose_clock_runs_ahead_does_not_hold_for_ever(self, stores: tuple[GitStore, GitStore]) -> None:
        ours, theirs = stores
        self.at += timedelta(days=700)
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutIntent(intent("u1"))], 0)
            self.at -= timedelta(days=700)
            with pytest.raises(LockedError), theirs.lease(OWNER, timeout=30.0):
                pass
            with theirs.lease(OWNER, timeout=80.0):
                pass

    def test_the_same_folder_takes_over_at_once(self, tmp_path: Path, stores: tuple[GitStore, GitStore]) -> None:
        ours, _ = stores
        with ours.lease(OWNER, timeout=0.0):
            ours.commit([PutIntent(intent("u1"))], 0)
            with open_in(make_clone(tmp_path, "a"), now=lambda: self.at) as again, again.lease(OWNER, timeout=0.0):
                again.commit([PutEntry(entry("a"))], 1)

    def test_it_is_renewed_while_nothing_is_written(self, tmp_path: Path, opened: ExitStack) -> None:
        store = opened.enter_context(open_in(make_clone(tmp_path), lease=0.3))
        remote = make_remote(tmp_path)
        with store.lease(OWNER, timeout=0.0):
            store.commit([PutIntent(intent("u1"))], 0)
            seen = {tip(remote)}
            for _ in range(5000):
                seen.add(tip(remote))
                if len(seen) == 3:
                    break
        assert len(seen) == 3
        assert store.load().header.serial == 1
        assert json.loads(git(remote, "show", f"{REF}:head.json"))["lease"] is None
