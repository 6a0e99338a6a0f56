"""The lines above the figures: images, profile, devices, machine, cells, and how to resume."""

from __future__ import annotations

from alexnet import data
from bench.plan import estimate
from bench.plan.engines import ALL, obstacles
from bench.plugin.progress import format_seconds
from bench.records.types import Cell
from bench.session.session import Session

DATASETS = data.DATASETS | {"synthetic": "SYNTHETIC"}
"""In capitals, so that nobody takes the stand-in for CIFAR-10."""


def data_line(session: Session) -> str:
    """Which images are used and where they come from."""
    return f"{DATASETS[session.source.dataset]} images, {session.source.provenance}"


def conditions_line(session: Session) -> str:
    """The conditions of all figures: profile, data, devices, machine."""
    cells = session.picked or list(session.plans)
    devices = sorted({f"{cell.engine} on {cell.device}" for cell in cells})
    plan = session.plans[cells[0]]
    counts = sorted({session.plans[cell].train_images or data.TRAINED_IMAGES for cell in cells})
    steps = sorted({session.plans[cell].steps_per_epoch or 0 for cell in cells})
    images = " or ".join(f"{count:,}" for count in counts)
    cut = " or ".join(f"{count:,} steps" if count else "all" for count in steps)
    first = f"the first {cut} of an epoch of " if any(steps) else ""
    return (
        f"{session.profile}: {first}{images} {DATASETS[plan.dataset]} training images at"
        f" {plan.image_size} px; {', '.join(devices)}; {session.machine.name}"
    )


def engine_lines(session: Session) -> list[str]:
    """The engines that run, and why not the others."""
    chosen = session.options.engine
    reasons: dict[str, list[str]] = {}
    for name, why in obstacles(session.options.device).items():
        if name not in chosen:
            reasons.setdefault(why or f"only if asked for, with --engine NAME or {ALL}", []).append(name)
    lines = [f"engines: {', '.join(chosen)}"]
    if reasons:
        others = "; ".join(f"{', '.join(names)} ({why})" for why, names in reasons.items())
        lines.append(f"not run: {others}")
    return lines


def device_warning(session: Session) -> list[str]:
    """A warning if `--device auto` gave the engines different devices."""
    devices = {cell.engine: cell.device for cell in session.plans}
    if len(set(devices.values())) == 1:
        return []
    pairs = " and ".join(f"{engine} {device}" for engine, device in devices.items())
    return [f"note: {pairs}: this compares devices, not frameworks"]


def resumed_from(session: Session) -> list[str]:
    """The session that is resumed and the damage in its files, or one that could be resumed."""
    if earlier := session.log.earlier:
        return [earlier.summary_line(), *earlier.problems]
    return [session.unfinished_session_note] if session.unfinished_session_note else []


def accepted_differences(session: Session) -> list[str]:
    """The differences since the session began that --resume-anyway accepted."""
    return [f"resumed anyway, despite a difference: {line}" for line in session.log.accepted_differences]


def cell_lines(session: Session) -> list[str]:
    """The picked cells and the state of each."""
    return [f"  {cell.id}{_state(session, cell)}" for cell in session.picked]


def _state(session: Session, cell: Cell) -> str:
    if session.skip_reason(cell):
        return " (will be skipped)"
    run = session.log.earlier_run(cell)
    if run is None or not (run.result or run.interrupted):
        return ""
    if run.result:
        return " (done)"
    epochs = len(run.epochs)
    return f" (cut off after epoch {epochs})" if epochs else " (cut off before its first epoch ended)"


def time_line(session: Session) -> str:
    """How many cells there are, how long those take that are left, and how that is known."""
    left = session.cells_left()
    known = [estimate.kind_of(cell, session.plans[cell]) in session.paces for cell in left]
    tried = [session.pace(cell) is not None for cell in left]
    if left and all(known):
        how = "by earlier runs on this machine"
    elif any(known):
        how = "partly by earlier runs on this machine, partly guessed"
    elif left and all(tried):
        how = "by the trial; what is no training is guessed"
    else:
        how = "guessed, not yet measured"
    about = "about" if all(known) else "roughly"
    return f"{len(session.picked)} cells, {about} {format_seconds(session.seconds_left())} ({how})"


def trial_lines(session: Session) -> list[str]:
    """How many steps the epochs of each experiment have where they are cut short, and why so many."""
    lines = []
    for experiment in dict.fromkeys(cell.experiment for cell in session.picked):
        cells = [cell for cell in session.picked if cell.experiment == experiment]
        plan = session.plans[cells[0]]
        kinds = {cell.engine: estimate.kind_of(cell, session.plans[cell]) for cell in cells}
        times = ", ".join(
            f"{engine} {1e3 * session.step_seconds[kind]:,.0f} ms"
            for engine, kind in kinds.items()
            if kind in session.step_seconds
        )
        if plan.steps_per_epoch is None and not times:
            continue
        steps = plan.steps_per_epoch
        which = "is whole" if steps is None else f"is its first {steps:,} steps"
        why = f" (a step in the trial: {times})" if times else ""
        lines.append(f"an epoch of {experiment} {which}{why}")
    return lines


def speed_note(session: Session) -> list[str]:
    """Where the whole protocol runs on a GPU: that speeds alone take minutes."""
    if session.profile != "full" or all(cell.device == "cpu" for cell in session.picked):
        return []
    return [
        "note: this is the whole protocol, to convergence. How fast each engine is, without accuracies,"
        " --profile speed tells in minutes"
    ]


def resume_hint(session: Session) -> list[str]:
    """How to resume, if a cell has no result or its result is in no file."""
    unfinished = session.unfinished()
    results = {run.cell.id for run in session.runs if run.result}
    unsaved = sorted(results - session.log.saved_cells)
    sentences = [
        f"{state}: {', '.join(cells) if len(cells) < 4 else f'{len(cells)} cells'}."
        for state, cells in (("no result yet", unfinished), ("in no result file yet", unsaved))
        if cells
    ]
    machine = f"--machine {session.machine.name}" if session.options.machine else ""
    make = f'make resume ARGS="{machine}"' if machine else "make resume"
    command = f"pytest bench --resume {machine}".strip()
    return [" ".join([*sentences, f"To go on:  {command}  (or: {make})"])] if sentences else []
