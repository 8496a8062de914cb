"""A web URL as it is sent: one reading of it, so that what was checked is what is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class WebUrl:
    """A URL in the parts a request is made of. *authority* and *target* are the URL's own bytes."""

    is_tls: bool
    host: str
    port: int
    authority: str
    target: str
    """Path and query, without the fragment."""

    @property
    def origin(self) -> str:
        """Who is called, without where: what receivers are told apart by."""
        return f"{'https' if self.is_tls else 'http'}://{self.host}:{self.port}"


def parse_web_url(url: str) -> WebUrl:
    """Raises ValueError unless *url* is http(s) with a host, without a user, and fit for a request line as it is."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("not printable ASCII")
    parts = urlsplit(url)
    scheme, sign, rest = url.partition("://")
    rest = rest.partition("#")[0]
    start = min((place for mark in "/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    authority, target = rest[:start], rest[start:]
    # urlsplit reads a backslash as part of the host, browsers as a slash: neither is meant.
    if not sign or authority != parts.netloc or "@" in authority or "\\" in authority:
        raise ValueError("not a plain host")
    is_tls = {"http": False, "https": True}.get(scheme.lower())
    port = parts.port  # raises for one that is none
    if is_tls is None or not parts.hostname or port == 0:
        raise ValueError("not an http or https URL")
    return WebUrl(
        is_tls,
        parts.hostname,
        port or (443 if is_tls else 80),
        authority,
        target if target[:1] == "/" else "/" + target,
    )
