"""What of an http(s) url says which resource is meant: not its userinfo, not its signature."""

from __future__ import annotations

import re
from collections.abc import Sequence

_HTTP = re.compile(r"https?://(?=\S*\Z)", re.IGNORECASE)
"""A text with white space in it is no url, however it begins: all of it counts."""
_ALWAYS = re.compile(r"x-(?:amz|goog)-.+", re.IGNORECASE)
_CLOUDFRONT = frozenset({"Expires", "Signature", "Key-Pair-Id", "Policy"})
_AZURE = frozenset(
    {"sv", "ss", "srt", "sr", "sp", "st", "se", "sip", "spr", "sig", "si", "sdd", "rscc", "rscd", "rsce", "rscl"}
    | {"rsct", "skoid", "sktid", "skt", "ske", "sks", "skv", "saoid", "suoid", "scid", "ses"}
)
"""Shared access signature parameters. Source: Azure Storage docs, "Create a service SAS", "… user delegation SAS"."""


def resource(url: str, ignore: Sequence[str] = ()) -> str:
    """*url* without userinfo, signing parameters and the query parameters named in *ignore*; all else untouched.

    CloudFront's four count only together with `Signature` and `Key-Pair-Id`, Azure's only where `sig` is there:
    alone they are ordinary words. A text that is no http(s) url comes back as it is.
    """
    if not ("?" in url or "@" in url):
        return url
    match = _HTTP.match(url)
    if match is None:
        return url
    scheme, rest = url[: match.end()], url[match.end() :]
    rest, hash_sign, fragment = rest.partition("#")
    rest, question, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    kept = _without_signature(query.split("&"), ignore) if question else []
    return scheme + host + slash + path + ("?" + "&".join(kept) if kept else "") + hash_sign + fragment


def _without_signature(pairs: list[str], ignore: Sequence[str]) -> list[str]:
    names = {pair.partition("=")[0] for pair in pairs}
    dropped = set(ignore)
    if {"Signature", "Key-Pair-Id"} <= names:
        dropped |= _CLOUDFRONT
    if "sig" in names:
        dropped |= _AZURE
    return [pair for pair in pairs if (name := pair.partition("=")[0]) not in dropped and not _ALWAYS.fullmatch(name)]
