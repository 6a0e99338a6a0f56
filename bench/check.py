"""Vets saved result files from what stands in them alone: `python -m bench.check FILE…`."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from bench.check_runs import (
    checks_were_asked,
    checksum_fits,
    nothing_is_missing,
    plan_makes_a_run,
    rounds_are_the_epochs,
    stands_in_its_place,
    time_went_on,
    verdict_follows,
)
from bench.check_start import (
    MOST_DRAWN,
    first_weights_are_the_seeds,
    names_agree,
    network_is_the_experiments,
)
from bench.check_training import (
    end_follows_from_the_epochs,
    epochs_are_measured_as_they_can_be,
    epochs_are_the_recipes,
    figures_are_the_confusions,
    no_faster_than_the_device,
    peaks_and_joules_follow_from_the_epochs,
    pictures_are_test_images,
    rates_follow_from_the_epochs,
    total_holds_all_epochs,
    warm_ups_are_the_processes_firsts,
)
from bench.ranges import figures_in_range
from bench.saved import LoadedFile, LoadedRun, Problems, UnreadableFile, load, read

Rule = Callable[[LoadedRun], Problems]
FileRule = Callable[[LoadedFile], Problems]


def each_cell_stands_once(saved: LoadedFile) -> Problems:
    """No cell is there twice, run or skipped."""
    cells = [run.cell.id for run in saved.runs] + [skip.cell.id for skip in saved.skipped]
    twice = [cell for cell, times in Counter(cells).items() if times > 1]
    yield from (f"{cell}: cell stands in this file more than once" for cell in twice)


Key = TypeVar("Key")


def _differing(
    runs: Sequence[LoadedRun], key: Callable[[LoadedRun], Key], field: str, where: str
) -> Problems:
    """Runs with the same key as one before them, and another value of the field."""
    firsts: dict[Key, LoadedRun] = {}
    value = attrgetter(field)
    for run in runs:
        first = firsts.setdefault(key(run), run)
        if value(run) != value(first):
            yield f"{run.cell.id}: {field} is not that of {first.cell.id}, and {where} the same"


def same_images(saved: LoadedFile) -> Problems:
    """Whoever trained on the same data with the same split saw the same bytes."""

    def key(run: LoadedRun) -> tuple[Any, ...]:
        plan = run.plan
        return plan.dataset, run.cell.seed, plan.train_images, plan.test_images

    where = "dataset, seed and numbers of images are"
    yield from _differing([run for run in saved.runs if run.start], key, "start.data_sha256", where)
    shown = [run for run in saved.runs if run.result and run.result.pictures]
    for field in ("positions", "pixels", "labels"):
        yield from _differing(shown, key, f"result.pictures.{field}", where)


def same_beginning(saved: LoadedFile) -> Problems:
    """Both frameworks began with the same weights and the same batch; invalid runs say so themselves."""
    runs = [r for r in saved.runs if r.verdict.validity == "valid" and r.start and r.gate]

    def key(run: LoadedRun) -> tuple[Any, ...]:
        return run.cell.experiment, run.cell.seed, run.plan

    for field in ("start.weights_sha256", "gate.batch_sha256"):
        yield from _differing(runs, key, field, "experiment, seed and plan are")


ALWAYS: tuple[Rule, ...] = (checksum_fits, verdict_follows, stands_in_its_place)
BOUNDS: tuple[Rule, ...] = (figures_in_range, plan_makes_a_run, nothing_is_missing)
"""Where one of these finds something, DERIVED cannot be asked."""
DERIVED: tuple[Rule, ...] = (
    network_is_the_experiments,
    names_agree,
    first_weights_are_the_seeds,
    epochs_are_the_recipes,
    epochs_are_measured_as_they_can_be,
    end_follows_from_the_epochs,
    figures_are_the_confusions,
    pictures_are_test_images,
    rates_follow_from_the_epochs,
    peaks_and_joules_follow_from_the_epochs,
    total_holds_all_epochs,
    no_faster_than_the_device,
    rounds_are_the_epochs,
    warm_ups_are_the_processes_firsts,
    time_went_on,
    checks_were_asked,
)
RULES = (*ALWAYS, *BOUNDS, *DERIVED)
FILE_RULES: tuple[FileRule, ...] = (each_cell_stands_once, same_images, same_beginning)


def violations(saved: LoadedFile) -> list[str]:
    """Every sentence that every rule has to say, each with its cell."""
    found = list(saved.problems)
    for run in saved.runs:
        always, bounds = _asked(ALWAYS, run), _asked(BOUNDS, run)
        derived = [] if bounds else _asked(DERIVED, run)
        found += [f"{run.cell.id}: {sentence}" for sentence in (*always, *bounds, *derived)]
    return found + [sentence for rule in FILE_RULES for sentence in rule(saved)]


def _asked(rules: Sequence[Rule], run: LoadedRun) -> list[str]:
    return [sentence for rule in rules for sentence in rule(run)]


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
        prog="python -m bench.check",
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
