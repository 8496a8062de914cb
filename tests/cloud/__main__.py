"""The stand-in as a process: its URL on the first line, then it serves until it is ended or stdin closes."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from tests.cloud.cloud import Cloud
from tests.cloud.script import Script


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cloud")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", default="{}", help="JSON of script.Script, or @FILE")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin closes")
    args = parser.parse_args()
    text = Path(args.script[1:]).read_text() if args.script.startswith("@") else args.script
    with Cloud.running(Script.parse(text), args.port) as cloud:
        print(cloud.url, flush=True)
        if args.until_eof:
            sys.stdin.read()
        else:
            threading.Event().wait()


if __name__ == "__main__":
    main()
