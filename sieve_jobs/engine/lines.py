"""The jobs that wait for a worker, in line by function and depth."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sieve_jobs.engine.catalog import Function
from sieve_jobs.engine.choose import Head
from sieve_jobs.engine.records import Waiting


@dataclass(frozen=True, slots=True)
class Unable:
    """A queued job that cannot be run any more; *is_here* if its function is there, in another version."""

    job: Waiting
    is_here: bool


@dataclass(frozen=True, slots=True)
class Lines:
    """One line for each function and depth: the jobs below one that waits must not stand behind those beside it."""

    _lines: dict[tuple[str, int], deque[Waiting]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(line) for line in self._lines.values())

    def add(self, job: Waiting) -> bool:
        """Whether it is the first of its line; behind another one it changes nothing for now."""
        line = self._lines.setdefault((job.name, job.depth), deque())
        line.append(job)
        return len(line) == 1

    def put_back(self, job: Waiting) -> None:
        """To the front: it was at it before."""
        self._lines.setdefault((job.name, job.depth), deque()).appendleft(job)

    def remove(self, job_id: str) -> None:
        for line in self._lines.values():
            found = next((job for job in line if job.id == job_id), None)
            if found is not None:
                line.remove(found)

    def take(self, head: Head) -> Waiting:
        return self._lines[head.name, head.depth].popleft()

    def drain(self, head: Head) -> list[Waiting]:
        """Takes out the whole line that *head* is the first of."""
        return list(self._lines.pop((head.name, head.depth)))

    def heads(self, present: Mapping[str, Function], is_gone: Callable[[str], bool]) -> tuple[list[Head], list[Unable]]:
        """The first of each line, and those that were taken out because their function is gone.

        *is_gone* says whether one that is not *present* has been away for so long that nobody waits for it.
        """
        heads, unable = [], []
        for (name, depth), line in list(self._lines.items()):
            while line:
                waiting = line[0]
                found = present.get(name)
                if found is None and not is_gone(name):
                    break
                if found is not None and (not waiting.pinned or found.id == waiting.function_id):
                    heads.append(Head(waiting.seq, name, found.module, depth))
                    break
                unable.append(Unable(line.popleft(), found is not None))
            else:
                del self._lines[name, depth]
        return heads, unable
