"""What of a url is the resource, and what only the permission to read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sieve_jobs.spec.urls import resource

HOST = "https://h.example/a.mp4"
AWS = "X-Amz-Algorithm=AWS4&X-Amz-Credential=k%2F1&X-Amz-Date=d&X-Amz-Expires=9&X-Amz-Signature=s"
GOOGLE = "X-Goog-Algorithm=GOOG4&X-Goog-Credential=c&X-Goog-Date=d&X-Goog-Expires=9&X-Goog-Signature=s"
AZURE = "sv=2022-11-02&ss=b&srt=o&sp=r&se=2027&st=2026&spr=https&sig=abc%3D"

ROWS = [
    pytest.param(HOST, HOST, id="plain"),
    pytest.param(f"{HOST}?{AWS}", HOST, id="aws"),
    pytest.param(f"{HOST}?v=1&{AWS}&part=2", f"{HOST}?v=1&part=2", id="aws-among-others"),
    pytest.param(f"{HOST}?{AWS.lower()}", HOST, id="aws-in-lower-case"),
    pytest.param(f"{HOST}?X-Amz-=1", f"{HOST}?X-Amz-=1", id="aws-prefix-alone"),
    pytest.param(f"{HOST}?{GOOGLE}&alt=media", f"{HOST}?alt=media", id="google"),
    pytest.param(f"{HOST}?Expires=1&Signature=s&Key-Pair-Id=k", HOST, id="cloudfront-canned"),
    pytest.param(f"{HOST}?Policy=p&Signature=s&Key-Pair-Id=k&q=1", f"{HOST}?q=1", id="cloudfront-custom"),
    pytest.param(f"{HOST}?Expires=1&Policy=p", f"{HOST}?Expires=1&Policy=p", id="cloudfront-words-alone"),
    pytest.param(f"{HOST}?Signature=s", f"{HOST}?Signature=s", id="signature-alone"),
    pytest.param(f"{HOST}?{AZURE}", HOST, id="azure"),
    pytest.param(f"{HOST}?{AZURE}&versionid=7", f"{HOST}?versionid=7", id="azure-version-counts"),
    pytest.param(f"{HOST}?sp=r&st=x&sv=1", f"{HOST}?sp=r&st=x&sv=1", id="azure-words-alone"),
    pytest.param(f"{HOST}?token=t&x=1", f"{HOST}?x=1", id="ignored"),
    pytest.param(f"{HOST}?token&x=1", f"{HOST}?x=1", id="ignored-without-a-value"),
    pytest.param(f"{HOST}?tokens=t&Token=u", f"{HOST}?tokens=t&Token=u", id="ignored-exactly"),
    pytest.param(f"{HOST}?b=2&a=1&b=2", f"{HOST}?b=2&a=1&b=2", id="order-and-repetition-count"),
    pytest.param(f"{HOST}?", f"{HOST}?", id="empty-query"),
    pytest.param(f"{HOST}?token=1#t=5", f"{HOST}#t=5", id="fragment-counts"),
    pytest.param(f"{HOST}?x=1&X-Amz-Signature=s#f", f"{HOST}?x=1#f", id="signature-before-a-fragment"),
    pytest.param(f"{HOST}?X-Goog-Expires=5", HOST, id="google-one-alone"),
    pytest.param(f"{HOST}?sv=1&se=2&sig=3", HOST, id="azure-short"),
    pytest.param(f"{HOST}#a?token=1", f"{HOST}#a?token=1", id="question-mark-in-the-fragment"),
    pytest.param("https://u:p@h.example/a", "https://h.example/a", id="userinfo"),
    pytest.param("https://u:p@ss@h.example/a", "https://h.example/a", id="userinfo-with-an-at-sign"),
    pytest.param("https://u@h.example:8443", "https://h.example:8443", id="userinfo-without-a-path"),
    pytest.param("https://u@h.example?token=1", "https://h.example", id="userinfo-and-query-without-a-path"),
    pytest.param("https://h.example/@me/a@b", "https://h.example/@me/a@b", id="at-sign-in-the-path"),
    pytest.param("https://h.example/a?x=u@v", "https://h.example/a?x=u@v", id="at-sign-in-the-query"),
    pytest.param("HTTPS://u@H.example/A", "HTTPS://H.example/A", id="case-is-kept"),
    pytest.param("http://u@h/a", "http://h/a", id="http"),
    pytest.param("ftp://u:p@h/a?token=1", "ftp://u:p@h/a?token=1", id="another-scheme"),
    pytest.param("s3://b/a?token=1", "s3://b/a?token=1", id="s3"),
    pytest.param("see https://u@h/a?token=1", "see https://u@h/a?token=1", id="text-before-it"),
    pytest.param("https://h/p@q?x=1", "https://h/p@q?x=1", id="at-sign-in-the-path-before-a-query"),
    pytest.param("https://h/a?token=1 and more", "https://h/a?token=1 and more", id="text-behind-it"),
    pytest.param("https://x.y, or mail me@foo", "https://x.y, or mail me@foo", id="a-sentence"),
    pytest.param("https://h/a?token=1\n", "https://h/a?token=1\n", id="newline-behind-it"),
    pytest.param("https://${HOST_KEY}@h/a?k=${A_KEY}", "https://h/a?k=${A_KEY}", id="a-reference"),
    pytest.param("https://", "https://", id="nothing"),
    pytest.param("", "", id="empty"),
]


@pytest.mark.parametrize(("url", "expected"), ROWS)
def test_resource(url: str, expected: str) -> None:
    assert resource(url, ["token"]) == expected
    assert resource(expected, ["token"]) == expected


@given(st.text())
def test_what_is_no_url_counts_whole(text: str) -> None:
    assert resource(text) == text or text.lower().startswith("http")


@given(st.lists(st.sampled_from(["a=1", "b=2", "c", "Expires=1", "sp=r"]), max_size=4), st.sampled_from([AWS, AZURE]))
def test_a_new_signature_is_the_same_resource(pairs: list[str], signature: str) -> None:
    one, other = ("&".join([*pairs, each]) for each in (signature, signature.replace("=", "=0")))
    assert resource(f"{HOST}?{one}") == resource(f"{HOST}?{other}")
