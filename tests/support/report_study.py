"""Studies of saved files, for tests of the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.records.types import Machine
from reports.data.frame import frames
from reports.data.sources import gather
from reports.study.compare import Study, study
from tests.support.report_files import ANNA, content_of, write

HOSTILE = (
    *(
        "$x^2$ and $\\frac{a}{b",
        '<b>bold</b> & "q" --> x',
        "机器学习电脑",
        "机器学习机器",
        "{braces} {0}",
    ),
    *(
        "line\nbreak",
        "a very very long machine name of 1",
        "a very very long machine name of 2",
        "$",
        "🚀",
    ),
    *("%s %d", "\\alpha_{", "mac-1", "mac-2"),
)
"""Names of machines that a plot, a page or a font may stumble over."""


def study_of(folder: Path, baseline: str | None = None) -> Study:
    """What is judged of all files of a folder."""
    return study(frames(gather([str(folder)])), baseline)


def saved(
    folder: Path, *files: tuple[Machine, Sequence[dict[str, Any]]], baseline: str | None = None
) -> Study:
    """The study of a folder that has got these files, each with the runs of a machine."""
    for number, (machine, runs) in enumerate(files):
        write(folder, f"{number:03}.json", content_of(machine, runs))
    return study_of(folder, baseline)


def saved_runs(folder: Path, *runs: dict[str, Any], machine: Machine = ANNA) -> Study:
    """The study of a folder that has got a file with these runs of a machine."""
    write(folder, f"{machine.name}/0001.json", content_of(machine, runs))
    return study_of(folder)
