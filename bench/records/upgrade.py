"""Result files of earlier versions, brought to this version of the schema, one version at a time.

Every version from OLDEST_VERSION on can be read. A new one adds an entry to UPGRADES, and a sample file
to tests/bench/records/samples.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import to_builtins

from bench.records import derive
from bench.records.codec import RecordError, build
from bench.records.types import SCHEMA_VERSION, Cell, Machine, ReadsKind, Run
from bench.records.verdict import judge

OLDEST_VERSION = 4

Json = dict[str, Any]


def file_version(content: Json) -> int:
    """The schema of a saved file. Raises RecordError if what it gives is no version.

    Only files from 5 on say it themselves; before, a run said it once it had started.
    """
    if "schema" in content:
        version = content["schema"]
        if not isinstance(version, int) or isinstance(version, bool):
            raise RecordError(f"its schema is {json.dumps(version)[:40]}, which is no version")
        return version
    benchmarks = content.get("benchmarks") or []
    infos = [entry.get("extra_info") for entry in benchmarks if isinstance(entry, dict)]
    versions = [_run_version(run) for run in [*infos, *(content.get("failures") or [])]]
    return next((version for version in versions if version is not None), OLDEST_VERSION)


def _run_version(run: Any) -> int | None:
    """The schema of one saved run. A run of version 4 that never started does not say it."""
    if not isinstance(run, dict):
        return None
    start = run.get("start")
    version = run.get("schema", start.get("schema") if isinstance(start, dict) else None)
    return version if isinstance(version, int) else None


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A part of a file that is not as its version says, and why; `where` is its cell's id, if known."""

    where: str | None
    why: str


def upgraded(content: Json, version: int) -> Json:
    """The content of a file of this version, as this schema has it. Raises RecordError if it cannot be.

    A run that is not as its version says is replaced by a Damaged part.
    """
    if not OLDEST_VERSION <= version <= SCHEMA_VERSION:
        which = "a later version of this suite" if version > SCHEMA_VERSION else "an earlier version"
        raise RecordError(
            f"it has version {version} of the schema, and this reads {OLDEST_VERSION} to"
            f" {SCHEMA_VERSION}: read it with {which}"
        )
    for step in range(version, SCHEMA_VERSION):
        content = UPGRADES[step](content)
    return content


def upgraded_run(run: Json) -> Json:
    """One saved run as this schema has it, without its machine; as it is if its version cannot be read.

    The verdict of version 4 keeps its validity and loses its reasons and warnings.
    """
    version = _run_version(run)
    if version is None or not OLDEST_VERSION <= version <= SCHEMA_VERSION:
        return run
    content = upgraded({"benchmarks": [{"extra_info": run}]}, version)
    upgraded_info: Json | Damaged = content["benchmarks"][0]["extra_info"]
    return run if isinstance(upgraded_info, Damaged) else upgraded_info


Upgrade = Callable[[Any, Any], Any]
"""A part of a file and the file's machine, None if it has none, to that part in the next version."""


def _with_parts(content: Json, version: int, run: Upgrade, skipped: Upgrade) -> Json:
    """The content as the next version has it, each run and each skipped cell on its own."""
    machine_info = content.get("machine_info")
    machine = machine_info.get("machine") if isinstance(machine_info, dict) else None
    content = {**content, "schema": version + 1}
    content["benchmarks"] = [
        {**entry, "extra_info": _attempt(run, entry.get("extra_info"), machine, version)}
        if isinstance(entry, dict)
        else entry
        for entry in content.get("benchmarks") or []
    ]
    for name, upgrade in (("failures", run), ("skipped", skipped)):
        if isinstance(content.get(name), list):
            content[name] = [_attempt(upgrade, item, machine, version) for item in content[name]]
    return content


def _attempt(upgrade: Upgrade, item: Any, machine: Any, version: int) -> Any:
    """The upgraded item, or what is wrong with it."""
    if isinstance(item, Damaged):
        return item
    where = None
    try:
        where = build(Cell, _cell_from_4(item["cell"]) if version == 4 else item["cell"]).id
        return upgrade(item, machine)
    except RecordError as error:
        return Damaged(where=where, why=str(error))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"it is no part of version {version} ({type(error).__name__}: {error})"
        return Damaged(where=where, why=why)


def _as_record(run: Json, machine: Any) -> Run:
    """A run of any version as a record of this one. Raises RecordError if it cannot be."""
    for step in range(run["schema"], SCHEMA_VERSION):
        run = RUN_UPGRADES[step](run, machine)
    return build(Run, run)


# From 8 to 9


def _from_8(content: Json) -> Json:
    return _with_parts(content, 8, _run_from_8, _plan_from_8)


