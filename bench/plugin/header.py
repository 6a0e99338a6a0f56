"""What stands above every figure: images, profile, devices, machine, and what is still to be done."""

from __future__ import annotations

from alexnet import data
from bench.plan import grid
from bench.records.types import Cell
from bench.session.session import Session

DATASETS: dict[data.DatasetName, str] = {"cifar10": "CIFAR-10", "synthetic": "SYNTHETIC"}


def data_line(session: Session) -> str:
    """Which images these are, in words that a stand-in cannot hide behind."""
    return f"{DATASETS[session.source.dataset]} images, {session.source.provenance}"


def conditions_line(session: Session) -> str:
    """The line that every figure stands under: profile, data, devices, machine."""
    cells = session.picked or list(session.plans)
    devices = sorted({f"{cell.framework} on {cell.device}" for cell in cells})
    plan = session.plans[cells[0]]
    sizes = sorted({session.plans[cell].train_images or data.TRAINED_IMAGES for cell in cells})
    images = " or ".join(f"{size:,}" for size in sizes)
    return (
        f"{session.profile}: {images} {DATASETS[plan.dataset]} training images at {plan.image_size} px;"
        f" {', '.join(devices)}; {session.machine.name}"
    )


def device_warning(session: Session) -> list[str]:
    """A warning where auto gave the frameworks different devices."""
    devices = {cell.framework: cell.device for cell in session.plans}
    if len(set(devices.values())) == 1:
        return []
    found = " and ".join(f"{framework} {device}" for framework, device in devices.items())
    return [f"note: {found}: set side by side they compare devices, not frameworks"]


def resumed_from(session: Session) -> list[str]:
    """Which session is gone on with and what of it was damaged, or which might be."""
    if earlier := session.log.earlier:
        return [earlier.line(), *earlier.problems]
    return [session.unfinished_session] if session.unfinished_session else []


def accepted_differences(session: Session) -> list[str]:
    """What is not as it was when the session began, and was accepted."""
    accepted = session.log.accepted
    return [f"resumed anyway, though not all is as it was: {what}" for what in accepted]


def cell_lines(session: Session) -> list[str]:
    """The picked cells, and what is left to be done of each."""
    return [f"  {cell.id}{_state(session, cell)}" for cell in session.picked]


def _state(session: Session, cell: Cell) -> str:
    if session.skip_reason(cell):
        return " (will be skipped)"
    run = session.log.run_of(cell)
    if run is None or not (run.result or run.interrupted):
        return ""
    if run.result:
        return " (done)"
    epochs = len(run.epochs)
    return f" (cut off after epoch {epochs})" if epochs else " (cut off before its first epoch ended)"


def expected_seconds(session: Session) -> float:
    """A rough guess, before anything was measured."""
    able = [cell for cell in session.picked if session.skip_reason(cell) is None]
    left = [cell for cell in able if not session.log.is_done(cell)]
    return sum(grid.expected_seconds(cell, session.plans[cell]) for cell in left)


def resume_hint(session: Session) -> list[str]:
    """The line that resumes, where a cell has no result, or one that stands in no file."""
    unfinished = session.unfinished()
    results = {run.cell.id for run in session.runs if run.result}
    lost = sorted(results - session.log.in_file)
    lines = [
        f"{what}: {', '.join(cells) if len(cells) < 4 else f'{len(cells)} cells'}."
        for what, cells in (("no result yet", unfinished), ("in no result file yet", lost))
        if cells
    ]
    named = f"--machine {session.machine.name}" if session.options.machine else ""
    make = f'make resume ARGS="{named}"' if named else "make resume"
    go_on = f"To go on:  {' '.join(['pytest bench --resume', named]).strip()}  (or: {make})"
    return [" ".join([*lines, go_on])] if lines else []
