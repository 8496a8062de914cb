"""Files made to hurt, read in a process of its own: `python -m tests.spec.hostile FOLDER PART`."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

MEBI = 1 << 20
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


def main(folder: Path, part: int) -> None:
    """One line of JSON for each case: its name and the codes of what was told, in order of appearance."""
    for name, (text, _) in CASES.items():
        (folder / f"{name}.yaml").write_text(text(part))
    from sieve_jobs.spec.parse import ParseSettings, parse_file
    from sieve_jobs.spec.variables import Variables

    settings = ParseSettings(folder, Variables(environ={"V": "v" * 1000}))
    for limit, most in ((resource.RLIMIT_DATA, 256 * MEBI), (resource.RLIMIT_CPU, 60)):
        resource.setrlimit(limit, (most, most))
    for name in CASES:
        found = parse_file(str(folder / f"{name}.yaml"), name, "name", settings, lambda path, stamp: None)
        shown = sum(len(problem.message) + len(problem.hint or "") for problem in found.problems)
        codes = [problem.code for problem in found.problems]
        print(json.dumps({"name": name, "codes": codes, "specs": len(found.details), "shown": shown}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
