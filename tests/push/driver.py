"""An apply in a process of its own, to be killed: `python -m tests.push.driver FOLDER URL COUNT [SETTLE]`."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from sieve_jobs.push.events import Event
from tests.cloud import Cloud
from tests.push.scene import Scene, clips


def main() -> None:
    folder, url, count, fatal = sys.argv[1:5]

    def emit(event: Event) -> None:
        """Dies at the event of that kind and name, as if by SIGKILL from outside: no handler, no flush runs."""
        if f"{event.kind}:{getattr(event, 'name', '')}" == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    scene = Scene(Path(folder), Cloud(), url=url)
    scene.options = replace(scene.options, concurrency=2)
    scene.apply(clips(int(count)), on_event=emit)


if __name__ == "__main__":
    main()