def _run_from_8(run: Json, machine: Any) -> Json:
    _require_schema(run, 8)
    epochs = [_added(epoch, 9, feed_seconds=None) for epoch in _list(run["epochs"])]
    return _plan_from_8(run, machine) | {"schema": 9, "epochs": epochs}


def _plan_from_8(part: Json, machine: Any) -> Json:
    """A run or a skipped cell, whose epochs were all whole."""
    return part | {"plan": _added(part["plan"], 9, steps_per_epoch=None)}


# From 7 to 8


def _from_7(content: Json) -> Json:
    return _with_parts(content, 7, _run_from_7, lambda skipped, machine: skipped)


def _run_from_7(run: Json, machine: Any) -> Json:
    _require_schema(run, 7)
    start = run["start"]
    return run | {"schema": 8, "start": start and _added(start, 8, weight_transfer=None)}


# From 6 to 7


def _from_6(content: Json) -> Json:
    return _with_parts(content, 6, _run_from_6, lambda skipped, machine: skipped)


def _run_from_6(run: Json, machine: Any) -> Json:
    _require_schema(run, 6)
    result = run["result"]
    added = result and _added(result, 7, step_seconds=None, step_interference=None)
    return run | {"schema": 7, "result": added}


# From 5 to 6


def _from_5(content: Json) -> Json:
    return _with_parts(content, 5, _run_from_5, lambda skipped, machine: skipped)


def _run_from_5(run: Json, machine: Any) -> Json:
    _require_schema(run, 5)
    result = run["result"]
    fields = {
        **run,
        "schema": 6,
        "gate": run["gate"] and _added(run["gate"], 6, arithmetic=None, precision=None),
        "epochs": [
            _added(epoch, 6, wall_seconds=None, interference=None) for epoch in _list(run["epochs"])
        ],
        "result": result
        and {**_added(result, 6, batches_sha256=None), "drift": _drift_from_5(result["drift"])},
    }
    try:
        record = _as_record(fields, machine)
        if record.result and record.start and record.epochs:
            drift = derive.drift(
                record.epochs, record.cell.device, cold_probe_seconds=record.start.probe_seconds
            )
            fields["result"] = fields["result"] | {"drift": to_builtins(drift)}
        # The warnings follow from the rest of the run, and they are others now. The file says whether
        # the run is valid; version 4 had sentences for reasons, which are derived too.
        judged = judge(_as_record(fields, machine), build(Machine, machine))
    except RecordError:  # without a machine, or what is no record: the reader says so
        return fields
    return fields | {"verdict": to_builtins(judged) | {"validity": record.verdict.validity}}


def _drift_from_5(drift: Json) -> Json:
    """It compared the first epoch with the last third, which is another figure: it is derived anew."""
    if "cold_images_per_second" not in drift or "sustained_images_per_second" not in drift:
        raise RecordError("result.drift of version 5 has cold_images_per_second and sustained_…")
    renamed = _renamed(
        drift,
        cold_images_per_second="early_images_per_second",
        sustained_images_per_second="late_images_per_second",
    )
    return renamed | {"early_images_per_second": None, "late_images_per_second": None, "drift": None}


def _require_schema(run: Json, version: int) -> None:
    """Raises RecordError if a run is of another version than its file."""
    if (schema := run.get("schema")) != version:
        raise RecordError(f"its schema is {json.dumps(schema)[:40]}, and its file's is {version}")


def _added(fields: Json, version: int, **new: Any) -> Json:
    """The fields and those that are new in a version. Raises RecordError if one is there already."""
    if present := [name for name in new if name in fields]:
        raise RecordError(f"{present[0]} is in a file before version {version}, which has no such field")
    return fields | new


# From 4 to 5


def _from_4(content: Json) -> Json:
    return _with_parts(content, 4, _run_from_4, _skipped_from_4)


_RUN_4 = {
    *("cell", "plan", "gate", "before", "start", "epochs", "interruptions", "result", "after"),
    *("verdict", "failure", "seal"),
}


def _run_from_4(run: Json, machine: Any) -> Json:
    if set(run) != _RUN_4:
        raise RecordError(f"a run of version 4 has the fields {', '.join(sorted(_RUN_4))}")
    fields = {
        **run,
        "schema": 5,
        "method": 1,
        "cell": _cell_from_4(run["cell"]),
        "gate": _gate_from_4(run["gate"], run["cell"]),
        "start": _start_from_4(run["start"]),
        "interruptions": [
            _renamed(interruption, setback="went_back_because")
            for interruption in _list(run["interruptions"])
        ],
        "result": _result_from_4(run["result"]),
        # The reasons and warnings were sentences. The next step derives them.
        "verdict": {"validity": run["verdict"]["validity"], "reasons": [], "warnings": []},
        "checksum": run["seal"],
    }
    del fields["seal"]
    return fields


