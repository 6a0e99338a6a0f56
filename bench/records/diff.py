"""What differs between two records, in words for a reader who is no programmer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

Sides = tuple[str, str]

_ABSENT = object()

# The words for a field; a nested record's stand before those of its own fields.
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
_WHOLE = "cpu_cores"  # one sentence: where the kinds differ, each alone would be absent on one side

_CHANGED = 0.25
"""The share by which load and memory must differ to be worth a word: they never stand still."""
_LEAST = {"load": 0.5, "available_memory_bytes": 500e6, "swap_used_bytes": 500e6}
"""And by how much, in processes and bytes: on an idle computer 0.02 and 0.04 say the same."""
_SETTLED = ("schema", "device_name", "data_sha256", "weights_sha256", "versions", "settings")
_COUNTERS = ("taken_at", "swapped_in_bytes", "swapped_out_bytes")


def diff(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    *,
    skip: Collection[str] = (),
    sides: Sides = ("here", "there"),
) -> list[str]:
    """A sentence for each field that differs: "memory: 17.2 GB here, 34.4 GB there".

    Nested fields are named by their path ("package torch: …"), a field that only one side has is
    named, None is "unknown", and a list equals a tuple, since JSON has no tuples. `skip` holds paths
    with dots, such as "packages.numpy". Bytes are given in GB (10^9), seconds in s.
    """
    return [
        f"{words}: {_side(one, other, key, sides[0])}, {_side(other, one, key, sides[1])}"
        for path, words, one, other in _walk(ours, theirs, "", "")
        for key in [path.rpartition(".")[2]]
        if not any(path == hidden or path.startswith(f"{hidden}.") for hidden in skip)
    ]


def diff_machines(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], *, sides: Sides = ("here", "there")
) -> list[str]:
    """The differences of two `asdict(Machine)`, but for their names.

    A virtual Mac on one side is said first, in a sentence of its own: its GPU is not the chip's.
    """
    virtual = [side for side in (ours, theirs) if _is_virtual_mac(side)]
    if len(virtual) != 1:
        return diff(ours, theirs, skip=("name",), sides=sides)
    said = (
        f"{virtual[0].get('name') or 'one of the two'} is a virtual Mac: its figures are not comparable"
    )
    return [said, *diff(ours, theirs, skip=("name", "virtual"), sides=sides)]


def diff_conditions(
    before: Mapping[str, Any], after: Mapping[str, Any], *, sides: Sides = ("before", "after")
) -> list[str]:
    """The differences of two `asdict(Condition)`: "power source: mains before, battery after".

    Load, free memory and memory moved to disk are named only if they differ by more than 25 % of the
    larger, and by more than half a process or 500 MB. The time and the counters are no condition.
    """
    steady = [key for key in _LEAST if _about_equal(key, before.get(key), after.get(key))]
    return diff(before, after, skip=(*_COUNTERS, *steady), sides=sides)


def diff_runs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """The differences of two saved runs in what they were: plan, network, data, settings and condition.

    Of a run in another schema there may be less, and what is absent is named.
    """

    def settled(run: Mapping[str, Any]) -> dict[str, Any]:
        start = run.get("start") or {}
        return {"plan": run.get("plan")} | {name: start.get(name) for name in _SETTLED}

    states = [run.get("before") or {} for run in (ours, theirs)]
    found = diff(settled(ours), settled(theirs))
    return found + (diff_conditions(*states, sides=("here", "there")) if all(states) else [])


def diff_starts(now: Mapping[str, Any], first: Mapping[str, Any]) -> list[str]:
    """The differences of two `asdict(Start)` of one run: of a resumed worker and of the first one."""
    settled = ({name: start.get(name) for name in _SETTLED} for start in (now, first))
    return diff(*settled, sides=("now", "when it began"))


def _walk(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str, around: str
) -> Iterator[tuple[str, str, Any, Any]]:
    """Path, words and both values of every field that differs; ours in its order, then theirs."""
    for key in {**ours, **theirs}:
        one, other = ours.get(key, _ABSENT), theirs.get(key, _ABSENT)
        here = f"{path}.{key}" if path else str(key)
        # A package may have the name of a field, and keeps it.
        own = str(key) if around == _WORDS["packages"] else _WORDS.get(key, _plain(str(key)))
        words = f"{around} {own}".strip()
        if isinstance(one, Mapping) and isinstance(other, Mapping) and key != _WHOLE:
            yield from _walk(one, other, here, words)
        elif not _equal(one, other):
            yield here, "packages" if here == "packages" else words, one, other


def _plain(key: str) -> str:
    for unit in ("_bytes", "_seconds"):  # the value says its unit
        key = key.removesuffix(unit)
    return key.replace("_", " ")


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _side(value: Any, other: Any, key: str, side: str) -> str:
    """One side's value and where it is; the exact value if both would read the same."""
    if value is _ABSENT:
        return f"absent {side}"
    said = _said(value, key)
    same = other is not _ABSENT and said == _said(other, key)
    return f"{_exactly(value, key) if same else said} {side}"


def _said(value: Any, key: str) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, key)
    if isinstance(value, Mapping):
        return _together(value, key)
    if isinstance(value, list | tuple):
        return ", ".join(_said(part, key) for part in value) or "none"
    return str(value) or "empty"


def _together(parts: Mapping[str, Any], key: str) -> str:
    if key != _WHOLE:
        return (
            ", ".join(f"{_plain(str(name))} {_said(part, str(name))}" for name, part in parts.items())
            or "none"
        )
    if set(parts) == {"cores"}:  # their kinds are not known
        return _said(parts["cores"], key)
    return " and ".join(f"{_said(number, key)} {kind}" for kind, number in parts.items()) or "none"


def _number(value: float, key: str) -> str:
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
    apart, larger = abs(after - before), max(abs(before), abs(after))
    return apart <= _CHANGED * larger or apart <= _LEAST[key]


def _is_virtual_mac(machine: Mapping[str, Any]) -> bool:
    system = str(machine.get("os") or machine.get("model") or "")
    return machine.get("virtual") is True and system.startswith(("macOS", "Mac OS", "VirtualMac"))
