"""Trees of spec files to measure with, under git."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SPEC = """\
# yaml-language-server: $schema=../../schemas/jobspec.schema.json
function: sieve/dubbing
description: Dub clip {index}
labels:
  team: video
inputs:
  source_file:
    url: https://cdn.example.com/clips/{index:06d}.mp4
  target_language: spanish
  start_time: {index}
  enable_voice_cloning: true
webhooks:
  - type: job.complete
    url: https://hooks.example.com/sieve?clip={index}
"""


def make_tree(root: Path, specs: int, endpoint: str) -> None:
    """*specs* spec files of a dozen lines, 100 a folder, a config whose target `bench` is *endpoint*, all committed.

    They differ in a parameter, not by the url of a file alone: such pushes cannot be told apart in the far side's list
    and go one at a time.
    """
    for index in range(specs):
        folder = root / "jobspecs" / f"shelf-{index // 100:03d}"
        if index % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"clip-{index:06d}.yaml").write_text(_SPEC.format(index=index))
    (root / "sieve-jobs.toml").write_text(
        f'[targets.bench]\nendpoint = "{endpoint}"\nstate = ".sieve-jobs/bench.db"\nmax_pushes = {specs}\n'
    )
    (root / ".gitignore").write_text(".sieve-jobs/\n")
    git = ["git", "-C", str(root), "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "specs"], check=True)
