"""The differences between two records, in words for a reader who is no programmer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bench.records.computer import agree
from bench.records.types import is_virtual_mac
from bench.records.words import memory_text

Sides = tuple[str, str]

_ABSENT = object()

# Field -> its words. A nested field's words follow those of its record.
_WORDS = {
    "available_memory_bytes": "free memory",
    "cpu_cores": "CPU cores",
    "gpu": "GPU",
    "gpu_cores": "GPU cores",
    "load": "programs at work (load)",
    "low_power": "low power mode",
    "os": "system",
    "os_build": "system build",
    "packages": "package",
    "power": "power source",
    "python": "Python",
    "swap_used_bytes": "memory moved to disk",
    "thermal": "heat",
    "translated": "translated by Rosetta",
    "virtual": "virtual machine",
}
_MEMORY = "memory_bytes"
_CPU_CORES = "cpu_cores"
"""Compared as a whole: if the kinds of core differ, each would be absent on one side."""

_CHANGE = 0.25
"""Load and memory are compared only beyond this share of the larger value: they never stand still."""
_MIN_CHANGE = {"load": 0.5, "available_memory_bytes": 500e6, "swap_used_bytes": 500e6}
"""And only beyond this change, in processes and bytes: a load of 0.02 and one of 0.04 are the same."""
_START_FIELDS = ("device_name", "data_sha256", "weights_sha256", "versions", "settings")
_COUNTERS = ("taken_at", "swapped_in_bytes", "swapped_out_bytes")


def diff(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    skip: Collection[str] = (),
    sides: Sides = ("here", "there"),
) -> list[str]:
    """A sentence for each field that differs: "memory: 16 GiB here, 32 GiB there".

    Nested fields are named by their path ("package torch: …"), a field that only one side has is
    named, None is "unknown", and a list equals a tuple, since JSON has no tuples. `skip` holds paths
    with dots, such as "packages.numpy". Bytes are given in GB (10^9), a
    computer's whole memory in GiB (2^30), seconds in s.
    """
    sentences = []
    for path, words, our_value, their_value in _differing_fields(ours, theirs, "", ""):
        if any(path == skipped or path.startswith(f"{skipped}.") for skipped in skip):
            continue
        key = path.rpartition(".")[2]
        here = _describe_side(our_value, their_value, key, sides[0])
        there = _describe_side(their_value, our_value, key, sides[1])
        sentences.append(f"{words}: {here}, {there}")
    return sentences


def diff_machines(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], *, sides: Sides = ("here", "there")
) -> list[str]:
    """The differences between two machines, as JSON has them, except their names.

    What a kernel keeps of the memory for itself is no difference. If one of the two is a virtual Mac,
    the first sentence says so: its GPU is not the chip's.
    """
    skip = ["name"]
    here, there = ours.get(_MEMORY), theirs.get(_MEMORY)
    if isinstance(here, int) and isinstance(there, int) and agree(_MEMORY, here, there):
        skip.append(_MEMORY)
    virtual = [side for side in (ours, theirs) if is_virtual_mac(side.get("model"), side.get("virtual"))]
    if len(virtual) != 1:
        return diff(ours, theirs, skip=skip, sides=sides)
    name = virtual[0].get("name") or "one of the two"
    warning = f"{name} is a virtual Mac: its figures are not comparable"
    return [warning, *diff(ours, theirs, skip=[*skip, "virtual"], sides=sides)]


def diff_conditions(
    before: Mapping[str, Any], after: Mapping[str, Any], *, sides: Sides = ("before", "after")
) -> list[str]:
    """The differences between two conditions, such as "power source: mains before, battery after".

    Load, free memory and swap are named only if they differ by more than 25 % of the larger value and
    by more than half a process or 500 MB. The time and the swap counters are not compared.
    """
    similar = [key for key in _MIN_CHANGE if _about_equal(key, before.get(key), after.get(key))]
    return diff(before, after, skip=(*_COUNTERS, *similar), sides=sides)


def diff_runs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The differences between two saved runs in method, plan, network, data, settings and condition."""

    def inputs(run: Mapping[str, Any]) -> dict[str, Any]:
        fields = {name: run.get(name) for name in ("method", "plan")}
        return fields | _start_inputs(run.get("start") or {})

    sentences = diff(inputs(ours), inputs(theirs))
    before, their_before = ours.get("before"), theirs.get("before")
    if before and their_before:
        sentences += diff_conditions(before, their_before, sides=("here", "there"))
    return sentences


