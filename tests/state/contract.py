"""What every store must do, as tests: a store's own test class inherits StoreContract and says how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sieve_jobs.errors import LockedError, StateError
from sieve_jobs.state.entry import Entry, Saved
from sieve_jobs.state.store import Store
from sieve_jobs.state.writes import (
    ClearIntent,
    DropEntry,
    DropPast,
    JobSaved,
    JobStatus,
    Pin,
    PutEntry,
    PutIntent,
    PutPast,
)
from sieve_jobs.wire import Status
from tests.state.samples import NOON, digest_of, entry, everything, intent, past, saved, what_is_saved

BEFORE = list(Status)
LATER = NOON + timedelta(hours=1)


class StoreContract:
    """Every test gets a state that nothing was written to."""

    def open(self, folder: Path) -> Store:
        """The one state in *folder*, opened for writing; its clock says NOON."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        opened = self.open(tmp_path)
        yield opened
        opened.close()

    def test_new_state_is_empty_and_has_a_lineage(self, store: Store) -> None:
        state = store.load()
        assert state.is_empty
        assert (state.header.serial, state.header.endpoint, state.header.organization_id) == (0, None, None)
        assert state.header.lineage
        assert (store.names(), store.get(["a"]), store.past([digest_of("a")])) == ([], {}, {})
        assert (store.past_of("a"), store.history()) == ([], [])

    def test_commit_raises_the_serial_by_one_and_says_when(self, store: Store) -> None:
        assert store.commit([PutEntry(entry("a")), PutEntry(entry("b"))], 0) == 1
        assert store.commit([DropEntry("a")], 1) == 2
        assert (store.load().header.serial, store.load().header.written_at) == (2, NOON)

    def test_empty_commit_changes_nothing(self, store: Store) -> None:
        store.commit([PutEntry(entry())], 0)
        assert store.commit([], 1) == 1
        assert store.commit([], None) == 1

    def test_all_rows_come_back_as_they_were_put(self, store: Store, tmp_path: Path) -> None:
        writes = [*everything(), *what_is_saved()]
        store.commit(writes, 0)
        lineage = store.load().header.lineage
        store.close()
        again = self.open(tmp_path)
        try:
            state = again.load()
            assert (state.header.lineage, state.header.serial) == (lineage, 1)
            assert (state.header.endpoint, state.header.organization_id) == ("https://mango.sievedata.com", "org-1")
            entries = {write.entry.name: write.entry for write in writes if isinstance(write, PutEntry)}
            assert again.get(again.names()) == entries
            assert again.names() == sorted(entries)
            assert {**{name: entries[name].fingerprint for name in state.settled}} == state.settled
            assert state.open == {name: entries[name] for name in entries if name not in state.settled}
            jobs = [write.job for write in writes if isinstance(write, PutPast)]
            assert again.history() == sorted(jobs, key=lambda job: job.pushed_at, reverse=True)
            assert state.superseded == tuple(job for job in jobs if not job.status.is_final)
            assert sorted(state.saved.paths) == ["out/dub/0.mp4", "out/dub/1.json"]
            assert state.intents == tuple(write.intent for write in writes if isinstance(write, PutIntent))
        finally:
            again.close()

    @pytest.mark.parametrize(
        ("put", "settled"),
        [
            pytest.param(entry(), True, id="finished"),
            pytest.param(entry(reported=True), True, id="finished and reported"),
            pytest.param(entry(orphaned=True), False, id="orphaned"),
            pytest.param(entry(lost=True), False, id="lost"),
            pytest.param(entry(status=Status.QUEUED), False, id="queued"),
            pytest.param(entry(status=Status.PROCESSING), False, id="processing"),
            pytest.param(entry(status=Status.ERROR), False, id="error"),
            pytest.param(entry(status=Status.CANCELLED), False, id="cancelled"),
        ],
    )
    def test_load_splits_settled_from_open(self, store: Store, put: object, settled: bool) -> None:
        store.commit([PutEntry(put)], 0)  # type: ignore[arg-type]
        state = store.load()
        assert state.settled == ({put.name: put.fingerprint} if settled else {})  # type: ignore[attr-defined]
        assert state.open == ({} if settled else {put.name: put})  # type: ignore[attr-defined]

    def test_an_entry_moves_between_settled_and_open(self, store: Store) -> None:
        for serial, put in enumerate([entry(), entry(orphaned=True), entry(fingerprint="other")]):
            store.commit([PutEntry(put)], serial)
        assert store.load().settled == {"dub-intro": "other"}
        assert store.load().open == {}

    def test_get_answers_only_what_was_asked(self, store: Store) -> None:
        store.commit([PutEntry(entry("a")), PutEntry(entry("b"))], 0)
        assert store.get(["b", "nowhere", "b"]) == {"b": entry("b")}
        assert store.get([]) == {}

    def test_get_of_thousands(self, store: Store) -> None:
        names = [f"spec-{number}" for number in range(2000)]
        store.commit([PutEntry(entry(name)) for name in names], 0)
        assert set(store.get(names[:1500])) == set(names[:1500])
        assert len(store.load().settled) == 2000

    def test_past_jobs_by_digest_and_by_name_newest_first(self, store: Store) -> None:
        one, two, other = past("j1"), past("j2", minutes=5), past("j3", digest="other", name="else", minutes=9)
        store.commit([PutPast(one), PutPast(two), PutPast(other)], 0)
        assert store.past([digest_of("old"), digest_of("nowhere")]) == {digest_of("old"): [two, one]}
        assert store.past_of("else") == [other]
        assert store.past_of("dub-intro") == [two, one]
        assert store.history() == [other, two, one]

    def test_a_past_job_is_replaced_by_id_and_dropped(self, store: Store) -> None:
        store.commit([PutPast(past("j1", status=Status.PROCESSING)), PutPast(past("j2"))], 0)
        store.commit([PutPast(past("j1", name="new-name")), DropPast("j2"), DropPast("nowhere")], 1)
        assert store.history() == [past("j1", name="new-name")]
        assert store.load().superseded == ()

    def test_an_intent_is_replaced_by_uuid_and_cleared(self, store: Store) -> None:
        first = intent("u1")
        second = replace(first, attempt=3, confirmed_job="job-9")
        store.commit([PutIntent(first), PutIntent(intent("u2"))], 0)
        store.commit([PutIntent(second), ClearIntent("u2"), ClearIntent("nowhere")], 1)
        assert store.load().intents == (second,)

    def test_intents_come_in_order_of_their_first_attempt(self, store: Store) -> None:
        store.commit([PutIntent(intent("u1", seconds=9)), PutIntent(intent("u2", seconds=1))], 0)
        assert [found.uuid for found in store.load().intents] == ["u2", "u1"]

    def test_pin_leaves_what_it_does_not_name(self, store: Store) -> None:
        store.commit([Pin("local", None)], 0)
        store.commit([Pin(None, "org-1")], 1)
        header = store.load().header
        assert (header.endpoint, header.organization_id) == ("local", "org-1")

    @pytest.mark.parametrize("drop_first", [True, False], ids=["drop then put", "put then drop"])
    def test_a_renamed_entry_keeps_its_job(self, store: Store, drop_first: bool) -> None:
        store.commit([PutEntry(entry("old", job="j1"))], 0)
        writes = [DropEntry("old"), PutEntry(entry("new", job="j1"))]
        store.commit(writes if drop_first else writes[::-1], 1)
        assert store.names() == ["new"]
        assert list(store.load().settled) == ["new"]

    def test_two_names_swap_their_jobs(self, store: Store) -> None:
        store.commit([PutEntry(entry("a", job="j1")), PutEntry(entry("b", job="j2"))], 0)
        store.commit([PutEntry(entry("a", job="j2")), PutEntry(entry("b", job="j1"))], 1)
        assert {name: found.job_id for name, found in store.get(["a", "b"]).items()} == {"a": "j2", "b": "j1"}

    def test_the_last_write_of_a_key_wins(self, store: Store) -> None:
        store.commit([DropEntry("a"), PutEntry(entry("a")), PutEntry(entry("b")), DropEntry("b")], 0)
        assert store.names() == ["a"]

    def test_a_job_belongs_to_one_entry(self, store: Store) -> None:
        store.commit([PutEntry(entry("a", job="j1"))], 0)
        with pytest.raises(StateError) as caught:
            store.commit([PutPast(past("p")), PutEntry(entry("b", job="j1")), Pin("local", None)], 1)
        assert caught.value.diagnostics[0].code == "SJ160"
        assert (store.load().header.serial, store.names(), store.history()) == (1, ["a"], [])
        assert store.load().header.endpoint is None
        assert store.commit([DropEntry("a"), PutEntry(entry("b", job="j1"))], 1) == 2

    def test_a_stale_serial_is_refused_and_writes_nothing(self, store: Store, tmp_path: Path) -> None:
        other = self.open(tmp_path)
        try:
            other.commit([PutEntry(entry("theirs"))], other.load().header.serial)
        finally:
            other.close()
        with pytest.raises(LockedError) as caught:
            store.commit([PutEntry(entry("ours"))], 0)
        assert caught.value.diagnostics[0].code == "SJ159"
        assert (store.names(), store.load().header.serial) == (["theirs"], 1)

    def test_a_serial_from_the_future_is_refused(self, store: Store) -> None:
        with pytest.raises(LockedError):
            store.commit([PutEntry(entry())], 5)

    def test_other_writes_need_a_serial(self, store: Store) -> None:
        with pytest.raises(ValueError, match="serial"):
            store.commit([JobStatus("j", Status.FINISHED), PutEntry(entry())], None)
        assert store.load().is_empty

    @pytest.mark.parametrize("after", BEFORE, ids=lambda status: f"to {status}")
    @pytest.mark.parametrize("before", BEFORE, ids=lambda status: f"from {status}")
    def test_a_status_changes_no_job_that_ended(self, store: Store, before: Status, after: Status) -> None:
        store.commit([PutEntry(entry(status=before, job="j1")), PutPast(past("j2", status=before))], 0)
        said = [JobStatus(job, after, "run-9", "new text", LATER) for job in ("j1", "j2")]
        assert store.commit(said, None) == 1
        (found,), (job,) = store.get(["dub-intro"]).values(), store.history()
        if before.is_final:
            assert (found, job) == (entry(status=before, job="j1"), past("j2", status=before))
        else:
            for row in (found, job):
                assert (row.status, row.run_id, row.error, row.completed_at) == (after, "run-9", "new text", LATER)
        assert ("dub-intro" in store.load().settled) == (found.status is Status.FINISHED)
        assert len(store.load().superseded) == (0 if job.status.is_final else 1)

    def test_a_status_leaves_what_it_does_not_say(self, store: Store) -> None:
        store.commit([PutEntry(entry(status=Status.QUEUED, job="j1"))], 0)
        store.commit([JobStatus("j1", Status.PROCESSING)], None)
        assert store.get(["dub-intro"])["dub-intro"] == entry(status=Status.PROCESSING, job="j1")

    def test_a_status_of_an_unknown_job_is_no_commit(self, store: Store) -> None:
        store.commit([PutEntry(entry())], 0)
        assert store.commit([JobStatus("nowhere", Status.FINISHED, reported=True, lost=True)], None) == 1
        assert store.get(["dub-intro"]) == {"dub-intro": entry()}

    @pytest.mark.parametrize(
        ("before", "said", "reported", "lost"),
        [
            pytest.param(
                entry(status=Status.ERROR), JobStatus("j", Status.ERROR, reported=True), True, False, id="report"
            ),
            pytest.param(
                entry(status=Status.ERROR, reported=True), JobStatus("j", Status.ERROR), True, False, id="keep"
            ),
            pytest.param(
                entry(status=Status.QUEUED),
                JobStatus("j", Status.QUEUED, lost=True, reported=True),
                True,
                True,
                id="lose",
            ),
            pytest.param(
                entry(status=Status.QUEUED, lost=True),
                JobStatus("j", Status.PROCESSING),
                False,
                False,
                id="it answers again",
            ),
            pytest.param(
                entry(status=Status.QUEUED, lost=True),
                JobStatus("j", Status.FINISHED),
                False,
                False,
                id="it ended after all",
            ),
            pytest.param(entry(), JobStatus("j", Status.QUEUED, lost=True), False, False, id="finished is never lost"),
        ],
    )
    def test_a_status_marks_what_was_said(
        self, store: Store, before: Entry, said: JobStatus, reported: bool, lost: bool
    ) -> None:
        store.commit([PutEntry(replace(before, job_id="j"))], 0)
        store.commit([said], None)
        found = store.get(["dub-intro"])["dub-intro"]
        assert (found.reported, found.lost) == (reported, lost)

    def test_statuses_of_others_invalidate_no_decision(self, store: Store, tmp_path: Path) -> None:
        store.commit([PutEntry(entry("a", status=Status.PROCESSING))], 0)
        other = self.open(tmp_path)
        try:
            assert other.commit([JobStatus("job-a", Status.FINISHED, completed_at=LATER)], None) == 1
        finally:
            other.close()
        assert store.commit([PutEntry(entry("b"))], 1) == 2
        assert sorted(store.load().settled) == ["a", "b"]

    def test_a_job_that_ended_meanwhile_stays_ended_when_its_entry_moves(self, store: Store) -> None:
        running = entry("old", status=Status.PROCESSING, job="j1")
        store.commit([PutEntry(running)], 0)
        store.commit([JobStatus("j1", Status.FINISHED, "run-9", completed_at=LATER)], None)
        store.commit([DropEntry("old"), PutEntry(replace(running, name="new"))], 1)
        found = store.get(["new"])["new"]
        assert (found.status, found.run_id, found.completed_at) == (Status.FINISHED, "run-9", LATER)

    def test_a_job_that_ended_meanwhile_stays_ended_when_it_is_superseded(self, store: Store) -> None:
        running = entry("a", status=Status.PROCESSING, job="j1")
        store.commit([PutEntry(running)], 0)
        store.commit([JobStatus("j1", Status.ERROR, error="boom", completed_at=LATER)], None)
        store.commit([PutPast(running.past()), PutEntry(entry("a", job="j2"))], 1)
        (job,) = store.history()
        assert (job.status, job.error, job.completed_at) == (Status.ERROR, "boom", LATER)
        assert store.load().superseded == ()

    def test_a_finished_job_is_settled_once_its_outputs_are_saved(self, store: Store) -> None:
        store.commit([PutEntry(entry("a", save="out/{index}"))], 0)
        assert list(store.load().open) == ["a"]
        assert store.commit([JobSaved("job-a", saved("out/0", complete=False))], None) == 1
        assert list(store.load().open) == ["a"]
        assert store.commit([JobSaved("job-a", saved("out/0", "out/1"))], None) == 1
        state = store.load()
        assert (list(state.settled), list(state.open)) == (["a"], [])
        assert [*zip(*state.saved, strict=True)] == [("out/0", "p1", "a"), ("out/1", "p1", "a")]
        assert store.get(["a"])["a"].saved == saved("out/0", "out/1")

    def test_another_place_to_save_makes_it_due_again(self, store: Store) -> None:
        settled = entry("a", save="out/{index}", saved=saved("out/0"))
        store.commit([PutEntry(settled)], 0)
        store.commit([PutEntry(replace(settled, save="new/{index}"))], 1)
        state = store.load()
        assert list(state.open) == ["a"]
        assert not state.saved.paths

    def test_what_is_no_longer_to_be_saved_is_not_looked_for(self, store: Store) -> None:
        settled = entry("a", save="out/{index}", saved=saved("out/0"))
        store.commit([PutEntry(settled)], 0)
        store.commit([PutEntry(replace(settled, save=""))], 1)
        state = store.load()
        assert list(state.settled) == ["a"]
        assert not state.saved.paths

    @pytest.mark.parametrize("stale", [None, saved("old/0", complete=False)], ids=["nothing known", "half known"])
    def test_what_was_saved_meanwhile_is_not_forgotten_by_an_older_entry(
        self, store: Store, stale: Saved | None
    ) -> None:
        older = entry("a", save="out/{index}", saved=stale)
        store.commit([PutEntry(older)], 0)
        store.commit([JobSaved("job-a", saved("out/0"))], None)
        store.commit([PutEntry(replace(older, line=9, saved=None))], 1)
        assert store.get(["a"])["a"].saved == saved("out/0")

    def test_an_earlier_job_keeps_what_was_saved_of_it(self, store: Store, tmp_path: Path) -> None:
        older = entry("a", save="out/{index}", saved=saved("out/0"))
        store.commit([PutEntry(older), *what_is_saved()], 0)
        store.commit([PutPast(older.past()), PutEntry(entry("a", job="j2"))], 1)
        store.commit([JobSaved("job-a", saved("out/0", "out/1"))], None)
        (job,) = store.past_of("a")
        assert job.saved == saved("out/0", "out/1")

    def test_what_is_saved_of_a_job_that_is_not_there_changes_nothing(self, store: Store) -> None:
        assert store.commit([JobSaved("nobody", saved("out/0"))], None) == 0
        assert store.load().is_empty
