"""The rules for a saved file, in the order in which they are applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.check.across_runs import (
    cells_are_unique,
    one_computer,
    one_run_at_a_time,
    same_batches,
    same_first_weights_and_batch,
    same_images,
    same_tensors_of_a_weights_file,
)
from bench.check.epochs import (
    epoch_fields_are_consistent,
    first_steps_are_of_a_process,
    rounds_match_the_epochs,
    times_are_in_order,
    warm_ups_match_the_interruptions,
)
from bench.check.integrity import checksum_matches, run_is_in_the_right_list, verdict_follows
from bench.check.precision import precision_follows_from_the_arithmetic
from bench.check.required_checks import required_checks_are_present
from bench.check.result import (
    memory_and_power_are_plausible,
    no_faster_than_the_device,
    pictures_are_test_images,
    step_fields_are_consistent,
)
from bench.check.start import every_tensor_was_transferred, first_weights_match_the_seed, names_agree
from bench.records.consistency import FIGURES, OF_VALID_RUNS, PRECONDITIONS, Rule
from bench.records.read import LoadedFile, LoadedRun, Problems

FileRule = Callable[[LoadedFile], Problems]

ALWAYS: tuple[Rule, ...] = (checksum_matches, verdict_follows, run_is_in_the_right_list)
DERIVED: tuple[Rule, ...] = (
    *FIGURES,
    *OF_VALID_RUNS,
    names_agree,
    first_weights_match_the_seed,
    every_tensor_was_transferred,
    epoch_fields_are_consistent,
    pictures_are_test_images,
    step_fields_are_consistent,
    memory_and_power_are_plausible,
    no_faster_than_the_device,
    rounds_match_the_epochs,
    warm_ups_match_the_interruptions,
    first_steps_are_of_a_process,
    times_are_in_order,
    required_checks_are_present,
    precision_follows_from_the_arithmetic,
)
"""They can be applied only to a run in which the PRECONDITIONS find nothing."""
RULES = (*ALWAYS, *PRECONDITIONS, *DERIVED)
FILE_RULES: tuple[FileRule, ...] = (
    cells_are_unique,
    same_images,
    same_first_weights_and_batch,
    same_tensors_of_a_weights_file,
    same_batches,
    one_computer,
    one_run_at_a_time,
)


def violations(file: LoadedFile) -> list[str]:
    """What could not be loaded, then what each rule finds; a sentence on a run begins with its cell."""
    problems = [problem.text for problem in file.problems]
    for run in file.runs:
        always, preconditions = sentences(ALWAYS, run), sentences(PRECONDITIONS, run)
        derived = [] if preconditions else sentences(DERIVED, run)
        problems += [f"{run.cell.id}: {sentence}" for sentence in (*always, *preconditions, *derived)]
    return problems + [sentence for rule in FILE_RULES for sentence in rule(file)]


def sentences(rules: Sequence[Rule], run: LoadedRun) -> list[str]:
    """What these rules find wrong with one run."""
    return [sentence for rule in rules for sentence in rule(run)]
