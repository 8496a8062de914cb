"""Quantities as people read them: spans of time, ages, sizes, and counted nouns."""

from __future__ import annotations


def span(seconds: float) -> str:
    """`0.4 s`, `12 s`, `2 min 03 s`, `1 h 04 min`, `3 d 02 h`; never negative."""
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def exact_span(seconds: float) -> str:
    """A span that somebody set, to the second and without parts that are nothing: `7 d`, `1 h 30 min`, `0 s`."""
    rest, parts = round(max(seconds, 0.0)), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, rest = divmod(rest, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts) or "0 s"


def age(seconds: float) -> str:
    """How long ago, in its largest unit: `just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`."""
    whole = int(max(seconds, 0.0))
    if whole < 5:
        return "just now"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= size:
            return f"{whole // size} {unit} ago"
    return f"{whole} s ago"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 spec`, `1,024 specs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def plain_size(size: int) -> str:
    """Bytes as people read them: `812 B`, `4.2 MB`, decimal."""
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
