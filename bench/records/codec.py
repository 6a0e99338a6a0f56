"""Records from JSON, checked field by field."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import msgspec


class RecordError(ValueError):
    """Text that is not a record of this schema, and why."""


def finite_or_none(value: float) -> float | None:
    """The value, or None if it is NaN or infinite, which JSON cannot hold."""
    return value if math.isfinite(value) else None


def parse(text: str) -> Any:
    """The value of a JSON text. Raises RecordError if it is not JSON, NaN and Infinity included."""

    def reject_constant(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    def parse_float(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else reject_constant(digits)

    try:
        return json.loads(text, parse_constant=reject_constant, parse_float=parse_float)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"this line is not JSON ({error}): {text[:80]!r}") from error


def build(kind: Any, fields: Any) -> Any:
    """A record of this dataclass from a JSON value. Raises RecordError, which names the wrong field."""
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
    if path := _ignored_field(fields, msgspec.to_builtins(record), kind.__name__):
        raise RecordError(f"there is no field {path}")
    return record


def _ignored_field(given: Any, converted: Any, path: str) -> str | None:
    """The path of the first field of a nested record that msgspec has ignored, since it is unknown."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key not in converted:
                return f"{path}.{key}"
            if ignored := _ignored_field(value, converted[key], f"{path}.{key}"):
                return ignored
    elif isinstance(given, list):
        for index, (value, item) in enumerate(zip(given, converted, strict=True)):
            if ignored := _ignored_field(value, item, f"{path}[{index}]"):
                return ignored
    return None
