"""`python -m bench.report_cost FILE`: the time and memory of a report of many copies of one file."""

from __future__ import annotations

import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.paths import ROOT
from bench.records import derive
from bench.records.cell_recipe import recipe_of
from bench.records.checksum import run_checksum
from bench.records.codec import build
from bench.records.consistency import peak_and_energy_figures, rate_figures
from bench.records.early_stopping import converged_at, training_end
from bench.records.read import UnreadableFile, load, read
from bench.records.types import SCHEMA_VERSION, Cell, Plan
from bench.records.upgrade import file_version, upgraded

MAX_SECONDS, MAX_BYTES = 20.0, 1e9
"""The limits of an HTML report of 1,000 files of 20 epochs."""
EPOCHS = 20


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one report: wall time and the process's peak resident memory."""

    files: int
    seconds: float
    peak_bytes: int


def template(content: Any, epochs: int = EPOCHS) -> Any:
    """A file with only the first complete run, repeated or cut to `epochs` epochs.

    Raises UnreadableFile if there is no run with a result.
    """
    if not any(run.result for run in load(content).runs if run.benchmark):
        raise UnreadableFile("it has no complete run to copy")
    content = upgraded(content, file_version(content))
    run = copy.deepcopy(content["benchmarks"][0]["extra_info"])
    # With so much patience they end training, whatever their losses are.
    run["plan"] |= {"epochs": epochs, "patience": epochs}
    cell, plan = build(Cell, run["cell"]), build(Plan, run["plan"])
    recipe, saved = recipe_of(cell, plan), run["epochs"]
    stages = [recipe.stage_index(number) for number in range(1, epochs + 1)]
    run["epochs"] = [
        saved[min(place, len(saved) - 1)]
        | {
            "epoch": place + 1,
            "stage": stage + 1,
            "learning_rate": recipe.stages[stage].learning_rate,
        }
        for place, stage in enumerate(stages)
    ]
    return {
        "schema": SCHEMA_VERSION,
        "machine_info": {"machine": content["machine_info"]["machine"]},
        "benchmarks": [{"extra_info": run}],
        "failures": [],
        "skipped": [],
        "interruptions": [],
    }


def copies(original: Any, files: int, machines: int) -> Iterator[Any]:
    """Copies that differ in machine name, seed and epoch times, each with its own checksum."""
    for number in range(files):
        content = copy.deepcopy(original)
        machine, run = content["machine_info"]["machine"], content["benchmarks"][0]["extra_info"]
        machine["name"] = f"machine {number % machines:04}"
        run["cell"]["seed"] = number // machines
        for epoch in run["epochs"]:
            epoch["train_seconds"] *= 1 + (number * 7 + epoch["epoch"]) % 10 / 100
        run["result"] |= _figures(content)
        run["checksum"] = run_checksum(run, machine)
        yield content


def _figures(content: Any) -> dict[str, Any]:
    """The fields of the result that follow from the epochs."""
    (run,) = load(content).runs
    assert run.start
    assert run.result
    end = training_end(run.recipe, run.net.classes, run.epochs)
    figures = rate_figures(run, run.start, run.result)
    figures |= peak_and_energy_figures(run, end.best_epoch)
    drift = {name.removeprefix("drift."): figures.pop(name) for name in [*figures] if "drift." in name}
    return figures | {
        "drift": drift,
        "epochs": len(run.epochs),
        "best_epoch": end.best_epoch,
        "stopped": end.stopped,
        "converged_at": converged_at(end.best_epoch, end.stopped),
        "total_seconds": derive.recorded_seconds(run.epochs) + 60.0,
    }


def measure_cost(folder: Path, files: int) -> Cost:
    """The cost of an HTML report, written in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "reports", str(folder), "--format", "html"]
    with tempfile.TemporaryDirectory() as out:
        start = perf_counter()
        child = subprocess.Popen([*command, "--out", out], cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, kilobytes on Linux
    return Cost(files=files, seconds=seconds, peak_bytes=usage.ru_maxrss * unit)


def costs(original: Any, file_counts: Sequence[int], machines: int | None) -> Iterator[Cost]:
    """The cost at each number of files; without `machines`, each file has its own machine."""
    for files in file_counts:
        with tempfile.TemporaryDirectory() as folder:
            for number, content in enumerate(copies(original, files, machines or files)):
                (Path(folder) / f"{number:06}.json").write_text(json.dumps(content), encoding="ascii")
            yield measure_cost(Path(folder), files)


def cost_table(measured: Sequence[Cost]) -> Table:
    """One row per number of files, with the time that each further file adds to the row before."""
    table = Table("files", "seconds", "peak MB", "ms per further file", box=None)
    for before, cost in zip([None, *measured], measured, strict=False):
        slope = "–"
        if before is not None and cost.files > before.files:
            slope = f"{1000 * (cost.seconds - before.seconds) / (cost.files - before.files):.1f}"
        table.add_row(f"{cost.files:,}", f"{cost.seconds:.1f}", f"{cost.peak_bytes / 1e6:,.0f}", slope)
    return table


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if up to 1,000 files stay within the limits, 1 if not, 2 for an unreadable file."""
    parser = argparse.ArgumentParser(prog="python -m bench.report_cost", description=__doc__)
    parser.add_argument("file", type=Path, help="a saved .json whose first run is copied")
    parser.add_argument("--files", type=int, nargs="+", default=[1, 100, 300, 1000], metavar="N")
    parser.add_argument("--machines", type=int, metavar="N", help="default: one per file")
    options, console = parser.parse_args(arguments), Console()
    try:
        original = template(read(options.file))
    except UnreadableFile as error:
        console.print(Text(f"{options.file}: {error}"))
        return 2
    measured = list(costs(original, sorted(options.files), options.machines))
    console.print(cost_table(measured))
    last = measured[-1]
    return int(last.files <= 1000 and (last.seconds > MAX_SECONDS or last.peak_bytes > MAX_BYTES))


if __name__ == "__main__":
    sys.exit(main())
