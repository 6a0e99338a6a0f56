"""What the terminal shows: a progress line for each cell while it runs, and the summary at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.doctor.findings import Finding
from bench.plugin import header
from bench.records import derive, diff
from bench.records.run import Run
from bench.records.write import extra_info, why_unfinished
from bench.session.session import Session

LEGEND = {
    "s/epoch": "median of the last stage's epochs without warm-up, and images/s the same",
    "fed": "images/s as a share of the same step on a batch already on the device",
    "roof": "FLOP/s as a share of the roofline that was measured here",
    "drift": "the last epochs' rate against the first's",
    "MB": "the host's peak over what the framework's import took, + a card's own memory",
    "J/image": "processor and GPU, idle draw included",
    "M": "million parameters",
    "test %": "the best validation epoch's weights",
    "converged": "where patience ran out, else the cap was met first",
}
Figures = dict[str, str]
DASH = "–"


def summary(session: Session) -> Table:
    """One line a cell, with the conditions in the title. A column that nobody measured is left out."""
    order = list(session.plans)
    runs = sorted(session.runs, key=lambda run: order.index(run.cell))
    rows = {run.cell.id: _figures(run) for run in runs}
    columns = dict.fromkeys(c for row in rows.values() for c, text in row.items() if text != DASH)
    table = Table(
        title=escape(f"{header.conditions_line(session)}\ndata: {header.data_line(session)}"),
        title_justify="left",
        title_style="bold",
        caption=". ".join(f"{name}: {LEGEND[name]}" for name in columns if name in LEGEND),
        caption_justify="left",
        box=None,
    )
    for column in ("cell", *(columns or ["epochs"])):
        table.add_column(column, justify="left" if column == "cell" else "right", no_wrap=True)
    for cell, row in rows.items():
        table.add_row(cell, *(row.get(column, DASH if "fed" in row else "") for column in columns))
    for skipped in session.skipped:
        table.add_row(skipped.cell.id, "skipped")
    return table


def _figures(run: Run) -> Figures:
    """Column -> text of one run; in the first column how it ended where it has no figures."""
    if why_unfinished(run) or run.result is None or run.start is None:
        return {"epochs": "invalid" if run.result else "failed"}
    result, steady = run.result, derive.steady_epochs(run.epochs)
    return {
        "epochs": str(result.epochs),
        "s/epoch": f"{median(epoch.train_seconds for epoch in steady):.2f}",
        "images/s": f"{result.epoch_images_per_second:,.0f}",
        "fed": f"{result.pipeline_ratio:.2f}",
        "roof": _or_dash(result.roofline_share, "{:.0%}"),
        "drift": _or_dash(result.drift.drift, "{:+.0%}"),
        "MB": _peaks(run),
        "J/image": _or_dash(result.joules_per_image, "{:.2f}"),
        "M": f"{run.start.parameters / 1e6:.1f}",
        "test %": _or_dash(result.test_accuracy and 100 * result.test_accuracy, "{:.1f}"),
        "converged": f"epoch {result.converged_at}" if result.converged_at else "not yet",
    }


def _or_dash(value: float | None, form: str) -> str:
    return DASH if value is None else form.format(value)


def _peaks(run: Run) -> str:
    """The host's growth, and a card's own memory beside it; Apple's GPU shares the host's."""
    assert run.start is not None
    assert run.result is not None
    host, device = run.result.peak_host_bytes, run.result.peak_device_bytes
    grown = None if host is None else host - (run.start.baseline_host_bytes or 0)
    if run.cell.device != "cuda":
        device = None
    return " + ".join(f"{peak / 1e6:,.0f}" for peak in (grown, device) if peak is not None) or DASH


def explanations(session: Session) -> list[str]:
    """A sentence for each cell that has no figures, with the end of its log where there is one."""
    lines = []
    for run in session.runs:
        if reason := why_unfinished(run):
            lines.append(f"{run.cell.id} {'is invalid' if run.result else 'failed'}: {reason}")
            if run.failure and run.failure.log_tail:
                lines += [f"    {line}" for line in run.failure.log_tail.splitlines()[-8:]]
    for run in session.runs:
        lines += [f"{run.cell.id}, note: {warning}" for warning in run.verdict.warnings]
    lines += sorted(session.warnings | _unmeasured(session))
    for reason in sorted({skipped.reason for skipped in session.skipped}):
        names = [s.cell.id for s in session.skipped if s.reason == reason]
        lines.append(f"{', '.join(names)} skipped: {reason}")
    return lines


def _unmeasured(session: Session) -> set[str]:
    """Why a meter has no reading, once for all runs alike."""
    meters = [run.start.meters for run in session.runs if run.start]
    found = {(name, reads) for each in meters for name, reads in each.items()}
    return {f"{name} {reads}" for name, reads in found if reads.startswith("not measured")}


def saved_differences(session: Session, saved: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    """What differs between each run and the saved one of its cell, said once for all cells alike.

    `saved` is pytest-benchmark's: file -> the benchmark's full name -> what was saved of it.
    """
    found: dict[str, list[str]] = {}
    for file, benchmarks in saved.items():
        theirs = {old.get("param"): old.get("extra_info", {}) for old in benchmarks.values()}
        for run in session.runs:
            if run.cell.id in theirs:
                for line in diff.diff_runs(extra_info(run), theirs[run.cell.id]):
                    found.setdefault(f"{line} (in {Path(file).name})", []).append(run.cell.id)
    return [f"compared: {line}: {', '.join(cells)}" for line, cells in found.items()]


def finding_lines(found: Sequence[Finding]) -> list[str]:
    """What the doctor has to say at the start: one line a finding, and one that mends it."""
    lines = []
    for finding in found:
        if finding.level != "good":
            lines += [f"{finding.level}: {finding.message}", f"    fix: {finding.fix}"]
    return lines


def render(thing: Any, *, width: int, colour: bool) -> str:
    """What rich would print, as text for pytest's own terminal writer."""
    console = Console(width=max(width, 120), force_terminal=colour, no_color=not colour)
    with console.capture() as capture:
        console.print(thing)
    return capture.get()
