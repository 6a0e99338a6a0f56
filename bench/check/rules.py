"""The rules that a saved file is held against, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.check.checks import checks_were_asked
from bench.check.epochs import (
    epochs_are_measured_as_they_can_be,
    epochs_are_the_recipes,
    rounds_are_the_epochs,
    time_went_on,
    total_holds_all_epochs,
    warm_ups_are_the_processes_firsts,
)
from bench.check.file import each_cell_stands_once, same_beginning, same_images
from bench.check.run import (
    checksum_fits,
    nothing_is_missing,
    plan_makes_a_run,
    stands_in_its_place,
    verdict_follows,
)
from bench.check.start import (
    first_weights_are_the_seeds,
    names_agree,
    network_is_the_experiments,
)
from bench.check.training import (
    end_follows_from_the_epochs,
    figures_are_the_confusions,
    no_faster_than_the_device,
    peaks_and_joules_follow_from_the_epochs,
    pictures_are_test_images,
    rates_follow_from_the_epochs,
)
from bench.records.ranges import figures_in_range
from bench.records.read import LoadedFile, LoadedRun, Problems

Rule = Callable[[LoadedRun], Problems]
FileRule = Callable[[LoadedFile], Problems]


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
