"""The summary at the end: the table, and what failed, was skipped or was not measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bench.doctor.findings import Finding
from bench.plugin import header
from bench.records import derive, diff
from bench.records.precision import cells_by_precision
from bench.records.run import SessionRun
from bench.records.types import Result, Run
from bench.records.upgrade import upgraded_run
from bench.records.words import precisions_text, reads_text, warning_text
from bench.records.write import extra_info, rejection_text
from bench.session.session import Session

LEGEND = {
    "s/epoch": "median over the same epochs as images/s",
    "images/s": (
        "median over the epochs that count (of the last stage, after its warm-up), without disturbed"
        " ones"
    ),
    "disturbed": (
        "how many of the epochs that count were disturbed: by other programs, a virtual machine's host,"
        " others on the GPU, or sleep"
    ),
    "input %": (
        "the last undisturbed epoch's images/s as a share of the speed of the same step on a batch"
        " already on the device. Near 100, loading images costs nothing. A dash: every try at that step"
        " was disturbed"
    ),
    "roofline %": (
        "FLOP/s as a share of the most that the roofline measured here allows (model FLOPs"
        " utilisation, MFU, against a measured peak)"
    ),
    "drift": "change of speed from the first third of the epochs to the last",
    "MB": (
        "peak host memory in training, less what importing the framework took, + a graphics card's own"
        " memory"
    ),
    "J/image": "energy of processor and GPU, idle draw included",
    "M": "million parameters",
    "test %": "accuracy of the best validation epoch's weights",
    "converged": "the best epoch, where patience ended the run; not yet: the limit of epochs came first",
}
Figures = dict[str, str]
DASH = "–"
TABLE_WIDTH = 200
"""Columns of a terminal: more than the table has."""
MINOR = ("M", "roofline %", "drift", "input %", "disturbed", "s/epoch", "J/image", "converged")
"""The columns that a narrow terminal goes without, the first one first."""


def summary_text(session: Session, *, width: int, colour: bool, is_terminal: bool) -> str:
    """Conditions, table and legend, for pytest's own terminal writer.

    Words are wrapped to the width. In a terminal the table goes without minor columns where it would be
    wider, since a row that is wrapped is hard to read. Elsewhere it is as wide as its figures.
    """
    console = Console(width=width, force_terminal=colour, no_color=not colour, highlight=False)
    table, without = summary_table(session), list[str]()
    if is_terminal:
        table, without = _fitting_table(session, console)
    below = legend(table)
    if without:
        below += f"\nin a wider window, and in the report: {', '.join(without)}"
    with console.capture() as capture:
        console.print(Text(conditions(session), style="bold"))
        console.width = max(width, TABLE_WIDTH)
        console.print(table)
        console.width = width
        console.print(Text(below, style="italic"))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def _fitting_table(session: Session, console: Console) -> tuple[Table, list[str]]:
    """The table without as many minor columns as the console has no room for, and their names."""
    whole = table = summary_table(session)
    options = console.options.update(width=TABLE_WIDTH)
    for count in range(1, len(MINOR) + 1):
        if Measurement.get(console, options, table).maximum <= console.width:
            break
        table = summary_table(session, without=MINOR[:count])
    return table, [name for name in _names(whole) if name not in _names(table)]


def conditions(session: Session) -> str:
    """What was measured on what, and how exactly it computed."""
    return (
        f"{header.conditions_line(session)}\ndata: {header.data_line(session)}"
        f"{_precision_line(_in_order(session))}"
    )


def legend(table: Table) -> str:
    """What the table's columns mean, a line each."""
    return "\n".join(f"{name}: {LEGEND[name]}" for name in _names(table) if name in LEGEND)


def _names(table: Table) -> list[str]:
    return [str(column.header) for column in table.columns]


def summary_table(session: Session, *, without: Collection[str] = ()) -> Table:
    """One row per cell. A column without any figure is left out, and so are those named."""
    rows = {run.cell.id: _figures(run) for run in _in_order(session)}
    columns = dict.fromkeys(
        column
        for row in rows.values()
        for column, text in row.items()
        if text != DASH and column not in without
    )
    table = Table(box=None)
    for column in ("cell", *(columns or ["epochs"])):
        table.add_column(column, justify="left" if column == "cell" else "right", no_wrap=True)
    for cell, row in rows.items():
        table.add_row(cell, *(row.get(column, "") for column in columns))
    for skipped in session.skipped:
        table.add_row(skipped.cell.id, "skipped")
    return table


def _in_order(session: Session) -> list[SessionRun]:
    """The runs in the grid's order. A resumed session has run some of them earlier."""
    order = list(session.plans)
    return sorted(session.runs, key=lambda run: order.index(run.cell))


