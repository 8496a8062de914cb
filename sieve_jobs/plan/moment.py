"""Moments: instants as people and as JSON documents read them. The wire has a form of its own (wire.format_time)."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-23T10:05:00.250Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shown(at: datetime) -> str:
    """For people: `2026-11-23 10:05:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
