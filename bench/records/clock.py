"""The time of day, as records have it."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """The current time in UTC, ISO format, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
