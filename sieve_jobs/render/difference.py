"""A field-level diff as people read it: `inputs.width: 640 -> 1280`, secrets by reference or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from sieve_jobs.plan.change import FieldDiff
from sieve_jobs.render.style import Style
from sieve_jobs.render.text import clip, escape, shorten, width_of
from sieve_jobs.wire import Json

MOST = 20
"""Fields shown of one change; the rest is counted."""
_HASH = 12
"""Digits of a hash that are shown."""


def diff_lines(diff: Sequence[FieldDiff], style: Style, indent: int = 6) -> Iterator[str]:
    """Lines of *diff*, indented, in the style's width."""
    space = " " * indent
    for field in diff[:MOST]:
        yield from (space + line for line in _field(field, style, max(style.width - indent, 20)))
    if len(diff) > MOST:
        yield space + style.paint(f"{style.sign('…')} and {len(diff) - MOST:,} more fields", "dim")


def _field(field: FieldDiff, style: Style, room: int) -> Iterator[str]:
    path = escape(field.path)
    if field.kind != "changed":
        sign, role = ("+", "add") if field.kind == "added" else (style.sign("−"), "remove")
        value = field.after if field.kind == "added" else field.before
        text = "(secret)" if field.masked else _value(field.path, value)
        shown = shorten(text, max(room - width_of(path) - 4, 12), style.sign("…"))
        yield f"{style.paint(sign, 'add' if role == 'add' else 'remove')} {path}: {shown}"
        return
    if field.masked:
        yield f"{path}: {style.paint('(secret, changed)', 'dim')}"
        return
    before, after = _value(field.path, field.before), _value(field.path, field.after)
    arrow = style.paint("->", "dim")
    if width_of(path) + width_of(before) + width_of(after) + 6 <= room:
        yield f"{path}: {style.paint(before, 'remove')} {arrow} {style.paint(after, 'add')}"
        return
    yield f"{path}:"
    for sign, role, text in zip(
        (style.sign("−"), "+"), ("remove", "add"), _apart(before, after, room - 4, style), strict=True
    ):
        yield f"  {style.paint(f'{sign} {text}', 'remove' if role == 'remove' else 'add')}"


def _value(path: str, value: Json) -> str:
    """One value on one line. Text is quoted, so that `640` and `"640"` are told apart."""
    if isinstance(value, str) and (path == "source" or value.startswith("sha256:")):
        return escape(value[: len("sha256:") + _HASH] if value.startswith("sha256:") else value[:_HASH])
    return escape(json.dumps(value, ensure_ascii=False))


def _apart(before: str, after: str, room: int, style: Style) -> tuple[str, str]:
    """Two long texts, each in *room* columns, cut so that where they part is seen, with their lengths."""
    cut = style.sign("…")
    start = max(_alike(before, after) - room // 3, 0)
    start = 0 if start < len(cut) + 8 else start

    def part(text: str) -> str:
        size = f"  ({len(text):,} characters)" if len(text) > room else ""
        return clip((cut if start else "") + text[start:], room - len(size), cut) + size

    return part(before), part(after)


def _alike(before: str, after: str) -> int:
    """How many characters at their start are equal."""
    pairs = enumerate(zip(before, after, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(before), len(after)))
