"""Records to JSON and back. What is read is not trusted: JSON alone, and the fields of the record."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, TypeVar

import msgspec

MAX_DIGITS = 20
"""Of a whole number: none in a record has over 63 bits, and Python is slow to read a very long one."""

T = TypeVar("T")


class RecordError(ValueError):
    """Text that is not a record of this schema, and why."""


def finite_or_none(value: float) -> float | None:
    """The value, or None if it is NaN or infinite, which JSON cannot hold."""
    return value if math.isfinite(value) else None


def to_fields(record: msgspec.Struct) -> dict[str, Any]:
    """The record as JSON values.

    Subclasses of str, int and float, such as numpy's float64, become the plain type.
    """

    def plain(value: Any) -> Any:
        for kind in (str, int, float):
            if isinstance(value, kind):
                return kind(value)
        raise TypeError(f"{type(value).__name__} is no JSON value: {value!r}")

    fields: dict[str, Any] = msgspec.to_builtins(record, enc_hook=plain)
    return fields


def to_json(record: msgspec.Struct) -> str:
    """The record on one line. Raises ValueError for NaN and infinity."""
    return json.dumps(to_fields(record), allow_nan=False)


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises RecordError for what is not JSON, NaN and Infinity included, for a whole number of more than
    63 bits, and for an object with one key twice.
    """
    try:
        return json.loads(
            text,
            parse_constant=_reject_constant,
            parse_float=_parse_float,
            parse_int=_parse_int,
            object_pairs_hook=_dict_without_duplicates,
        )
    except RecordError:
        raise
    except RecursionError as error:
        raise RecordError("it is nested too deep") from error
    except ValueError as error:
        raise RecordError(f"it is not JSON: {error}") from error


def _reject_constant(text: str) -> Any:
    raise RecordError(f"it holds {text}, which is no JSON and no figure")


def _parse_float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _reject_constant(text[:20])


def _parse_int(text: str) -> int:
    if len(text) > MAX_DIGITS or not -(2**63) <= int(text) < 2**63:
        raise RecordError(f"it holds a whole number of {len(text)} digits, and none has over 63 bits")
    return int(text)


def _dict_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise RecordError(f"one object in it has the key {json.dumps(key)[:72]} twice")
    return fields


def build(kind: type[T], fields: Any) -> T:
    """A record of this type from a JSON value. Raises RecordError with msgspec's message and path."""
    try:
        return msgspec.convert(fields, kind)
    except (msgspec.ValidationError, UnicodeError) as error:  # half a character in a name
        raise RecordError(f"{kind.__name__}: {error}") from error
