"""Entries, earlier jobs and intents for tests, whole and the same in every run."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sieve_jobs.spec.jobspec import Tags
from sieve_jobs.state.entry import Entry, Intent, PastJob, Saved, SavedFile
from sieve_jobs.state.lock import Owner
from sieve_jobs.state.writes import DropEntry, Pin, PutEntry, PutIntent, PutPast, Write
from sieve_jobs.wire import Status

NOON = datetime(2026, 11, 23, 12, 0, 0, 195000, tzinfo=UTC)
OWNER = Owner("ann", "build-7", 4711, NOON, "apply --target prod")
NO_MOUNTS = ""


def digest_of(text: str) -> str:
    return f"v1:sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def entry(
    name: str = "dub-intro", *, status: Status = Status.FINISHED, job: str | None = None, **changes: object
) -> Entry:
    """An entry with every field filled; its job is `job-<name>`."""
    fields: dict[str, object] = {
        "name": name,
        "digest": digest_of(name),
        "fingerprint": hashlib.sha256(f"fingerprint {name}".encode()).hexdigest()[:32],
        "parts": {"function": "sieve/dubbing", "inputs": {"width": 640, "ratio": 0.1, "clips": [None, True, "ä"]}},
        "tags": Tags("k1", {"REGION": "0f" * 16}, {"env.OPENAI_API_KEY": "1e" * 16}, "2d" * 16),
        "variables": {"REGION": False, "OPENAI_API_KEY": True},
        "function": "sieve/dubbing",
        "path": f"jobspecs/{name}.yaml",
        "line": 3,
        "reason": "new",
        "job_id": job or f"job-{name}",
        "run_id": f"run-{name}",
        "status": status,
        "pushed_at": NOON,
        "completed_at": NOON + timedelta(seconds=90) if status.is_final else None,
        "error": "Traceback\x1b[2J\r\n\x00 ValueError: \ud800" if status is Status.ERROR else "",
        "commit": "5e" * 20,
        "protect": True,
    }
    return Entry(**{**fields, **changes})  # type: ignore[arg-type]


def past(
    job: str, *, name: str = "dub-intro", digest: str = "old", minutes: int = 0, status: Status = Status.FINISHED
) -> PastJob:
    """An earlier job, pushed *minutes* after noon."""
    return PastJob(
        job_id=job, run_id=f"run-{job}", name=name, digest=digest_of(digest), function="sieve/dubbing", status=status,
        pushed_at=NOON + timedelta(minutes=minutes),
        completed_at=NOON + timedelta(hours=2) if status.is_final else None,
        error="boom" if status is Status.ERROR else "", tags=Tags("k1", {"REGION": "0f" * 16}, {}, "2d" * 16),
    )  # fmt: skip


def intent(uuid: str, *, name: str = "dub-es", seconds: int = 0, confirmed: str | None = None) -> Intent:
    """A second attempt of a push; its draft has no job yet."""
    return Intent(
        uuid=uuid, attempt=2, at=NOON + timedelta(seconds=seconds + 30), server_at=NOON,
        first_at=NOON + timedelta(seconds=seconds), endpoint="https://mango.sievedata.com", organization_id=None,
        projection={"source_file": "FILE.mp4", "voices": [1, 2.5]}, projection_hash="ab" * 16,
        draft=entry(name, status=Status.QUEUED, job="draft", run_id=""), confirmed_job=confirmed,
    )  # fmt: skip


def saved(*paths: str, asked: str = "out/{index}", place: str = "p1", complete: bool = True) -> Saved:
    files = (SavedFile(path, len(path), hashlib.sha256(path.encode()).hexdigest()) for path in paths)
    return Saved(asked, place, tuple(files), complete)


def what_is_saved() -> list[Write]:
    """Entries and earlier jobs with saved outputs, and some that are due."""
    asked = "out/dub/{index}{ext}"
    whole = saved("out/dub/0.mp4", "out/dub/1.json", asked=asked)
    return [
        PutEntry(entry("dub-intro", save=asked, saved=whole)),
        PutEntry(entry("shows/due", save="out/{index}")),
        PutEntry(
            entry("shows/half", save="out/ä/{index}", saved=saved("out/ä/0", asked="out/ä/{index}", complete=False))
        ),
        PutEntry(entry("shows/moved", save="new/{index}", saved=saved("old/0", asked="old/{index}"))),
        PutPast(replace(past("past-5", minutes=5), saved=saved("out/dub/0.mp4", place="p2"))),
    ]


def everything() -> list[Write]:
    """Writes that put at least one row of each kind into a state."""
    return [
        PutEntry(entry("dub-intro")),
        PutEntry(entry("dub-intro[lang=es,voice=alto]")),
        PutEntry(entry("shows/pilot", status=Status.PROCESSING)),
        PutEntry(entry("shows/broken", status=Status.ERROR, reported=True, path="jobspecs/\udcff.yaml")),
        PutEntry(entry("shows/gone", orphaned=True, commit=None)),
        PutEntry(entry("shows/lost", status=Status.QUEUED, lost=True)),
        PutPast(past("past-1")),
        PutPast(past("past-2", minutes=1, status=Status.CANCELLED)),
        PutPast(past("past-3", minutes=2, status=Status.PROCESSING)),
        PutPast(past("past-4", name="forgotten", digest="other", minutes=3)),
        PutIntent(intent("11111111-1111-4111-8111-111111111111")),
        PutIntent(intent("22222222-2222-4222-8222-222222222222", name="dub-fr", seconds=5, confirmed="job-x")),
        Pin("https://mango.sievedata.com", "org-1"),
        DropEntry("never-there"),
    ]
