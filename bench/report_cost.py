"""What a report of many files costs: one saved file many times over, written up by the clock."""

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
from bench.records.checksum import run_checksum
from bench.records.read import UnreadableFile, load, read

MOST_SECONDS, MOST_BYTES = 20.0, 1e9
"""What 1,000 files of 20 epochs may cost to HTML."""
EPOCHS = 20


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one report took: wall clock and the process's largest resident memory."""

    files: int
    seconds: float
    peak_bytes: int


def template(content: Any, epochs: int = EPOCHS) -> Any:
    """The file with its first complete run alone, stretched or cut to so many epochs.

    Raises Unreadable where it has no run with a result.
    """
    if not any(run.result for run in load(content).runs if run.benchmark):
        raise UnreadableFile("it has no complete run that could be multiplied")
    run = copy.deepcopy(content["benchmarks"][0]["extra_info"])
    given = run["epochs"]
    run["epochs"] = [
        given[min(number, len(given) - 1)] | {"epoch": number + 1} for number in range(epochs)
    ]
    run["result"] |= {"epochs": epochs, "best_epoch": epochs}
    run["plan"]["epochs"] = max(run["plan"]["epochs"], epochs)
    return {
        "machine_info": {"machine": content["machine_info"]["machine"]},
        "benchmarks": [{"extra_info": run}],
        "failures": [],
        "skipped": [],
        "interruptions": [],
    }


def multiplied(one: Any, files: int, machines: int) -> Iterator[Any]:
    """So many files that differ: in their machine's name, or in their seed, each sealed anew."""
    for number in range(files):
        content = copy.deepcopy(one)
        machine, run = content["machine_info"]["machine"], content["benchmarks"][0]["extra_info"]
        machine["name"] = f"machine {number % machines:04}"
        run["cell"]["seed"] = number // machines
        for epoch in run["epochs"]:
            epoch["train_seconds"] *= 1 + (number * 7 + epoch["epoch"]) % 10 / 100
        run["seal"] = run_checksum(run, machine)
        yield content


def cost(folder: Path, files: int) -> Cost:
    """Writes the report of a folder as HTML, in a process of its own. Raises CalledProcessError."""
    command = [sys.executable, "-m", "reports", str(folder), "--format", "html"]
    with tempfile.TemporaryDirectory() as out:
        began = perf_counter()
        child = subprocess.Popen([*command, "--out", out], cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kilobytes on Linux
    return Cost(files=files, seconds=seconds, peak_bytes=usage.ru_maxrss * unit)


def costs(one: Any, numbers: Sequence[int], machines: int | None) -> Iterator[Cost]:
    """The cost at each number of files, on so many machines, or each on its own where that is None."""
    for files in numbers:
        with tempfile.TemporaryDirectory() as folder:
            for number, content in enumerate(multiplied(one, files, machines or files)):
                (Path(folder) / f"{number:06}.json").write_text(json.dumps(content), encoding="ascii")
            yield cost(Path(folder), files)


def table(found: Sequence[Cost]) -> Table:
    """One line a number of files, and what a further file costs against the line before."""
    grid = Table("files", "seconds", "peak MB", "ms a further file", box=None)
    for before, each in zip([None, *found], found, strict=False):
        more = "–"
        if before is not None and each.files > before.files:
            more = f"{1000 * (each.seconds - before.seconds) / (each.files - before.files):.1f}"
        grid.add_row(f"{each.files:,}", f"{each.seconds:.1f}", f"{each.peak_bytes / 1e6:,.0f}", more)
    return grid


def main(arguments: list[str] | None = None) -> int:
    """0 where 1,000 files stay within their limits, 1 where they do not, 2 for a file that is none."""
    parser = argparse.ArgumentParser(prog="python -m bench.report_cost", description=__doc__)
    parser.add_argument("file", type=Path, help="a saved .json whose first run is multiplied")
    parser.add_argument("--files", type=int, nargs="+", default=[1, 100, 300, 1000], metavar="N")
    parser.add_argument("--machines", type=int, metavar="N", help="default: each file its own")
    asked, console = parser.parse_args(arguments), Console()
    try:
        one = template(read(asked.file))
    except UnreadableFile as error:
        console.print(Text(f"{asked.file}: {error}"))
        return 2
    found = list(costs(one, sorted(asked.files), asked.machines))
    console.print(table(found))
    most = found[-1]
    return int(most.files <= 1000 and (most.seconds > MOST_SECONDS or most.peak_bytes > MOST_BYTES))


if __name__ == "__main__":
    sys.exit(main())
