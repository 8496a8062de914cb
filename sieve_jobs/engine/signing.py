"""Signed URLs of output files: /v2/files/{function id}/{job id}/{file id}/{name}?expires=&sig=.

Stored outputs refer to a file as `engine-file:{file id}/{name}`; a URL is made from that at each read.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

FILES = "/v2/files"
SCHEME = "engine-file:"
UPLOADS = "uploads"
"""Stands where a job id does, in URLs and on disk, for files that were uploaded."""
UPLOADING = "put"
"""Stands where a function id does in the URL that takes an upload, which is good for nothing else."""
_NAME_BYTES = 180
_KEPT = frozenset("._-+@=~()[]{} ,")


@dataclass(frozen=True, slots=True)
class FileRef:
    """One output file. All four parts are in its URL; on disk it is `{job id}/{file id}/{name}`."""

    function_id: str
    job_id: str
    file_id: str
    name: str

    @property
    def path(self) -> str:
        return f"{FILES}/{self.function_id}/{self.job_id}/{self.file_id}/{quote(self.name, safe='')}"


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and checks file URLs. *origin* is `http://127.0.0.1:port`, *ttl* seconds."""

    secret: bytes
    origin: str
    ttl: int

    def url(self, file: FileRef, now: float) -> str:
        """A URL that holds from *now* (Unix time) for `ttl` seconds."""
        expires = int(now) + self.ttl
        return f"{self.origin}{file.path}?expires={expires}&sig={self._signature(file, str(expires))}"

    def stored(self, reference: str, function_id: str, job_id: str, now: float) -> str | None:
        """The URL of what a stored output refers to; None if that is no reference to a file."""
        file_id, slash, name = reference.removeprefix(SCHEME).partition("/")
        if not slash or not reference.startswith(SCHEME):
            return None
        return self.url(FileRef(function_id, job_id, file_id, name), now)

    def is_ours(self, file: FileRef, expires: str, signature: str) -> bool:
        """Whether this engine signed exactly that, however long ago."""
        return hmac.compare_digest(self._signature(file, expires), signature)

    def _signature(self, file: FileRef, expires: str) -> str:
        parts = "\n".join((file.function_id, file.job_id, file.file_id, file.name, expires))
        return hmac.new(self.secret, parts.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def has_expired(expires: str, now: float) -> bool:
    """Whether the `expires` of a URL has passed, or is no time at all."""
    return not (expires.isascii() and expires.isdigit() and len(expires) < 16) or now > int(expires)


def parse_file_url(url: str) -> tuple[FileRef, str, str] | None:
    """The file a URL names, its `expires` and `sig`; None if it has not the form of one. Nothing is checked."""
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
    except ValueError:
        return None
    steps = parts.path.split("/")
    if parts.scheme != "http" or parts.path[: len(FILES) + 1] != FILES + "/" or len(steps) != 7:
        return None
    file = FileRef(*(unquote(step) for step in steps[3:]))
    return file, "".join(query.get("expires", [""])[:1]), "".join(query.get("sig", [""])[:1])


def safe_name(name: str) -> str:
    """A file name fit for a URL and a disk: no separators, no control characters, at most 180 bytes, never dots only.

    The extension stays, since clients tell the kind of a file by it.
    """
    kept = "".join(char if char.isalnum() or char in _KEPT else "_" for char in name.rpartition("/")[2])
    stem, dot, extension = kept.rpartition(".")
    ending = (dot + extension)[:32] if stem else ""
    body = (stem or kept).encode("utf-8", "replace")[: _NAME_BYTES - 4 * len(ending)]
    return (body.decode("utf-8", "ignore").strip(" .") or "file") + ending.rstrip(" .")
