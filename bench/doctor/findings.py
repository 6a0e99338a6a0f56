"""What a rule of the doctor reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "warning", "error"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence about this computer, and a one-line fix. A good finding needs no fix."""

    level: Level
    message: str
    fix: str = ""


Findings = Iterator[Finding]


def warning(message: str, fix: str, *, error_if: bool = False) -> Finding:
    """A finding that does not stop a run, or an error where `error_if` is true."""
    return Finding(level="error" if error_if else "warning", message=message, fix=fix)


def error(message: str, fix: str) -> Finding:
    """A finding that makes a run fail or its figures worthless."""
    return Finding(level="error", message=message, fix=fix)


def gigabytes(byte_count: int) -> str:
    """Bytes as "3.0 GB", where 1 GB is 10^9 bytes."""
    return f"{byte_count / 1e9:.1f} GB"
