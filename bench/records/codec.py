"""Records as JSON: one line each through a pipe or into a journal, checked on the way back in."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime
from typing import Any

import msgspec


class RecordError(ValueError):
    """A line that is no record of this schema, and why."""


def finite(value: float) -> float | None:
    """The value, or None where it is NaN or infinite: JSON has neither, and neither is a figure."""
    return value if math.isfinite(value) else None


def parse(text: str) -> Any:
    """What JSON holds. Raises RecordError for what is none, NaN and Infinity included."""

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    def finite_float(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else refuse(digits)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite_float)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"this line is not JSON ({error}): {text[:80]!r}") from error


def build(kind: Any, fields: Any) -> Any:
    """A record from what JSON held. Raises RecordError naming the field that is not as it should be."""
    if not isinstance(fields, dict):
        raise RecordError(f"{kind.__name__} is an object, not {json.dumps(fields)[:40]}")
    known = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(set(fields) - known):
        raise RecordError(
            f"{kind.__name__} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    if missing := sorted(known - set(fields)):
        raise RecordError(f"{kind.__name__} lacks its field {', '.join(missing)}")
    try:
        record = msgspec.convert(fields, kind)
    except (msgspec.ValidationError, UnicodeError) as error:  # half a character in a name
        raise RecordError(f"{kind.__name__}: {error}") from error
    if lost := _lost(fields, msgspec.to_builtins(record), kind.__name__):
        raise RecordError(f"there is no field {lost}")
    return record


def _lost(given: Any, kept: Any, path: str) -> str | None:
    """The first field of a nested record that is not its own, which msgspec passes over."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key not in kept:
                return f"{path}.{key}"
            if lost := _lost(value, kept[key], f"{path}.{key}"):
                return lost
    elif isinstance(given, list):
        for i, (value, other) in enumerate(zip(given, kept, strict=True)):
            if lost := _lost(value, other, f"{path}[{i}]"):
                return lost
    return None


def now() -> str:
    """The present moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