def diff_starts(now: Mapping[str, Any], first: Mapping[str, Any]) -> list[str]:
    """The differences between two starts of one run: a resumed worker's and the first one's."""
    return diff(_start_inputs(now), _start_inputs(first), sides=("now", "when it began"))


def _start_inputs(start: Mapping[str, Any]) -> dict[str, Any]:
    return {name: start.get(name) for name in _START_FIELDS}


def _differing_fields(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str, words: str
) -> Iterator[tuple[str, str, Any, Any]]:
    """Path, words and both values of every field that differs; ours in order, then theirs."""
    for key in {**ours, **theirs}:
        our_value, their_value = ours.get(key, _ABSENT), theirs.get(key, _ABSENT)
        field_path = f"{path}.{key}" if path else str(key)
        # A package may have the name of a field, and keeps it.
        is_package = words == _WORDS["packages"]
        name = str(key) if is_package else _WORDS.get(key, _without_unit(str(key)))
        field_words = f"{words} {name}".strip()
        both_nested = isinstance(our_value, Mapping) and isinstance(their_value, Mapping)
        if both_nested and key != _CPU_CORES:
            yield from _differing_fields(ours[key], theirs[key], field_path, field_words)
        elif not _equal(our_value, their_value):
            if field_path == "packages":  # absent on one side: more than one package
                field_words = "packages"
            yield field_path, field_words, our_value, their_value


def _without_unit(key: str) -> str:
    for unit in ("_bytes", "_seconds"):  # the value has its unit
        key = key.removesuffix(unit)
    return key.replace("_", " ")


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(_equal, ours, theirs))
    return bool(ours == theirs) and isinstance(ours, bool) == isinstance(theirs, bool)


def _describe_side(value: Any, other: Any, key: str, side: str) -> str:
    """One side's value and the side; the exact value if both would read the same."""
    if value is _ABSENT:
        return f"absent {side}"
    text = _describe(value, key)
    same_text = other is not _ABSENT and text == _describe(other, key)
    return f"{_exactly(value, key) if same_text else text} {side}"


def _describe(value: Any, key: str) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _describe_number(value, key)
    if isinstance(value, Mapping):
        return _describe_mapping(value, key)
    if isinstance(value, list | tuple):
        return ", ".join(_describe(item, key) for item in value) or "none"
    return str(value) or "empty"


def _describe_mapping(fields: Mapping[str, Any], key: str) -> str:
    if key != _CPU_CORES:
        texts = [
            f"{_without_unit(str(name))} {_describe(value, str(name))}" for name, value in fields.items()
        ]
        return ", ".join(texts) or "none"
    if set(fields) == {"cores"}:  # their kinds are unknown
        return _describe(fields["cores"], key)
    return " and ".join(f"{_describe(count, key)} {kind}" for kind, count in fields.items()) or "none"


def _describe_number(value: float, key: str) -> str:
    if key == _MEMORY:
        return memory_text(value)
    if key.endswith("_bytes") and value == 0:
        return "0 GB"
    if key.endswith("_bytes"):
        return f"{value / 1e9:,.1f} GB" if abs(value) >= 5e7 else f"{value / 1e6:,.1f} MB"
    if key.endswith("_seconds"):
        return f"{value:,.3g} s" if abs(value) < 100 else f"{value:,.0f} s"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _exactly(value: Any, key: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        unit = next((f" {unit}" for unit in ("bytes", "seconds") if key.endswith(f"_{unit}")), "")
        return f"{value:,}{unit}"
    return repr(value)


def _about_equal(key: str, before: Any, after: Any) -> bool:
    if not isinstance(before, int | float) or not isinstance(after, int | float):
        return False
    change, larger = abs(after - before), max(abs(before), abs(after))
    return change <= _CHANGE * larger or change <= _MIN_CHANGE[key]
