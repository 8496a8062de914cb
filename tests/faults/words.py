"""What documents are made of: scalars, keys, fields of a spec, tags and bytes that something is known to trip on."""

from __future__ import annotations

from collections.abc import Mapping

SOUND = (
    "null", "true", "False", "no", "0", "-0", "+12", "010", "0o14", "0x1F", "1_000", "22:22", "1.10", ".5", "1e3",
    "1e-400", "2024-01-01", "0.0.0.0", "a b", "x", "é", "٣", "a:b", "me/x", "job.complete", "clip.mp4",
    "9007199254740992",
)  # fmt: skip
"""Plain scalars that are values of a spec, inside brackets too."""

PLAIN = (
    "", "~", "y", "=", "9007199254740993", "0x20000000000001", "1" * 400, "1" * 5000, "1e400", ".inf", "-.INF", ".nan",
    "2001-12-14t21:59:43.10-05:00", "https://h.example/x?a=b#c", "../clip.mp4", "/dev/zero", "- x", "? x", "a: b",
    "#x", "x #y", "&a", "!x", "|", ">", "%", "@", "`", "{", "}", "[", "]", ",", "<<", "---", "...",
)  # fmt: skip

KEYS = (
    "name", "function", "inputs", "env", "webhooks", "save", "type", "url", "to", "file", "$file", "matrix",
    "defaults", "jobs", "needs", "functoin", "a", "b", "A_KEY", "<<", '"<<"', "null", "true", "5", ".inf", "''",
    '"\\0"', "é", "? a\n", "${V}", "*a ", "[a]", "{a: b}", "!!str a", "k" * 300,
)  # fmt: skip

FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "name": (("a#", "dub/x#", "é#", "n#${NUMBER}"), ("a", "É", "a b", "../x", "x" * 201, "${A_KEY}", "''", "5")),
    "function": (("a/b", "me/x:v1", "sieve/dubbing", "${V}/x"), ("a", "a/b/c", "https://x", "${A_KEY}/x", "[a/b]")),
    "id": (("abc",), ("''", "5", "${UNSET}")),
    "inputs": (
        ("{}", "null", "[1, {$file: x}]", "{c: {file: clip.mp4}}"),
        ("{c: {file: gone}}", "{c: {file: ../../x}}", "{c: {file: '${V}'}}", "x"),
    ),
    "env": (
        ("{A_KEY: '${A_KEY}', B: '${V}'}", "{B: x}"),
        ("{B: 5}", "{'': x}", "[x]", "{B: '${NUL}'}", "{'B C': '${BIG}'}"),
    ),
    "webhooks": (
        ('[{type: job.complete, url: "https://h.example/${V:-x}"}]', "[]"),
        ("[{type: job.done, url: x}]", "[{type: job.start}]", "{}", "[{url: '${A_KEY}', type: job.start, x: 1}]"),
    ),
    "save": (
        ("out/x#/", "{to: out/y#, as: '{index}{ext}'}"),
        ("{to: ../x}", "s3://x", "out/${A_KEY}", "{to: x, as: '{y}'}", "jobspecs"),
    ),
    "description": (("x", "'${V}'", "|\n  a\n  b"), ("[x]", "${A_KEY}", "::error::x", '"\\e[2J"')),
    "labels": (("{a: b}", "{}", "{a: '${V}'}"), ("{a: 1}", "{a: '${A_KEY}'}", "x")),
    "rerun": (("1", "x", "${NUMBER}"), ("1.5", "[]", "9007199254740993")),
    "rerun_on": (("[secrets]", "[webhooks, secrets]"), ("secrets", "[x]", "[[]]")),
    "on_change": (("keep", "cancel"), ("wait", "stop", "5")),
    "protect": (("true", "false"), ("yes", "${V}", "${A_KEY}", "1")),
}  # fmt: skip
"""Values of each field: those that are right, `#` being the document's number, and those that are wrong."""

ESCAPES = (
    "\\n", "\\t", "\\0", "\\x1b", "\\e", "\\x9b", "\\u202e", "\\ud800", "\\udc00", "\\U0001F600", "\\U00110000", "\\N",
    "\\_", "\\L", "\\P", "\\q", "\\x", "\\u12", '\\"', "\\\\", "\\/", "\\\n",
)  # fmt: skip

TEXT = ("x", " ", "$", "a b", "é", "\u202e", "$${", "1", "::error::", "##[error]", "/", "-")

NAMES = ("UNSET", "AWS_REGION", "NUL", "BIG", "SURROGATE", "_", "é", "5", "", "{ x }")

SIGNS = ("", "", "", ":-", "-", ":+", "+")

TAGS = (
    "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq", "!!map", "!!set", "!!omap", "!!binary", "!!timestamp",
    "!!merge", "!!python/name:os.system", "!x", "!", "!<tag:yaml.org,2002:int>", "!e!x", "!!", "!<>", "!%41",
)  # fmt: skip

REPEATED = (
    b"[", b"{a: ", b"- ", b"*a,", b"<<: *a\n", b"x: 1\n", b"---\na\n", b"${V:-", b"  ", b"\n", b"!", b"&a ",
    b"%TAG !a! x\n",
)  # fmt: skip

ODD = (
    b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\r",
    b"\r\n", b"\t", b"\x1b[2J", b"\x7f", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xae", b"\xef\xbf\xbe",
    b"\xf4\x90\x80\x80", b"\xf0\x9f\x98\x80", b"\n", b"\n  ", b"\n---\n", b"\n...\n", b": ", b"- ", b"? ", b" #", b"{",
    b"}", b"[", b"]", b",", b"'", b'"', b"|\n", b">-\n", b"&a ", b"*a", b"<<: *a", b"${", b"}}", b"$${", b"${{ x }}",
    b"%YAML 1.1\n---\n", b"%TAG !e! tag:x,2000:\n---\n", b"!!int ", b"null", b"\n\n", b"  ", b"a: ", b"\n- ",
)  # fmt: skip
