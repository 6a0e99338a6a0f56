"""Checks saved result files against what is in them alone: `python -m bench.check FILE…`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from alexnet.terminal import accept_all_letters
from bench.check.precision import unlike_precisions
from bench.check.rules import sentences, violations
from bench.check.start import MAX_DRAWN_PARAMETERS
from bench.records.consistency import PRECONDITIONS
from bench.records.read import LoadedFile, LoadedRun, Problems, UnreadableFile, load, read
from bench.records.words import warning_text
from bench.records.write import rejection_text

MAX_SENTENCES, MAX_CHARACTERS = 100, 600
"""Per kind of sentence in one file, and per sentence: a hostile file must not flood the screen."""


def report(file: LoadedFile, found_violations: Sequence[str]) -> list[str]:
    """The heading of one file, its violations, and its invalid, failed and skipped runs and warnings."""
    failed = [run for run in file.runs if run.failure]
    invalid = [run for run in file.runs if not run.failure and run.verdict.validity == "invalid"]
    valid = len(file.runs) - len(failed) - len(invalid)
    count = len(found_violations)
    outcome = f"{count} violation{'s' * (count != 1)}" if count else "all of it holds"
    heading = (
        f"{file.machine}: {len(file.runs)} run{'s' * (len(file.runs) != 1)}: {valid} valid,"
        f" {len(invalid)} invalid, {len(failed)} failed; {len(file.skipped)} skipped; {outcome}"
    )
    cells_by_warning: dict[str, list[str]] = {}
    for run in file.runs:
        for warning in (*map(warning_text, run.verdict.warnings), *not_checked(run)):
            cells_by_warning.setdefault(warning, []).append(run.cell.id)
    sentences_by_kind = {
        "violation": list(found_violations),
        "invalid": [f"{run.cell.id}: {rejection_text(run)}" for run in invalid],
        "failed": [f"{run.cell.id}: {run.failure.reason}" for run in failed if run.failure],
        "skipped": [f"{skip.cell.id}: {skip.reason}" for skip in file.skipped],
        "warning": [
            *unlike_precisions(file),
            *(f"{', '.join(cells)}: {warning}" for warning, cells in cells_by_warning.items()),
        ],
    }
    lines = [heading]
    for kind, listed in sentences_by_kind.items():
        lines += [f"  {kind}: {sentence}" for sentence in listed[:MAX_SENTENCES]]
        if (more := len(listed) - MAX_SENTENCES) > 0:
            lines.append(f"  {kind}: and {more:,} more")
    return lines


def not_checked(run: LoadedRun) -> Problems:
    """A warning for what this program left unchecked in the run."""
    if not sentences(PRECONDITIONS, run) and run.net.parameters > MAX_DRAWN_PARAMETERS:
        yield f"its first weights were not drawn again: {run.net.parameters:,} are too many"


def printable(text: str) -> str:
    """The text as one safe line: control characters are escaped, since the file is not trusted."""
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}…"
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    encoding = sys.stdout.encoding or "utf8"
    return plain.encode(encoding, "backslashreplace").decode(encoding)


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 if every file holds, 1 for a violation, 2 for a file that cannot be read."""
    accept_all_letters()
    parser = argparse.ArgumentParser(
        prog="python -m bench.check",
        description=__doc__,
        epilog="Exit status: 0 if nothing is wrong, 1 if something is, 2 if a file cannot be read.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a saved .json")
    status = 0
    for path in parser.parse_args(arguments).files:
        try:
            file = load(read(path))
        except UnreadableFile as error:
            status, lines = 2, [str(error)]
        else:
            found_violations = violations(file)
            status, lines = max(status, int(bool(found_violations))), report(file, found_violations)
        text = "\n".join(printable(line) for line in [f"{path}: {lines[0]}", *lines[1:]])
        sys.stdout.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
