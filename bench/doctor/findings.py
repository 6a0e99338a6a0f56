"""What a rule of the doctor finds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence on this computer, and one line that mends it, empty where all is good."""

    level: Level
    message: str
    fix: str = ""


Findings = Iterator[Finding]


def warning(what: str, fix: str, *, error_if: bool = False) -> Finding:
    """A finding that stops no run, unless `spoils_if` says that here it does."""
    return Finding(level="error" if error_if else "warning", message=what, fix=fix)


def error(what: str, fix: str) -> Finding:
    """A finding that makes a run fail, or its figures worthless."""
    return Finding(level="error", message=what, fix=fix)


def gigabytes(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e9:.1f} GB"
