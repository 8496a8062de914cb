"""Fetching a file's URL to a local path, with the standard library alone."""

from __future__ import annotations

import base64
import os
import re
import shutil
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit

TIMEOUT = 60.0
"""Seconds without a byte, after which a download is given up."""
CHUNK = 1 << 20

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,15}\Z")


def to_local(url: str) -> str:
    """A local path with the content of *url*: its own for `file:`, else a new temporary file.

    Temporary files lie where `tempfile` puts them; the engine gives each job a folder of its own.
    Raises OSError when the content cannot be had, or ended before its announced length.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() == "file":
        if parts.netloc not in ("", "localhost"):
            raise OSError(f"could not open {shown(url)}: a file url of another host")
        return urllib.request.url2pathname(parts.path)
    handle, path = tempfile.mkstemp(prefix="sieve-", suffix=suffix_of(url))
    try:
        with os.fdopen(handle, "wb") as out:
            _copy(url, out)
    except BaseException:
        Path(path).unlink()
        raise
    return path


def suffix_of(url: str) -> str:
    """The ending of the last segment of *url*, ".mp4"; empty where it has none."""
    parts = urlsplit(url)
    if parts.scheme.lower() == "data":
        return ""
    found = _SUFFIX.search(unquote(parts.path).rpartition("/")[2])
    return found.group() if found else ""


def shown(url: str) -> str:
    """*url* fit for a message: without userinfo, query and fragment, any of which may be a secret."""
    parts = urlsplit(url)
    if parts.scheme.lower() == "data":
        return f"data:{parts.path.partition(',')[0]},…"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _copy(url: str, out: IO[bytes]) -> None:
    try:
        with _opener(url).open(_request(url), timeout=TIMEOUT) as answer:
            shutil.copyfileobj(answer, out, CHUNK)
            announced = answer.headers.get("Content-Length")
    except HTTPError as error:
        error.close()
        raise OSError(f"could not fetch {shown(url)}: the answer was {error.code} {error.reason}") from None
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise OSError(f"could not fetch {shown(url)}: {reason}") from error
    if announced is not None and announced.isdigit() and out.tell() != int(announced):
        raise OSError(f"could not fetch {shown(url)}: got {out.tell()} of {announced} bytes")


def is_loopback(url: str) -> bool:
    """Whether *url* is of this machine, to which no proxy leads."""
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _opener(url: str) -> urllib.request.OpenerDirector:
    """http, https and data alone; a redirect never leads to a file or another scheme."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler({} if is_loopback(url) else None),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.DataHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _request(url: str) -> urllib.request.Request:
    """The GET; userinfo in the URL becomes Basic credentials, which a redirect does not carry on."""
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return urllib.request.Request(url)  # noqa: S310 -- the opener knows http, https and data only
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=host)))  # noqa: S310 -- as above
    credentials = base64.b64encode(unquote(userinfo).encode()).decode()
    request.add_unredirected_header("Authorization", f"Basic {credentials}")
    return request
