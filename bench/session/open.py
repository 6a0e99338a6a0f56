"""Opening a session, new or resumed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from alexnet.frameworks.protocol import Device
from bench.host import machine
from bench.paths import RUNS
from bench.plan import estimate, grid, prepare
from bench.plan.options import CELL_OPTIONS, Options
from bench.records.computer import completed
from bench.records.types import Cell, Machine, Plan
from bench.session import resume
from bench.session.log import SessionLog
from bench.session.resume import EarlierSession
from bench.session.session import Session


def open_session(options: Options, results: Path, *, only_list: bool = False) -> Session:
    """Decides on devices, profile, data and plans. Raises if the options are impossible for all cells.

    `only_list` lists the cells without looking for data.
    """
    this_machine = machine.describe(options.machine)
    runs = results / this_machine.name / RUNS
    if not only_list:
        prepare.check_results_folder(runs.parent)
    if options.resume:
        earlier = resume.find_unfinished_session(runs)
        return _open_resumed(options, this_machine, earlier, only_list=only_list)
    prepare.check_weights_option(options)
    devices = prepare.find_devices(options)
    profile = options.profile
    if profile == "auto":  # on a CPU the full protocol would take days
        profile = "quick" if "cpu" in devices.values() else "full"
    source = prepare.PENDING_SOURCE if only_list else prepare.find_images(options, profile)
    return Session(
        options=options,
        machine=this_machine,
        profile=profile,
        source=source,
        plans=_plans(
            options, profile, source, devices, last_engine_first=_saved_sessions(runs.parent) % 2 == 1
        ),
        log=SessionLog(folder=_new_folder(runs, profile)),
        paces={} if only_list else estimate.measured_paces(runs.parent),
        unfinished_session_note=None if only_list else resume.unfinished_session_note(runs),
    )


def _open_resumed(
    options: Options, this_machine: Machine, earlier: EarlierSession, *, only_list: bool
) -> Session:
    """The session that resumes an earlier one: with its options and cells, unless given anew."""
    earlier_plans = {planned.cell: planned.plan for planned in earlier.manifest.cells}
    merged = options.merged_with(earlier.manifest.options)
    prepare.check_weights_option(merged)
    profile = earlier.manifest.profile if "profile" not in options.explicit else merged.profile
    source = prepare.PENDING_SOURCE
    if not only_list:
        source = prepare.find_images_for_resume(merged, next(iter(earlier_plans.values())))
    plans = earlier_plans
    if CELL_OPTIONS & set(options.explicit):
        devices = {cell.engine: cell.device for cell in earlier_plans}
        if "device" in options.explicit or not set(merged.engine) <= set(devices):
            devices = prepare.find_devices(merged)
        began_with_the_last = next(iter(earlier_plans)).engine == merged.engine[-1]
        plans = _plans(
            merged,
            profile,
            source,
            devices,
            last_engine_first=began_with_the_last,
            steps={
                cell.experiment: plan.steps_per_epoch
                for cell, plan in earlier_plans.items()
                if plan.profile == profile
            },
        )
    return Session(
        options=merged,
        machine=completed(this_machine, earlier.manifest.machine),
        profile=profile,
        source=source,
        plans=plans,
        log=SessionLog(folder=earlier.folder, earlier=earlier),
        paces={} if only_list else estimate.measured_paces(earlier.folder.parents[1]),
    )


def _saved_sessions(folder: Path) -> int:
    """How many sessions of this machine are saved: every other one has its engines in reverse.

    Each has a number of its own. A copy beside it (`0001_quick 2.json`) has the same one.
    """
    with suppress(PermissionError):  # cells may be listed where nothing can be saved
        return len({file.name[:4] for file in folder.glob("[0-9][0-9][0-9][0-9]_*.json")})
    return 0


def _plans(
    options: Options,
    profile: str,
    source: prepare.Source,
    devices: Mapping[str, Device],
    *,
    last_engine_first: bool,
    steps: Mapping[str, int | None] | None = None,
) -> dict[Cell, Plan]:
    """The cells and their plans. `steps` has how many steps an epoch has, by experiment, if known."""
    return {
        cell: grid.plan_cell(
            cell,
            options,
            profile=profile,
            dataset=source.dataset,
            data_provenance=source.provenance,
            steps_per_epoch=(steps or {}).get(cell.experiment),
        )
        for cell in grid.cells(options, devices, last_engine_first=last_engine_first)
    }


def _new_folder(runs: Path, profile: str) -> Path:
    """A folder name that no session has yet; a second session within the same second gets -2.

    `resume.FOLDER_NAME` matches it.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    names = [f"{stamp}{suffix}-{profile}" for suffix in ("", *(f"-{n}" for n in range(2, 100)))]
    return next(runs / name for name in names if not os.path.lexists(runs / name))
