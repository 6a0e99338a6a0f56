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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alexnet.terminal import accept_all_letters
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

MAX_SECONDS, MAX_SECONDS_AGAIN, MAX_BYTES = 20.0, 10.0, 1e9
"""The limits of an HTML report of 1,000 files of a whole session, the first time and the second."""
SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a report cost: its wall time, the processors' time, and the most memory that it took.

    Both are of all its processes together. The memory that two of them share counts twice.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a report of so many files and runs cost, without what was kept of an earlier one and with."""

    files: int
    runs: int
    first: Cost
    again: Cost


def template(content: Any, epochs: int | None = None) -> Any:
    """A file with only the complete runs, each repeated or cut to `epochs` epochs if that is given.

    Raises UnreadableFile if there is no run with a result.
    """
    complete = [run.result is not None for run in load(content).runs if run.benchmark is not None]
    if not any(complete):
        raise UnreadableFile("it has no complete run to copy")
    content = upgraded(content, file_version(content))
    entries = [copy.deepcopy(entry["extra_info"]) for entry in content["benchmarks"]]
    runs = [run for run, is_complete in zip(entries, complete, strict=True) if is_complete]
    return {
        "schema": SCHEMA_VERSION,
        "machine_info": {"machine": content["machine_info"]["machine"]},
        "benchmarks": [
            {"extra_info": run if epochs is None else _with_epochs(run, epochs)} for run in runs
        ],
        "failures": [],
        "skipped": [],
        "interruptions": [],
    }


def _with_epochs(run: Any, epochs: int) -> Any:
    """The run with so many epochs, each a copy of the saved one in its place, or of the last."""
    # With so much patience they end training, whatever their losses are.
    run["plan"] |= {"epochs": epochs, "patience": epochs}
    recipe, saved = recipe_of(build(Cell, run["cell"]), build(Plan, run["plan"])), run["epochs"]
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
    return run


def copies(original: Any, files: int, machines: int) -> Iterator[Any]:
    """Copies that differ in machine name, seeds and epoch times, each run with its own checksum."""
    seeds = 1 + max(entry["extra_info"]["cell"]["seed"] for entry in original["benchmarks"])
    for number in range(files):
        content = copy.deepcopy(original)
        machine = content["machine_info"]["machine"]
        machine["name"] = f"machine {number % machines:04}"
        runs = [entry["extra_info"] for entry in content["benchmarks"]]
        for run in runs:
            run["cell"]["seed"] += number // machines * seeds
            for epoch in run["epochs"]:
                factor = 1 + (number * 7 + epoch["epoch"]) % 10 / 100
                epoch["train_seconds"] *= factor
                if epoch["wall_seconds"] is not None:
                    epoch["wall_seconds"] *= factor
        for run, figures in zip(runs, _figures(content), strict=True):
            run["result"] |= figures
            run["checksum"] = run_checksum(run, machine)
        yield content


def _figures(content: Any) -> Iterator[dict[str, Any]]:
    """Of each run the fields of the result that follow from the epochs."""
    for run in load(content).runs:
        assert run.start
        assert run.result
        end = training_end(run.recipe, run.net.classes, run.epochs)
        figures = rate_figures(run, run.start, run.result)
        figures |= peak_and_energy_figures(run, end.best_epoch)
        drift = {
            name.removeprefix("drift."): figures.pop(name) for name in [*figures] if "drift." in name
        }
        yield figures | {
            "drift": drift,
            "epochs": len(run.epochs),
            "best_epoch": end.best_epoch,
            "stopped": end.stopped,
            "converged_at": converged_at(end.best_epoch, end.stopped),
            "total_seconds": derive.recorded_seconds(run.epochs) + 60.0,
        }


def measure_cost(folder: Path, *, cache: Path, options: Sequence[str] = ()) -> Cost:
    """The cost of an HTML report, written in a process of its own. Raises CalledProcessError.

    `cache` is the folder for what is kept of it, and has what was kept of earlier ones.
    """
    command = [sys.executable, "-m", "reports", str(folder), "--format", "html", *options]
    environment = os.environ | {"ALEXNET_REPORT_CACHE": str(cache)}
    with tempfile.TemporaryDirectory() as out:
        start = perf_counter()
        child = subprocess.Popen(
            [*command, "--out", out], cwd=ROOT, stdout=subprocess.DEVNULL, env=environment
        )
        peak = 0
        while (ended := os.wait4(child.pid, os.WNOHANG))[0] == 0:
            peak = max(peak, _resident_bytes(child.pid))
            sleep(SAMPLE_SECONDS)
        seconds = perf_counter() - start
    _, status, usage = ended
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, kilobytes on Linux
    return Cost(
        seconds=seconds,
        processor_seconds=usage.ru_utime + usage.ru_stime,
        peak_bytes=max(peak, usage.ru_maxrss * unit),
    )


def _resident_bytes(pid: int) -> int:
    """The resident memory of a process and of all its children, 0 where it has ended."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += member.memory_info().rss
    return total