def _figures(run: Run) -> Figures:
    """Column -> text of one run. Without figures, the first column says how the run ended."""
    if not run.complete or run.result is None or run.start is None:
        return {"epochs": "invalid" if run.result else "failed"}
    result, device = run.result, run.cell.device
    steady, disturbed = (
        derive.steady_epochs(run.epochs),
        derive.disturbed_epochs(run.epochs, device),
    )
    seconds = [epoch.train_seconds for epoch in derive.undisturbed_epochs(run.epochs, device)]
    steps_disturbed = derive.step_disturbances(result, device)
    return {
        "epochs": str(result.epochs),
        "s/epoch": f"{median(seconds):.2f}",
        "disturbed": f"{len(disturbed)} of {len(steady)}" if disturbed else DASH,
        "images/s": f"{result.epoch_images_per_second:,.0f}",
        "input %": DASH if steps_disturbed else f"{100 * result.pipeline_ratio:.0f}",
        "roofline %": _or_dash(result.roofline_share and 100 * result.roofline_share, "{:.0f}"),
        "drift": _or_dash(result.drift.drift, "{:+.0%}"),
        "MB": _peak_memory(run),
        "J/image": _or_dash(result.joules_per_image, "{:.2f}"),
        "M": f"{run.start.parameters / 1e6:.1f}",
        **({} if run.plan.is_for_speed_alone else _learnt(result)),
    }


def _learnt(result: Result) -> Figures:
    return {
        "test %": _or_dash(result.test_accuracy and 100 * result.test_accuracy, "{:.1f}"),
        "converged": f"epoch {result.converged_at}" if result.converged_at else "not yet",
    }


def _precision_line(runs: Sequence[SessionRun]) -> str:
    """How exactly the cells computed, as their gates measured it: once if it was the same for all."""
    cells = cells_by_precision(runs)
    if not cells:
        return ""
    if len(cells) == 1:
        return f"\nprecision as measured: {next(iter(cells))}"
    return f"\nprecision as measured is not the same: {precisions_text(cells)}"


def _or_dash(value: float | None, form: str) -> str:
    return DASH if value is None else form.format(value)


def _peak_memory(run: Run) -> str:
    """The host's growth in MB, and a graphics card's own memory; Apple's GPU shares the host's."""
    assert run.start is not None
    assert run.result is not None
    host, device = run.result.peak_host_bytes, run.result.peak_device_bytes
    growth = None if host is None else host - (run.start.baseline_host_bytes or 0)
    if run.cell.device != "cuda":
        device = None
    return " + ".join(f"{peak / 1e6:,.0f}" for peak in (growth, device) if peak is not None) or DASH


def explanations(session: Session) -> list[str]:
    """Why cells have no figures, with the end of their logs; then warnings and skipped cells."""
    lines, runs = list[str](), _in_order(session)
    for run in runs:
        if not run.complete:
            outcome = "is invalid" if run.result else "failed"
            lines.append(f"{run.cell.id} {outcome}: {rejection_text(run)}")
            if run.failure and run.failure.log_tail:
                lines += [f"    {line}" for line in run.failure.log_tail.splitlines()[-8:]]
    for run in runs:
        warnings = map(warning_text, run.verdict.warnings)
        lines += [f"{run.cell.id}, note: {warning}" for warning in warnings]
    lines += sorted(session.warnings | _unmeasured(session))
    for reason in sorted({skipped.reason for skipped in session.skipped}):
        names = [entry.cell.id for entry in session.skipped if entry.reason == reason]
        lines.append(f"{', '.join(names)} skipped: {reason}")
    return lines


def _unmeasured(session: Session) -> set[str]:
    """Why a meter has no reading, once for all runs."""
    meters = [run.start.meters for run in session.runs if run.start]
    readings = {(name, reads) for by_name in meters for name, reads in by_name.items()}
    return {
        f"{name} not measured: {reads_text(reads)}" for name, reads in readings if not reads.measured
    }


def saved_differences(session: Session, saved: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    """What differs between each run and the saved run of its cell; equal lines are joined.

    `saved` is pytest-benchmark's mapping: file -> full name of a benchmark -> its saved entry.
    """
    cells_by_line: dict[str, list[str]] = {}
    for file, benchmarks in saved.items():
        saved_runs = {
            entry["param"]: upgraded_run(entry["extra_info"])
            for entry in benchmarks.values()
            if isinstance(entry.get("param"), str) and isinstance(entry.get("extra_info"), dict)
        }
        for run in _in_order(session):
            if run.cell.id in saved_runs:
                for difference in diff.diff_runs(extra_info(run), saved_runs[run.cell.id]):
                    line = f"{difference} (in {Path(file).name})"
                    cells_by_line.setdefault(line, []).append(run.cell.id)
    return [f"compared: {line}: {', '.join(cells)}" for line, cells in cells_by_line.items()]


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """The doctor's findings at the start: one line for the problem, one for its fix."""
    lines = []
    for finding in findings:
        if finding.level != "good":
            lines += [f"{finding.level}: {finding.message}", f"    fix: {finding.fix}"]
    return lines
