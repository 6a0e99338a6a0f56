"""Texts and times that come out of a file, made fit to be shown."""

from __future__ import annotations

from datetime import UTC, datetime

MOST_LETTERS = 300
"""Of a text that comes out of a file: whoever sent it fills no screen."""


def plain(text: object, most: int = MOST_LETTERS) -> str:
    """A file's text on one line, without what cannot be printed, cut where it is long."""
    line = str(text)
    if not (line.isascii() and line.isprintable()):
        printable = "".join(c if c.isprintable() else " " for c in line)
        line = printable.encode("utf-8", "replace").decode("utf-8")
    line = " ".join(line.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def moment(text: str) -> str | None:
    """The time that a file gives in ISO 8601, in UTC; None for what is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return None
