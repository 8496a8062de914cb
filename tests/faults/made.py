"""Makes a folder of tests/faults/releases: `PYTHONPATH=CHECKOUT python tests/faults/made.py FOLDER`.

Each is made once, by the release that it is named after, and stays to be planned by every later one. It is run with
the checkout of that release on the path, whose stand-in it uses; it imports nothing of today's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cloud import Cloud

PORT = 47613
ENVIRON = {"V": "640", "CDN_HOST": "cdn.example.com", "A_KEY": "s3cret", "MODE": "fast", "EMPTY": ""}
"""What its specs read."""
CONFIG = f"""\
[targets.prod]
endpoint = "http://127.0.0.1:{PORT}"
ignore_query = ["token"]
vars = {{RELEASE = "2026.11"}}
"""
SPECS = {
    "plain.yaml": (
        "function: sieve/dubbing\ninputs: {source_file: {url: 'https://cdn.example.com/a.mp4'}, width: 640}\n"
    ),
    "by-id.yaml": "id: 8c1e7a0e-3f2b\ninputs: [1, 2.5, null, true, 'x', 1e21, -0.0, 9007199254740992]\n",
    "empty.yaml": "function: a/b\n",
    "deep/er/é.yaml": (
        "function: a/b:v2\ninputs: {z: {b: [1, {c: é}], a: ''}, n: 1.10, o: 0o17, d: 2024-01-01, no: no}\n"
    ),
    "variables.yaml": (
        "function: a/b\ninputs:\n  u: https://${CDN_HOST}/x\n  w: ${V}\n  q: '${V}'\n  r: ${RELEASE}-${EMPTY:-none}\n"
        "env: {MODE: '${MODE}', LITERAL: x, OPENAI_API_KEY: '${A_KEY}'}\n"
    ),
    "signed.yaml": (
        "function: a/b\n"
        "inputs: {u: 'https://user:pw@b.s3.amazonaws.com/x?X-Amz-Signature=1&v=2&token=t', s: '${A_KEY}'}\n"
    ),
    "hooks.yaml": (
        "function: a/b\nwebhooks: [{type: job.complete, url: 'https://h.example/x'}]\nlabels: {a: b}\ndescription: x\n"
        "rerun: 2\nrerun_on: [webhooks, secrets]\nprotect: true\n"
    ),
    "several.yaml": "name: one\nfunction: a/b\ninputs: &i {x: 1}\n---\nname: two\nfunction: a/b\ninputs: {y: 2}\n",
    "merged.yaml": "function: a/b\ninputs:\n  base: &b {x: 1, y: [1, 2]}\n  more: {<<: *b, x: 2}\n  same: *b\n",
}  # fmt: skip


def write(root: Path) -> None:
    """The project, without its state."""
    (root / "sieve-jobs.toml").write_text(CONFIG)
    for name, text in SPECS.items():
        path = root / "jobspecs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main(folder: Path) -> None:
    root = folder / "project"
    root.mkdir(parents=True)
    (root / ".git").mkdir()
    write(root)
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "SIEVE_API_KEY": Cloud.key, **ENVIRON}
    with Cloud.running(port=PORT):
        done = subprocess.run(
            [sys.executable, "-m", "sieve_jobs", "apply", "-t", "prod", "--yes", "--json"], cwd=root, env=environ,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert json.loads(done.stdout)["summary"]["pushed"] == 10
    for name in ("prod.db", "key"):
        shutil.copy(root / ".sieve-jobs" / name, folder / name)
    shutil.rmtree(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
