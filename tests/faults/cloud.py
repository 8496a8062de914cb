"""A hostile Sieve on loopback, for people: `python -m tests.faults.cloud --fault drop-after`, `--list` shows them all.

It prints its URL as the first line, then how to use it, then each push as it comes and what there is at the end. It is
the stand-in of tests/cloud, which tests use as a fixture.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections import Counter
from pathlib import Path

from tests.cloud import Cloud, Script
from tests.faults.named import AFTER, ALWAYS, BEFORE, LISTS, PUSHES, Met, script_of

FOREVER = 10**9
USE = """\
key: {key}

  # sieve-jobs.toml
  [targets.hostile]
  endpoint = "{url}"
  settle = "20s"        # without it, what may have arrived is held for a person

  SIEVE_API_KEY={key} sieve-jobs apply -t hostile --yes

each push is shown below; Ctrl-C ends it
"""


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.list:
        sys.stdout.write(_listed())
        return 0
    for name in args.fault:
        if name not in PUSHES | LISTS:
            parser.error(f"no such fault: {name}; --list shows them all")
    script = _script(args.script) if args.script else script_of(
        args.fault, times=args.times, match=args.match, seconds=args.seconds
    )  # fmt: skip
    script.engine = script.engine or args.engine
    with Cloud.running(script, args.port) as cloud:
        print(cloud.url, flush=True)
        if args.until_eof:
            sys.stdin.read()
            return 0
        print(USE.format(url=cloud.url, key=cloud.key), flush=True)
        try:
            _show(cloud)
        except KeyboardInterrupt:
            print(summary(cloud), flush=True)
    return 0


def summary(cloud: Cloud) -> str:
    """How many pushes came, and what became of them."""
    pushed = Counter(json.dumps(job.pushed, sort_keys=True) for job in cloud.jobs)
    twice = sum(number - 1 for number in pushed.values())
    return f"\n{len(cloud.pushes)} pushes, {len(cloud.jobs)} jobs, {twice} of them the same as another"


def _show(cloud: Cloud) -> None:
    """A line for each push, until it is interrupted."""
    told = 0
    while True:
        cloud.wait_for(lambda seen, told=told: len(seen.pushes) > told, FOREVER)  # type: ignore[misc]
        pushes = cloud.pushes
        for push in pushes[told:]:
            key = push.headers.get("idempotency-key", "none")
            print(f"push {key}: {textwrap.shorten(push.body.decode(errors='replace'), 160)}")
        told = len(pushes)
        print(f"{told} pushes, {len(cloud.jobs)} jobs", flush=True)


def _listed() -> str:
    """Every fault under what is made of it; the two of a pair, before and after the job exists, in one line."""
    lines = ["With a push: --fault NAME, for the first --times of them."]
    for met in Met:
        found = {name: named.says for name, named in PUSHES.items() if named.met is met}
        lines += ["", f"{met.value}:"] if found else []
        for name, says in found.items():
            pair = name.removesuffix(BEFORE) + AFTER
            if name.endswith(BEFORE) and pair in found:
                lines.append(f"  {name + '|' + AFTER[1:]:26} {says}")
            elif not (name.endswith(AFTER) and name.removesuffix(AFTER) + BEFORE in found):
                lines.append(f"  {name:26} {says}")
    lines += ["", "With the list of jobs and with connections: --fault NAME, always."]
    lines += [f"  {name:26} {named.says}" for name, named in LISTS.items()]
    lines += ["", "Whatever is asked for:", *(f"  {each}" for each in ALWAYS)]
    return "\n".join(lines) + "\n"


def _script(text: str) -> Script:
    return Script.parse(Path(text[1:]).read_text() if text.startswith("@") else text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.cloud", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--list", action="store_true", help="show every fault by name, and end")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--times", type=int, default=1, help="pushes that each fault befalls; -1: all (default 1)")
    parser.add_argument("--match", default="", help="only pushes whose body contains this")
    parser.add_argument("--seconds", type=float, default=90.0, help="how late late-* is (default 90)")
    parser.add_argument("--engine", action="store_true", help="honour Idempotency-Key, as our own engine does")
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--script", default="", help="JSON of tests.cloud.Script, or @FILE, instead of names")
    parser.add_argument("--until-eof", action="store_true", help="for programs: the URL alone, and end with stdin")
    return parser


if __name__ == "__main__":
    sys.exit(main())