def _gate_from_4(gate: Json | None, cell: Json) -> Json | None:
    if gate is None:
        return None
    not_checked = [_not_checked_from_4(text, cell) for text in _list(gate["not_checked"])]
    return gate | {"checks": _checks_from_4(gate["checks"]), "not_checked": not_checked}


def _start_from_4(start: Json | None) -> Json | None:
    if start is None:
        return None
    meters = {name: _reads_from_4(text) for name, text in start["meters"].items()}
    return {name: value for name, value in start.items() if name != "schema"} | {"meters": meters}


def _result_from_4(result: Json | None) -> Json | None:
    return result and result | {"checks": _checks_from_4(result["checks"])}


def _skipped_from_4(skipped: Json, machine: Any) -> Json:
    return skipped | {"cell": _cell_from_4(skipped["cell"])}


def _cell_from_4(cell: Json) -> Json:
    if set(cell) != {"experiment", "framework", "device", "seed"}:
        raise RecordError("a cell of version 4 has experiment, framework, device and seed")
    return _renamed(cell, framework="engine") | {"repeat": 0}


def _checks_from_4(checks: list[Json]) -> list[Json]:
    return [_renamed(check, least="lower", most="upper", says="description") for check in _list(checks)]


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("this is no list")
    return value


def _renamed(fields: Json, **names: str) -> Json:
    """The same fields under new names. Raises KeyError if one is not there."""
    kept = {name: value for name, value in fields.items() if name not in names}
    return kept | {new: fields[old] for old, new in names.items()}


# The sentences of version 4, which saved nothing else. They never change again.
_PLACEMENT_4 = "where a training step runs: "
_NO_OTHER_4 = "{} against the other framework: it was not run"
_OFF_4 = re.compile(r"torch against TensorFlow: (\S+) on (\S+) is off by itself")
_READS_4: dict[str, ReadsKind] = {
    r"the worker's perf_counter, device synchronised before start and stop": "perf counter",
    r"resident memory \(VmHWM\), the most within the epoch": "resident memory in the epoch",
    r"resident memory \(VmHWM\), the most since .*": "resident memory since the start",
    r"not measured: (.*) has no VmHWM here": "no resident memory",
    r"physical footprint, the most within the epoch": "footprint in the epoch",
    r"physical footprint, the most since .*": "footprint since the start",
    r"not measured: proc_pid_rusage gives this process nothing": "no footprint",
    r"the framework's own counter of its tensors": "framework counter",
    r"not measured: under Metal, TensorFlow's counter returns zeros": "no framework counter",
    r"not measured: on the CPU the host's memory is the device's": "host memory is the device's",
    r"the chip's own estimate by part \(IOReport\), in windows .*": "ioreport",
    r"not measured: zeus-apple-silicon finds no counter on this chip": "ioreport without counter",
    r"not measured: zeus-apple-silicon cannot read this chip \((.*)\)": "ioreport unreadable",
    r"not measured: (.*) is readable by root alone": "counters for root",
    r"not measured: neither RAPL nor NVML counts energy here": "no counter",
    r"(.*), in windows of 20 s or more": "counters",
}


def _not_checked_from_4(text: str, cell: Json) -> Json:
    if text.startswith(_PLACEMENT_4):
        return {"kind": "placement unknown", "why": text.removeprefix(_PLACEMENT_4)}
    if text == _NO_OTHER_4.format(cell["framework"]):
        return {"kind": "no other engine", "engine": cell["framework"]}
    if off := _OFF_4.fullmatch(text):
        return {"kind": "reference differs", "engine": off[1], "device": off[2]}
    raise RecordError(f"gate.not_checked has a sentence that version 4 never wrote: {text[:60]!r}")


def _reads_from_4(text: str) -> Json:
    for pattern, kind in _READS_4.items():
        if match := re.fullmatch(pattern, text, re.DOTALL):
            return {"kind": kind, "detail": match[1] if match.groups() else ""}
    raise RecordError(f"start.meters has a sentence that version 4 never wrote: {text[:60]!r}")


UPGRADES: dict[int, Callable[[Json], Json]] = {
    4: _from_4,
    5: _from_5,
    6: _from_6,
    7: _from_7,
    8: _from_8,
}
"""Version -> what brings a file of it to the next version."""
RUN_UPGRADES: dict[int, Upgrade] = {
    4: _run_from_4,
    5: _run_from_5,
    6: _run_from_6,
    7: _run_from_7,
    8: _run_from_8,
}
"""The same of one run."""
