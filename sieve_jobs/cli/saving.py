"""Names for downloaded files that are safe on any disk, and sizes as people read them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

_UNSAFE = re.compile(r"[^\w.()+=@ -]+")
"""All but letters and digits of any script, and signs that no shell or disk makes anything of."""
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
LONGEST = 120
"""Bytes of a file's name in UTF-8."""


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A file that was downloaded. *size* is bytes."""

    path: Path
    size: int
    sha256: str

    def as_json(self) -> dict[str, object]:
        return {"path": str(self.path), "size": self.size, "sha256": self.sha256}


def safe_name(url: str) -> str:
    """The last step of a url's path as a file name: no separators, no leading dot, no device, bounded."""
    last = unquote(urlsplit(url).path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", last)).strip(" .-")
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) <= 16:
        room = LONGEST - len(extension.encode()) - 1
        name = f"{_cut(stem, room).rstrip(' .')}.{extension}" if stem else extension
    name = _cut(name, LONGEST)
    return f"_{name}" if not name or _DEVICES.fullmatch(name) else name


def _cut(text: str, size: int) -> str:
    """As much of *text* as has at most *size* bytes."""
    return text.encode()[:size].decode(errors="ignore")


def places_for(urls: Sequence[str], folder: Path) -> list[Path]:
    """One path in *folder* for each of *urls*; where names would be equal each gets the number of its output."""
    names = [safe_name(url) for url in urls]
    often = Counter(name.casefold() for name in names)
    width = len(str(max(len(names) - 1, 0)))
    chosen = [name if often[name.casefold()] == 1 else f"{index:0{width}d}-{name}" for index, name in enumerate(names)]
    if len({name.casefold() for name in chosen}) < len(chosen):  # "0-a" may be a name of its own
        chosen = [f"{index:0{width}d}-{name}" for index, name in enumerate(names)]
    return [folder / name for name in chosen]


def plain_size(size: int) -> str:
    """Bytes as people read them: `812 B`, `4.2 MB`, decimal."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