def costs(original: Any, file_counts: Sequence[int], machines: int | None) -> Iterator[Costs]:
    """The costs at each number of files; without `machines`, each file has its own machine."""
    for files in file_counts:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            for number, content in enumerate(copies(original, files, machines or files)):
                (Path(folder) / f"{number:06}.json").write_text(json.dumps(content), encoding="ascii")
            first, again = (measure_cost(Path(folder), cache=Path(cache)) for _ in range(2))
        runs = files * len(original["benchmarks"])
        yield Costs(files=files, runs=runs, first=first, again=again)


def cost_table(measured: Sequence[Costs]) -> Table:
    """One row per number of files, with the time that each further file adds to the row before."""
    times = ("first, s", "CPU, s", "peak MB", "ms a file")
    again = ("again, s", "CPU, s", "peak MB")
    table = Table("files", "runs", *times, *again, box=None)
    for before, cost in zip([None, *measured], measured, strict=False):
        slope = "–"
        if before is not None and cost.files > before.files:
            more = cost.first.seconds - before.first.seconds
            slope = f"{1000 * more / (cost.files - before.files):.1f}"
        table.add_row(
            *(f"{cost.files:,}", f"{cost.runs:,}", *_cells(cost.first), slope, *_cells(cost.again))
        )
    return table


def _cells(cost: Cost) -> tuple[str, str, str]:
    return (
        f"{cost.seconds:.1f}",
        f"{cost.processor_seconds:.1f}",
        f"{cost.peak_bytes / 1e6:,.0f}",
    )


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if up to 1,000 files stay within the limits, 1 if not, 2 for an unreadable file."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m bench.report_cost", description=__doc__)
    parser.add_argument("file", type=Path, help="a saved .json whose runs are copied")
    parser.add_argument(
        "--files",
        type=int,
        nargs="+",
        default=[1, 100, 300, 1000],
        metavar="N",
        help="how many copies; default: 1 100 300 1000",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs of each run; default: as saved")
    parser.add_argument(
        "--machines",
        type=int,
        metavar="N",
        help="how many machines the copies are of; default: one per file",
    )
    options, console = parser.parse_args(arguments), Console()
    try:
        original = template(read(options.file), options.epochs)
    except UnreadableFile as error:
        console.print(Text(f"{options.file}: {error}"))
        return 2
    measured = list(costs(original, sorted(options.files), options.machines))
    console.print(cost_table(measured))
    return int(any(too_much(cost) for cost in measured))


def too_much(cost: Costs) -> bool:
    """Whether a report of up to 1,000 files is over the limits."""
    slow = cost.first.seconds > MAX_SECONDS or cost.again.seconds > MAX_SECONDS_AGAIN
    return cost.files <= 1000 and (slow or max(cost.first.peak_bytes, cost.again.peak_bytes) > MAX_BYTES)


if __name__ == "__main__":
    sys.exit(main())
