"""How a session comes to be: from options alone, or from an earlier one that it goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from alexnet.frameworks.protocol import Device, Framework
from bench.host import machine
from bench.plan import grid, prepare
from bench.plan.options import CELL_OPTIONS, Options
from bench.records.types import Cell, Machine, Plan
from bench.session import resume
from bench.session.log import SessionLog
from bench.session.resume import EarlierSession
from bench.session.session import Session


def open_session(options: Options, results: Path, *, only_list: bool = False) -> Session:
    """Settles devices, profile, data and plans. Raises what the options make impossible for all cells.

    `only_list` settles the cells and looks for no data.
    """
    this = machine.describe(options.machine)
    runs = results / this.name / resume.RUNS
    if options.resume:
        return _resumed(options, this, resume.find(runs), only_list=only_list)
    prepare.check_weights_option(options)
    devices = prepare.devices(options)
    profile = options.profile
    if profile == "auto":  # one framework left on the CPU would take days over the full protocol
        profile = "quick" if "cpu" in devices.values() else "full"
    source = prepare.NOT_LOOKED_FOR if only_list else prepare.source(options, profile)
    return Session(
        options=options,
        machine=this,
        profile=profile,
        source=source,
        plans=_plans(options, profile, source, devices),
        log=SessionLog(folder=_new_folder(runs, profile)),
        unfinished_session=None if only_list else resume.unfinished_session(runs),
    )


def _new_folder(runs: Path, profile: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    names = [f"{stamp}{again}-{profile}" for again in ("", *(f"-{n}" for n in range(2, 100)))]
    return next(runs / name for name in names if not (runs / name).exists())


def _plans(
    options: Options, profile: str, source: prepare.Source, devices: Mapping[Framework, Device]
) -> dict[Cell, Plan]:
    return {
        cell: grid.plan(
            cell,
            options,
            profile=profile,
            dataset=source.dataset,
            data_provenance=source.provenance,
        )
        for cell in grid.cells(options, devices)
    }


def _resumed(options: Options, this: Machine, earlier: EarlierSession, *, only_list: bool) -> Session:
    """The session that goes on with an earlier one: its options and cells, but for what is given now."""
    first = {each.cell: each.plan for each in earlier.manifest.cells}
    merged = options.merged_with(earlier.manifest.options)
    prepare.check_weights_option(merged)
    profile = earlier.manifest.profile if "profile" not in options.given else merged.profile
    source = prepare.NOT_LOOKED_FOR
    if not only_list:
        source = prepare.source_again(merged, next(iter(first.values())))
    plans = first
    if CELL_OPTIONS & set(options.given):
        devices = {cell.framework: cell.device for cell in first}
        asked = "device" in options.given or not set(merged.framework) <= set(devices)
        plans = _plans(merged, profile, source, prepare.devices(merged) if asked else devices)
    return Session(
        options=merged,
        machine=this,
        profile=profile,
        source=source,
        plans=plans,
        log=SessionLog(folder=earlier.folder, earlier=earlier),
    )
