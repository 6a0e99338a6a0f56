"""Rules that a run's figures follow from its plan and its epochs, and that they are possible.

`bench.check` and the report apply the same ones. Each gives a sentence for what does not hold, which
begins with the path of the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from msgspec import to_builtins

from alexnet.data import CLASSES
from alexnet.layers import IllegalNetwork
from alexnet.recipe import EXPERIMENTS
from bench.records import derive, plausible
from bench.records.cell_recipe import IllegalPlan, check_plan, images_of, steps_of
from bench.records.clock import parse_time
from bench.records.early_stopping import converged_at, training_end
from bench.records.flops import AchievedSpeed, training_flops
from bench.records.limits import (
    EARLIEST_TIME,
    MAX_CLOCK_AHEAD,
    MAX_PIPELINE_RATIO,
    MAX_ROOFLINE_SHARE,
    MIN_PEAK_SHARE,
)
from bench.records.mismatch import mismatch
from bench.records.protocol import PROTOCOLS
from bench.records.read import LoadedRun, Problems, format_value
from bench.records.types import Result, Start

Rule = Callable[[LoadedRun], Problems]

# Whether the run can be one at all


def plan_can_be_run(run: LoadedRun) -> Problems:
    """The experiment exists, and its network and recipe accept the plan."""
    if run.cell.experiment not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        yield f"cell.experiment is {format_value(run.cell.experiment)}, and there are {known}"
        return
    try:
        check_plan(run.cell, run.plan)
    except (IllegalPlan, IllegalNetwork) as error:
        yield f"plan makes no run: {error}"


def no_part_is_missing(run: LoadedRun) -> Problems:
    """A run with a result has a gate, a start, epochs and both conditions; epochs need a start."""
    if run.result is not None:
        for name in ("gate", "before", "start", "epochs", "after"):
            if not getattr(run, name):
                yield f"{name} is missing in a run that has a result"
    elif run.epochs and run.start is None:
        yield "start is missing in a run that has epochs"


# Its plan and its recipe


def start_follows_from_the_plan(run: LoadedRun) -> Problems:
    """Variant, parameters, FLOPs, numbers of images and steps are those of the cell and its plan."""
    if (start := run.start) is None:
        return
    plan = run.plan
    expected = {
        "variant": EXPERIMENTS[run.cell.experiment].variant,
        "parameters": run.net.parameters,
        "forward_flops": run.net.forward_flops,
        **{f"{name}_images": images for name, images in images_of(plan).items()},
        "steps_per_epoch": steps_of(plan, start.train_images),
    }
    for field, value in expected.items():
        yield from mismatch(f"start.{field}", getattr(start, field), value, by="by cell and plan it is")


def epochs_follow_the_recipe(run: LoadedRun) -> Problems:
    """Epochs are counted from 1 without gaps, each with its stage and learning rate.

    The rates are the protocol's, which are written down apart from the recipe's.
    """
    recipe = run.recipe
    for number, epoch in enumerate(run.epochs, 1):
        if number > recipe.epochs:
            yield f"epochs has {len(run.epochs)}, and plan.epochs is {recipe.epochs}"
            return
        stage = recipe.stage_index(number)
        expected = {
            "epoch": number,
            "stage": stage + 1,
            "learning_rate": PROTOCOLS[run.cell.experiment].learning_rates[stage],
        }
        for field, value in expected.items():
            path = f"epochs[{number - 1}].{field}"
            yield from mismatch(path, getattr(epoch, field), value, by="by the recipe it is")


def epochs_have_all_images(run: LoadedRun) -> Problems:
    """Each epoch trained on all images of its steps."""
    if run.start is None:
        return
    images = run.start.steps_per_epoch * run.plan.batch_size
    for index, epoch in enumerate(run.epochs):
        yield from mismatch(f"epochs[{index}].images", epoch.images, images, by="by the plan it is")


def feeding_is_part_of_the_epoch(run: LoadedRun) -> Problems:
    """No loop waited for its images longer than its epoch took."""
    for index, epoch in enumerate(run.epochs):
        if epoch.feed_seconds is not None and epoch.feed_seconds > epoch.train_seconds:
            yield (
                f"epochs[{index}].feed_seconds is {format_value(epoch.feed_seconds)}, and it is part of"
                f" train_seconds, {format_value(epoch.train_seconds)}"
            )


# What follows from the epochs


def end_follows_from_the_epochs(run: LoadedRun) -> Problems:
    """Best epoch, reason for stopping and convergence follow from the losses of the epochs."""
    end = training_end(run.recipe, run.net.classes, run.epochs)
    if end.epochs < len(run.epochs):
        yield f"epochs goes on after epoch {end.epochs}, where training ends ({end.stopped})"
    elif run.result is not None:
        saved_reason = run.result.stopped
        if end.stopped is None:
            yield f"result.stopped is {saved_reason}, and nothing ends training at epoch {end.epochs}"
        stopped = end.stopped or saved_reason
        expected = {
            "epochs": end.epochs,
            "best_epoch": end.best_epoch,
            "stopped": stopped,
            "converged_at": converged_at(end.best_epoch, stopped),
        }
        yield from _result_mismatches(run.result, expected, by="by epochs it is")


def accuracies_match_the_confusion(run: LoadedRun) -> Problems:
    """Accuracies and numbers of images follow from the confusion matrix; a diverged run has none."""
    if (result := run.result) is None:
        return
    fields = ("test_accuracy", "per_class_accuracy", "confusion", "weights_sha256")
    if result.stopped == "diverged":
        present = [name for name in (*fields, "test_loss") if getattr(result, name) is not None]
        yield from (f"result.{name} is there, and the run diverged" for name in present)
        return
    absent = [name for name in fields if getattr(result, name) is None]
    yield from (f"result.{name} is null in a run that did not diverge" for name in absent)
    if absent:
        return
    # A network with more classes has one more column, for answers beyond the ten.
    confusion, columns = result.confusion or (), min(run.net.classes, len(CLASSES) + 1)
    if [len(row) for row in confusion] != [columns] * len(CLASSES) or min(map(min, confusion)) < 0:
        yield f"result.confusion is not {len(CLASSES)} rows of {columns} counts"
        return
    correct = [row[index] for index, row in enumerate(confusion)]
    expected = {
        "test_images": sum(map(sum, confusion)),
        "test_accuracy": sum(correct) / result.test_images,
        "per_class_accuracy": tuple(
            hits / sum(row) if sum(row) else None for hits, row in zip(correct, confusion, strict=True)
        ),
    }
    yield from _result_mismatches(result, expected, by="by result.confusion it is")
    if run.start:
        test_images = {"test_images": run.start.test_images}
        yield from _result_mismatches(result, test_images, by="start.test_images is")


def rates_follow_from_the_epochs(run: LoadedRun) -> Problems:
    """Images and FLOPs per second, pipeline ratio, roofline share and drift follow from the epochs."""
    if run.result is None or run.start is None or run.epochs[-1].stage > len(run.recipe.stages):
        return
    yield from _result_mismatches(run.result, rate_figures(run, run.start, run.result))


def rate_figures(run: LoadedRun, start: Start, result: Result) -> dict[str, Any]:
    """Path -> value of the fields of a result that are rates, as epochs and bare step give them."""
    epochs, device = run.epochs, run.cell.device
    typical = derive.typical_images_per_second(epochs, device)
    step_rate = result.step_images_per_second
    speed = AchievedSpeed.from_run(run.net, run.recipe, epochs[-1], typical, start.roofline)
    drift = derive.drift(epochs, device, cold_probe_seconds=start.probe_seconds)
    return {
        "epoch_images_per_second": typical,
        "pipeline_ratio": derive.pipeline_ratio(epochs, device, step_images_per_second=step_rate),
        "achieved_flops_per_second": speed.flops_per_second,
        "roofline_share": speed.roofline_share,
        **{f"drift.{field}": value for field, value in to_builtins(drift).items()},
    }


def peaks_and_joules_follow_from_the_epochs(run: LoadedRun) -> Problems:
    """Peak memory is the maximum over the epochs; joules are medians and sums of theirs."""
    if (result := run.result) is None:
        return
    yield from _result_mismatches(result, peak_and_energy_figures(run, result.best_epoch))


def peak_and_energy_figures(run: LoadedRun, best_epoch: int | None) -> dict[str, Any]:
    """Path -> value of the fields of a result that are peaks or joules, as its epochs give them."""
    energy = derive.run_energy(run.epochs, best_epoch, run.cell.device)
    return {
        "peak_host_bytes": derive.peak_host_bytes(run.epochs),
        "peak_device_bytes": derive.peak_device_bytes(run.epochs),
        "joules_per_epoch": energy.per_epoch,
        "joules_per_image": energy.per_image,
        "joules_to_best_epoch": energy.to_best_epoch,
    }


def total_covers_all_epochs(run: LoadedRun) -> Problems:
    """A run takes at least as long as its epochs."""
    spent = derive.recorded_seconds(run.epochs)
    if run.result is not None and run.result.total_seconds < spent * (1 - 1e-9):
        total = format_value(run.result.total_seconds)
        yield f"result.total_seconds is {total}, and its epochs alone took {spent:.3f} s"


# What can be


def speeds_are_possible(run: LoadedRun) -> Problems:
    """No epoch, no bare step and no share of the roofline is ten times what the device reaches.

    Of what trains the head alone the forward pass counts. Other programs may have made the roofline and
    the reference kernel several times too slow, so the limit is far above noise.
    """
    if (start := run.start) is None:
        return
    probes = (start.probe_seconds, *(e.probe_seconds for e in run.epochs if e.probe_seconds))
    roofline = start.roofline.flops_per_second if start.roofline else 0.0
    fastest = max(roofline, start.probe_flops / min(probes))
    reached = "times the most that the roofline or the reference kernel reached"
    stages, whole, forward = run.recipe.stages, training_flops(run.net), run.net.forward_flops
    least_flops = forward
    for index, epoch in enumerate(run.epochs):
        all_trained = epoch.stage <= len(stages) and stages[epoch.stage - 1].train == "all"
        least_flops = whole if all_trained else forward
        ratio = derive.images_per_second(epoch) * least_flops / fastest
        if ratio > MAX_ROOFLINE_SHARE:
            seconds = format_value(epoch.train_seconds)
            yield f"epochs[{index}].train_seconds is {seconds}, which comes to {ratio:.3g} {reached}"
    if (result := run.result) is None:
        return
    ratio = result.step_images_per_second * least_flops / fastest
    if ratio > MAX_ROOFLINE_SHARE:
        rate = format_value(result.step_images_per_second)
        yield f"result.step_images_per_second is {rate}, which comes to {ratio:.3g} {reached}"
    if (result.roofline_share or 0.0) > MAX_ROOFLINE_SHARE:
        share = format_value(result.roofline_share)
        yield f"result.roofline_share is {share}, and the most that can be is {MAX_ROOFLINE_SHARE:g}"


def no_faster_than_its_steps(run: LoadedRun) -> Problems:
    """A valid run's last epoch is no faster than the same steps on a batch that lies on the device.

    Where others disturbed the steps, or another process timed them than trained the epoch, they may be
    slower. A file before version 6 has no such check.
    """
    if run.result is None or run.file_version < 6 or run.verdict.validity != "valid":
        return
    ratio = run.result.pipeline_ratio
    if ratio > MAX_PIPELINE_RATIO and trained_in_last_process(run) and not steps_were_disturbed(run):
        yield (
            f"result.pipeline_ratio is {format_value(ratio)}, and a valid run has at most"
            f" {MAX_PIPELINE_RATIO:g}"
        )


def steps_were_disturbed(run: LoadedRun) -> bool:
    """Whether every try at timing the bare step was disturbed, so that `pipeline` is not asked."""
    return bool(run.result and derive.step_disturbances(run.result, run.cell.device))


def trained_in_last_process(run: LoadedRun) -> bool:
    """Whether the process that made the result trained an epoch, and so had batches to compare."""
    resumed_after = run.interruptions[-1].resumed_after if run.interruptions else 0
    return resumed_after < len(run.epochs)


def memory_holds_the_parameters(run: LoadedRun) -> Problems:
    """The memory that they lie in holds the network's parameters, by its largest peak and by its size.

    On CUDA the peak is the device's, and else the host's. The host's own memory holds them everywhere,
    since the first weights are drawn there. A peak that is too small by less than two orders of
    magnitude may be a system's own way to count, such as without a GPU's buffers: that is a warning
    (`plausible.implausible_memory`), and such a figure is not compared.
    """
    if run.start is None or not run.epochs:
        return
    least = plausible.parameter_bytes(run.cell, run.start, run.epochs)
    of = "device" if run.cell.device == "cuda" else "host"
    peak = derive.peak_device_bytes if of == "device" else derive.peak_host_bytes
    if (most := peak(run.epochs)) is not None and most < MIN_PEAK_SHARE * least:
        yield (
            f"epochs.peak_{of}_bytes is {most:,} at most, and the network's parameters need {least:,}"
        )
    if (installed := run.machine.memory_bytes) < least:
        yield (
            f"machine_info.machine.memory_bytes is {installed:,}, and the network's parameters need"
            f" {least:,}"
        )


def times_can_be(run: LoadedRun, now: datetime | None = None) -> Problems:
    """Times of day have their zone, and lie between the first framework's release and `now`."""
    texts = {
        "before.taken_at": run.before.taken_at if run.before else None,
        "start.started_at": run.start.started_at if run.start else None,
        "after.taken_at": run.after.taken_at if run.after else None,
    }
    latest = (now or datetime.now(UTC)) + MAX_CLOCK_AHEAD
    for field, text in texts.items():
        if text is None:
            continue
        if (time := parse_time(text)) is None:
            yield f"{field} is {format_value(text)}, no time with its zone"
        elif not EARLIEST_TIME <= time <= latest:
            when = "before" if time < EARLIEST_TIME else "in the future of"
            limit = f"{EARLIEST_TIME:%Y}" if time < EARLIEST_TIME else "this computer's clock"
            yield f"{field} is {format_value(text)}, {when} {limit}"


