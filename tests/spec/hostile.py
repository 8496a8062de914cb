"""Files made to hurt, read in a process of its own: `python -m tests.spec.hostile FOLDER PART`."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

MEBI = 1 << 20
WHOLE = frozenset({"aliases", "values", "valid-documents"})
"""Cases that take long and show again what tests/spec/test_refused.py shows of the same limits: in the soak only."""
RUN = "function: a/b\ninputs:\n  "

CASES: Mapping[str, tuple[Callable[[int], str], str | None]] = {
    "65-brackets": (lambda part: "[" * 65 + "]" * 65, "SJ102"),
    "500-brackets": (lambda part: "[" * 500, "SJ102"),
    "100,000-brackets": (lambda part: "[" * 100_000, "SJ102"),
    "1,000,000-brackets": (lambda part: "[" * 1_000_000 + "]" * 1_000_000, "SJ102"),
    "1,000,000-braces": (lambda part: "{a: " * 1_000_000, "SJ102"),
    "1,000,000-dashes": (lambda part: "- " * 1_000_000, "SJ102"),
    "1,000,000-question-marks": (lambda part: "? " * 1_000_000, "SJ108"),
    "steps": (lambda part: "".join(" " * depth + "a:\n" for depth in range(2500)), "SJ102"),
    "alias-bomb": (
        lambda part: (
            RUN + "\n  ".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 10) if i else 'x'}]" for i in range(12))
        ),
        "SJ101",
    ),
    "merge-bomb": (
        lambda part: (
            RUN + "m: &m {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}\n  l: [" + "{<<: *m}, " * 2000 + "]"
        ),
        "SJ101",
    ),
    "text-bomb": (lambda part: RUN + f"t: &t {'x' * MEBI}\n  l: [{'*t, ' * 90_000}]", "SJ101"),
    "key-bomb": (lambda part: RUN + f"t: &t {{? {'x' * 1000}}}\n  l: [{'*t, ' * 90_000}]", "SJ101"),
    "template-bomb": (lambda part: RUN + f"t: &t '{'${V}' * 20_000}'\n  l: [{'*t, ' * 50}]", "SJ101"),
    "wide-template": (lambda part: RUN + f"t: '{'${V}' * 900_000}'", "SJ101"),
    "nested-template": (lambda part: RUN + f"t: '{'${U:-' * 800_000}'", "SJ123"),
    "aliases": (lambda part: RUN + f"a: &a 1\n  l: [{'*a,' * (1_200_000 // part)}]", "SJ101"),
    "cycle": (lambda part: "&a [*a]", "SJ200"),
    "values": (lambda part: "[" + "1," * (2_000_000 // part) + "]", "SJ101"),
    "documents": (lambda part: "---\n- a\n" * 500_000, "SJ200"),
    "valid-documents": (lambda part: "".join(f"---\nid: a\nname: n{i}\n" for i in range(150_000 // part)), "SJ101"),
    "directives": (lambda part: "".join(f"%TAG !a{i}! x\n" for i in range(250_000)) + "--- a\n", "SJ100"),
    "unknown-keys": (lambda part: "id: a\n" + "".join(f"key{i}: 1\n" for i in range(49_000 // part)), "SJ201"),
    "bad-keys": (lambda part: RUN + "".join(f"{i}: 1\n  " for i in range(100_000)), "SJ108"),
    "bad-number-repeated": (lambda part: RUN + f"a: &a [{'.inf,' * 99}]\n  l: [{'*a,' * 900}]", "SJ106"),
    "unset-variables": (lambda part: RUN + "\n  ".join(f"k{i}: ${{UNSET{i}}}" for i in range(49_000 // part)), "SJ120"),
    "wrong-env": (lambda part: "id: a\nenv:\n  " + "\n  ".join(f"k{i}: 1" for i in range(49_000 // part)), "SJ210"),
    "wrong-hooks": (lambda part: "id: a\nwebhooks: [" + "{type: x}," * (30_000 // part) + "]", "SJ204"),
    "long-key": (lambda part: f"id: a\n? {'k' * 4_000_000}\n", "SJ201"),
    "long-name": (lambda part: f"id: a\nname: {'n' * 4_000_000}", "SJ211"),
    "long-number": (lambda part: f"id: a\ninputs: {{n: {'1' * 4_000_000}}}", "SJ106"),
    "long-tag": (lambda part: f"id: a\ninputs: {{n: !{'t' * 4_000_000} x}}", "SJ105"),
    "long-float": (lambda part: f"id: a\ninputs: {{n: 0.{'1' * 4_000_000}}}", None),
    "long-comment": (lambda part: "id: a\n#" + "x" * 4_000_000, None),
    "empty-lines": (lambda part: "\n" * 4_000_000 + "id: a", None),
    "block-text": (lambda part: "id: a\ninputs:\n  t: |\n" + "   x\n" * 800_000, None),
    "as-large-as-may-be": (lambda part: "id: a\n" + "#" * (4 * MEBI - 6), None),
    "too-large": (lambda part: "id: a\n" + "#" * (4 * MEBI - 5), "SJ103"),
    "10-mebibytes": (lambda part: "a" * (10 * MEBI), "SJ103"),
}


def cases(part: int) -> list[str]:
    """Names of the cases that are read where files hold that *part* of the values that they may hold."""
    return [name for name in CASES if part == 1 or name not in WHOLE]


def memory(word: str) -> int:
    """Bytes that this process has (VmRSS), or had at most since `most_from_here` (VmHWM)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{word}:")]
    return int(line.split()[1]) * 1024


def most_from_here() -> int:
    """Forgets how much memory this process had at most; how much it has."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def main(folder: Path, part: int) -> None:
    """One line of JSON for each case: the codes of what was told, in order of appearance, and what it took."""
    for name in cases(part):
        (folder / f"{name}.yaml").write_text(CASES[name][0](part))
    from sieve_jobs.spec.parse import ParseSettings, parse_file
    from sieve_jobs.spec.variables import Variables

    settings = ParseSettings(folder, Variables(environ={"V": "v" * 1000}))
    for limit, most in ((resource.RLIMIT_DATA, 256 * MEBI), (resource.RLIMIT_CPU, 60)):
        resource.setrlimit(limit, (most, most))
    for name in cases(part):
        before, began = most_from_here(), time.process_time()
        found = parse_file(str(folder / f"{name}.yaml"), name, "name", settings, lambda path, stamp: None)
        took, grown = time.process_time() - began, memory("VmHWM") - before
        shown = sum(len(problem.message) + len(problem.hint or "") for problem in found.problems)
        row = {"name": name, "codes": [problem.code for problem in found.problems], "specs": len(found.details)}
        print(json.dumps(row | {"shown": shown, "seconds": took, "grown": grown}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
