"""Vets saved result files from what stands in them alone: `python -m bench.check FILE…`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.check.rules import BOUNDS, _asked, violations
from bench.check.start import (
    MOST_DRAWN,
)
from bench.records.read import LoadedFile, LoadedRun, Problems, UnreadableFile, load, read

MOST_SHOWN, MOST_LETTERS = 100, 600
"""Of one file's sentences of a kind, and of one sentence: whoever sent it does not fill the screen."""


def report(saved: LoadedFile, found: Sequence[str]) -> list[str]:
    """The heading of one file, its violations, and what stands in it without being one."""
    failed = [run for run in saved.runs if run.failure]
    invalid = [run for run in saved.runs if not run.failure and run.verdict.validity == "invalid"]
    valid = len(saved.runs) - len(failed) - len(invalid)
    holds = f"{len(found)} violation{'s' * (len(found) != 1)}" if found else "all of it holds"
    heading = (
        f"{saved.machine}: {len(saved.runs)} run{'s' * (len(saved.runs) != 1)}: {valid} valid,"
        f" {len(invalid)} invalid, {len(failed)} failed; {len(saved.skipped)} skipped; {holds}"
    )
    warned: dict[str, list[str]] = {}
    for run in saved.runs:
        for warning in (*run.verdict.warnings, *not_checked(run)):
            warned.setdefault(warning, []).append(run.cell.id)
    listed = {
        "violation": list(found),
        "invalid": [f"{run.cell.id}: {'; '.join(run.verdict.reasons)}" for run in invalid],
        "failed": [f"{run.cell.id}: {run.failure.reason}" for run in failed if run.failure],
        "skipped": [f"{skip.cell.id}: {skip.reason}" for skip in saved.skipped],
        "warning": [f"{', '.join(cells)}: {warning}" for warning, cells in warned.items()],
    }
    lines = [heading]
    for kind, sentences in listed.items():
        lines += [f"  {kind}: {sentence}" for sentence in sentences[:MOST_SHOWN]]
        if (more := len(sentences) - MOST_SHOWN) > 0:
            lines.append(f"  {kind}: and {more:,} more")
    return lines


def not_checked(run: LoadedRun) -> Problems:
    """What a reader should know that no rule has asked."""
    if not _asked(BOUNDS, run) and run.net.parameters > MOST_DRAWN:
        yield f"its first weights were not drawn again: {run.net.parameters:,} are too many"


def printable(text: str) -> str:
    """One line that a terminal takes for text: a file that somebody sent may hold anything else."""
    if len(text) > MOST_LETTERS:
        text = f"{text[:MOST_LETTERS]}…"
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    encoding = sys.stdout.encoding or "utf8"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def main(arguments: list[str] | None = None) -> int:
    """0 where all files hold, 1 where something does not, 2 where one cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.check.rules",
        description=__doc__,
        epilog="Exit status: 0 all files hold, 1 a violation, 2 a file that cannot be read.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a saved .json")
    status = 0
    for path in parser.parse_args(arguments).files:
        try:
            saved = load(read(path))
        except UnreadableFile as error:
            status, lines = 2, [str(error)]
        else:
            found = violations(saved)
            status, lines = max(status, int(bool(found))), report(saved, found)
        text = "\n".join(printable(line) for line in [f"{path}: {lines[0]}", *lines[1:]])
        sys.stdout.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
