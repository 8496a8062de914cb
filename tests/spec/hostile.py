"""Files made to hurt, read in a process of its own: `python -m tests.spec.hostile FOLDER`."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

MEBI = 1 << 20
RUN = "function: a/b\ninputs:\n  "

CASES: Mapping[str, tuple[Callable[[], str], str | None]] = {
    "65-brackets": (lambda: "[" * 65 + "]" * 65, "SJ102"),
    "500-brackets": (lambda: "[" * 500, "SJ102"),
    "100,000-brackets": (lambda: "[" * 100_000, "SJ102"),
    "1,000,000-brackets": (lambda: "[" * 1_000_000 + "]" * 1_000_000, "SJ102"),
    "1,000,000-braces": (lambda: "{a: " * 1_000_000, "SJ102"),
    "1,000,000-dashes": (lambda: "- " * 1_000_000, "SJ102"),
    "1,000,000-question-marks": (lambda: "? " * 1_000_000, "SJ108"),
    "steps": (lambda: "".join(" " * depth + "a:\n" for depth in range(2500)), "SJ102"),
    "alias-bomb": (
        lambda: RUN + "\n  ".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}'] * 10) if i else 'x'}]" for i in range(12)),
        "SJ101",
    ),
    "merge-bomb": (
        lambda: RUN + "m: &m {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}\n  l: [" + "{<<: *m}, " * 2000 + "]",
        "SJ101",
    ),
    "text-bomb": (lambda: RUN + f"t: &t {'x' * MEBI}\n  l: [{'*t, ' * 90_000}]", "SJ101"),
    "key-bomb": (lambda: RUN + f"t: &t {{? {'x' * 1000}}}\n  l: [{'*t, ' * 90_000}]", "SJ101"),
    "template-bomb": (lambda: RUN + f"t: &t '{'${V}' * 20_000}'\n  l: [{'*t, ' * 50}]", "SJ101"),
    "wide-template": (lambda: RUN + f"t: '{'${V}' * 900_000}'", "SJ101"),
    "nested-template": (lambda: RUN + f"t: '{'${U:-' * 800_000}'", "SJ123"),
    "aliases": (lambda: RUN + f"a: &a 1\n  l: [{'*a,' * 1_200_000}]", "SJ101"),
    "cycle": (lambda: "&a [*a]", "SJ200"),
    "values": (lambda: "[" + "1," * 2_000_000 + "]", "SJ101"),
    "documents": (lambda: "---\n- a\n" * 500_000, "SJ200"),
    "valid-documents": (lambda: "".join(f"---\nid: a\nname: n{i}\n" for i in range(150_000)), "SJ101"),
    "directives": (lambda: "".join(f"%TAG !a{i}! x\n" for i in range(250_000)) + "--- a\n", "SJ100"),
    "unknown-keys": (lambda: "id: a\n" + "".join(f"key{i}: 1\n" for i in range(49_000)), "SJ201"),
    "bad-keys": (lambda: RUN + "".join(f"{i}: 1\n  " for i in range(100_000)), "SJ108"),
    "bad-number-repeated": (lambda: RUN + f"a: &a [{'.inf,' * 99}]\n  l: [{'*a,' * 900}]", "SJ106"),
    "unset-variables": (lambda: RUN + "\n  ".join(f"k{i}: ${{UNSET{i}}}" for i in range(49_000)), "SJ120"),
    "wrong-env": (lambda: "id: a\nenv:\n  " + "\n  ".join(f"k{i}: 1" for i in range(49_000)), "SJ210"),
    "wrong-hooks": (lambda: "id: a\nwebhooks: [" + "{type: x}," * 30_000 + "]", "SJ204"),
    "long-key": (lambda: f"id: a\n? {'k' * 4_000_000}\n", "SJ201"),
    "long-name": (lambda: f"id: a\nname: {'n' * 4_000_000}", "SJ211"),
    "long-number": (lambda: f"id: a\ninputs: {{n: {'1' * 4_000_000}}}", "SJ106"),
    "long-tag": (lambda: f"id: a\ninputs: {{n: !{'t' * 4_000_000} x}}", "SJ105"),
    "long-float": (lambda: f"id: a\ninputs: {{n: 0.{'1' * 4_000_000}}}", None),
    "long-comment": (lambda: "id: a\n#" + "x" * 4_000_000, None),
    "empty-lines": (lambda: "\n" * 4_000_000 + "id: a", None),
    "block-text": (lambda: "id: a\ninputs:\n  t: |\n" + "   x\n" * 800_000, None),
    "as-large-as-may-be": (lambda: "id: a\n" + "#" * (4 * MEBI - 6), None),
    "too-large": (lambda: "id: a\n" + "#" * (4 * MEBI - 5), "SJ103"),
    "10-mebibytes": (lambda: "a" * (10 * MEBI), "SJ103"),
}


def main(folder: Path) -> None:
    """One line of JSON for each case: its name and the codes of what was told, in order of appearance."""
    for name, (text, _) in CASES.items():
        (folder / f"{name}.yaml").write_text(text())
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
    main(Path(sys.argv[1]))