def _result_mismatches(
    result: Result, expected: Mapping[str, Any], *, by: str = "the file itself gives"
) -> Problems:
    for field, value in expected.items():
        yield from mismatch(f"result.{field}", attrgetter(field)(result), value, by=by)


PRECONDITIONS: tuple[Rule, ...] = (plan_can_be_run, no_part_is_missing)
"""The other rules can be applied only to a run in which these find nothing."""
FIGURES: tuple[Rule, ...] = (
    epochs_follow_the_recipe,
    end_follows_from_the_epochs,
    accuracies_match_the_confusion,
    rates_follow_from_the_epochs,
    peaks_and_joules_follow_from_the_epochs,
    total_covers_all_epochs,
)
OF_VALID_RUNS: tuple[Rule, ...] = (
    start_follows_from_the_plan,
    epochs_have_all_images,
    speeds_are_possible,
    feeding_is_part_of_the_epoch,
    no_faster_than_its_steps,
    memory_holds_the_parameters,
    times_can_be,
)


def first_contradiction(run: LoadedRun) -> str | None:
    """The first thing that these rules find wrong with a run, in a sentence; None if it holds.

    An invalid run may well have left out images or measured what cannot be: its verdict says why it
    counts for nothing.
    """
    valid = OF_VALID_RUNS if run.verdict.validity == "valid" else ()
    for rules in (PRECONDITIONS, (*valid, *FIGURES)):
        for rule in rules:
            for sentence in rule(run):
                return sentence
    return None
