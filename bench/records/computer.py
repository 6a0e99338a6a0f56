"""Which computer a record is of: its name, and what of it does not change."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

if TYPE_CHECKING:  # it brings numpy, and a fleet's worker on a host is to be small
    from bench.records.types import Machine

BODY = ("chip", "model", "cpu_cores", "gpu", "gpu_cores", "memory_bytes", "architecture", "virtual")
"""What makes a computer the one that it is; its system and packages may change."""

SAME_MEMORY = 1 / 12
"""The share by which two readings of one computer's memory may differ.

Kernels and firmware keep a part for themselves, another one after an update: a few pages, a crash
kernel's 256 MB, a graphics part's share. The nearest sizes that are sold, 16 and 18 GB, are a ninth
apart.
"""

UNFILLED = {
    *("all series", "base board product name", "default", "default string", "empty", "generic"),
    *(
        "invalid",
        "n/a",
        "na",
        "none",
        "not applicable",
        "not available",
        "not specified",
        "null",
        "o.e.m",
        "oem",
    ),
    *("please change product name", "product name", "system name", "system product name"),
    *("system version", "tbd", "tbd by oem", "to be defined", "to be filled by o.e.m"),
    *("to be filled by oem", "type1productconfigid", "type2 - board product name1", "undefined"),
    "unknown",
}
"""What firmware says where its maker filled nothing in, without capitals and a full stop."""

MAX_NAME_BYTES = 120
"""Of a name in UTF-8: file systems take 255 bytes, and 143 where they encrypt names."""


def folder_name(text: str) -> str:
    """A name that is safe as a folder and in a glob: lower-case letters, digits and single dashes.

    Letters of every script stay, with their marks. They are composed (NFKC), so that a name is one
    however it was typed or sent. It is "" if the text has no letter and no digit.
    """
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    letters = "".join(c if unicodedata.category(c)[0] in "LMN" else "-" for c in composed)
    name = re.sub("-+", "-", letters).strip("-")
    if not any(c.isalnum() for c in name):
        return ""
    return name.encode("utf-8", "ignore")[:MAX_NAME_BYTES].decode("utf-8", "ignore").rstrip("-")


def is_filled_in(model: str) -> bool:
    """Whether firmware names a model: no placeholder, and not empty, nor signs, zeros and x alone."""
    plain = " ".join(model.split()).rstrip(".").casefold()
    return plain not in UNFILLED and not re.fullmatch(r"[\W_0x]*|0?123456789", plain)


def readings(machine: Machine) -> dict[str, Any]:
    """Part of BODY -> its reading, None if that failed.

    Of the cores it is how many there are: the names of their kinds are the system's, and change with it.
    Older files have models that the firmware's maker did not fill in.
    """
    parts = {part: getattr(machine, part) for part in BODY}
    return parts | {
        "cpu_cores": sum(machine.cpu_cores.values()) if machine.cpu_cores else None,
        "model": machine.model if machine.model and is_filled_in(machine.model) else None,
    }


def agree(part: str, one: Any, other: Any) -> bool:
    """Whether two readings of a part of BODY can be of one computer: a failed one contradicts none."""
    if one is None or other is None:
        return True
    if part == "memory_bytes":
        return bool(abs(one - other) <= SAME_MEMORY * max(one, other))
    return bool(one == other)


def agreeing_parts(one: Machine, other: Machine) -> list[str]:
    """The parts of BODY whose readings can be of one computer."""
    others = readings(other)
    return [part for part, value in readings(one).items() if agree(part, value, others[part])]


def completed(now: Machine, earlier: Machine) -> Machine:
    """The record of now with the parts that only an earlier record of the same computer knows.

    A driver that does not answer once takes no GPU out of a session's file.
    """
    if len(agreeing_parts(now, earlier)) < len(BODY):
        return now
    missing = {part: getattr(earlier, part) for part in BODY if getattr(now, part) is None}
    return replace(now, **missing)
