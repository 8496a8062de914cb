"""The workflow that `init --ci github` writes: plan on pull requests, apply on merge, go on every hour. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

FOLDER, NAME = ".github/workflows", "sieve-jobs"
PATH = f"{FOLDER}/{NAME}.yaml"
"""Of the first project in a repository; another one's is named for its target."""
CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0"
UNKNOWN_ACTION = "OWNER/sieve-jobs@0000000000000000000000000000000000000000"
"""Stands where nobody said which repository and commit the action is taken from."""

LOCK_TIMEOUT = "50m"
"""Longer than pushes take; less than the schedule's hour, and than a runner may work."""

_TEXT = """\
# Written by `sieve-jobs init --ci github`: a pull request shows what its jobs would do, a merge runs them, and what a
# merge has begun is finished every hour. Yours to change: it is not written again.
name: @name@

on:
  pull_request:
  push:
    branches: [@branch@]
  schedule:
    - cron: "17 * * * *"
  workflow_dispatch:
    inputs:
      new-state:
        description: "Make the state of a target that never ran"
        type: boolean
        default: false

permissions: {}

jobs:
  plan:
    name: plan
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    timeout-minutes: 15
    permissions:
      contents: read # the specs, and the state on refs/sieve-jobs/@target@
      pull-requests: write # one comment that shows the plan
    concurrency:
      group: sieve-jobs-@target@-plan-${{ github.ref }}
      cancel-in-progress: true
    steps:
      - uses: @checkout@
        with:
          persist-credentials: true # git reads the state with them
      - uses: @action@
        with:
          target: @target@@folder@
        env:
          SIEVE_JOBS_STATE_KEY: ${{ secrets.SIEVE_JOBS_STATE_KEY }}

  apply:
    name: apply
    if: github.event_name != 'pull_request'
    runs-on: ubuntu-latest
    timeout-minutes: 350
    permissions:
      contents: write # the state on refs/sieve-jobs/@target@
    # One merge runs and one waits, whose place a newer one takes: the newer commit has all of it. The schedule, which
    # begins nothing, and runs by hand on other branches must not take that place, and have groups of their own.
    # A run applies the commit that it was started for: if one is to be run again, let it be the newest.
    concurrency:
      group: sieve-jobs-@target@-${{ github.event_name == 'schedule' && 'continue' || github.ref }}
      cancel-in-progress: false
    steps:
      - uses: @checkout@
        with:
          persist-credentials: true # git writes the state with them
      - uses: @action@
        with:
          target: @target@@folder@
          args: ${{ inputs.new-state && '--new-state' || '' }}
          lock-timeout: @lock_timeout@ # for a run of another group, or from elsewhere, to have pushed its jobs
        env:
          SIEVE_JOBS_STATE_KEY: ${{ secrets.SIEVE_JOBS_STATE_KEY }}
@secrets@"""


def path_of(name: str) -> str:
    """Where the workflow *name* lies, from the checkout."""
    return f"{FOLDER}/{name}.yaml"


def workflow(*, name: str, branch: str, target: str, folder: str, action: str, secrets: Sequence[str]) -> str:
    """The workflow's text. What *name* and *target* tell apart may run in one repository.

    *folder* is the project's, from the checkout; empty where they are one. *action* is `owner/name@commit`. *secrets*
    are names of variables that an apply needs.
    """
    lines = "".join(f"          {secret}: ${{{{ secrets.{secret} }}}}\n" for secret in secrets)
    values = {
        "@name@": name,
        "@branch@": json.dumps(branch),
        "@lock_timeout@": LOCK_TIMEOUT,
        "@checkout@": CHECKOUT,
        "@action@": action,
        "@target@": target,
        "@folder@": f"\n          working-directory: {json.dumps(folder)}" if folder else "",
        "@secrets@": lines,
    }
    text = _TEXT
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text
