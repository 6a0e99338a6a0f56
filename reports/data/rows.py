"""One saved run as rows of the frames: what it was, its conditions, its figures derived again.

What there are many of, epochs and counts of answers, is packed as the bytes of an array: it goes from
process to process, into the cache and into a frame without an object for each figure.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import Any

from msgspec import structs

from alexnet.data import CLASSES, TEST_IMAGES, TRAINED_IMAGES
from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES
from alexnet.layers import IllegalNetwork
from alexnet.spec import IMAGE_SIZE, VARIANTS, Network, network
from bench.records import derive, plausible
from bench.records.early_stopping import converged_at, training_end
from bench.records.flops import AchievedSpeed
from bench.records.limits import MAX_PIPELINE_RATIO, MAX_WATTS, MIN_PART_SECONDS
from bench.records.read import LoadedRun
from bench.records.types import Epoch, Result, RunWarning, Start, TransferredTensor
from reports.data.text import MOST_LETTERS, moment, plain

OTHER = "none of the ten"
ANSWERS = (*CLASSES, OTHER)
"""What an image can be taken for; the last by a network with more than ten outputs."""
NAN = float("nan")

MOST_TENSORS = 64
"""Of a transfer log: no network here has so many."""

Row = dict[str, Any]
Value = str | float | int | bool | tuple[str, ...] | None
"""A cell of the frame `runs`; None where something was not measured."""

RUN_FIELDS = (
    *("experiment", "engine", "device", "seed", "repeat", "validity", "cell", "failure"),
    *("profile", "dataset", "provenance", "image_size", "train_images", "validation_images"),
    *("test_images", "epochs_cap", "patience", "batch_size", "learning_rates", "epoch_length"),
    *("variant", "parameters"),
    *("forward_flops", "weights_origin", "framework_version", "versions", "device_name", "data_sha256"),
    *("started_at", "power", "low_power", "thermal", "load", "interruptions", "interrupted_seconds"),
    *("epochs", "best_epoch", "stopped", "converged_at"),
    *("timed_epochs", "steady_epochs", "disturbed_epochs", "slow_epochs"),
    *("seconds_per_epoch", "images_per_second", "train_seconds", "seconds_to_best", "total_seconds"),
    "compile_seconds",
    *("step_images_per_second", "pipeline_ratio", "achieved_flops_per_second"),
    *("roofline_flops_per_second", "roofline_bytes_per_second", "roofline_share"),
    *("early_images_per_second", "late_images_per_second", "drift", "probe_drift"),
    *("peak_host_bytes", "baseline_host_bytes", "grown_host_bytes", "peak_device_bytes"),
    *("joules_per_epoch", "joules_per_image", "joules_to_best_epoch", "gpu_joules_per_epoch"),
    *("idle_watts", "train_accuracy", "train_loss", "validation_accuracy", "validation_loss"),
    *("test_accuracy", "test_loss", "precision", "gate_checks", "gate_passed", "checksum", "method"),
)
"""What a run's row has by the run itself, all but its kinds (reasons, warnings, what a meter reads)."""
EPOCH_FIELDS = (
    *("epoch", "warm_up", "timed", "disturbed", "stage", "learning_rate", "images", "train_seconds"),
    *("wall_seconds", "other_cpu_share", "stolen_cpu_share", "other_gpu_share"),
    *("evaluate_seconds", "best_weights_seconds", "checkpoint_seconds", "probe_seconds"),
    *("images_per_second", "elapsed_train_seconds", "elapsed_joules", "train_loss", "train_accuracy"),
    *("validation_loss", "validation_accuracy", "peak_host_bytes", "peak_device_bytes", "joules"),
)
CHECK_FIELDS = ("check", "description", "measured", "lower", "upper", "passed")
"""The first two are places in a list of texts."""


def run(loaded: LoadedRun) -> tuple[Value, ...]:
    """The row of one run, in the order of RUN_FIELDS; what a run that failed has not is None."""
    cell, failure = loaded.cell, loaded.failure
    row = {
        "experiment": cell.experiment,
        "engine": cell.engine,
        "device": cell.device,
        "seed": cell.seed,
        "repeat": cell.repeat,
        "cell": cell.id,
        "checksum": loaded.computed_checksum,
        "method": loaded.method,
        "validity": validity(loaded),
        "failure": plain(failure.reason) if failure else None,
        **_plan(loaded),
        **_beginning(loaded),
        **_condition(loaded),
        **_trained(loaded),
        **_ended(loaded),
    }
    return tuple(row.get(name) for name in RUN_FIELDS)


def validity(loaded: LoadedRun) -> str:
    """`failed` where there is no result; else as the verdict in the file has it."""
    if loaded.failure is not None or loaded.result is None:
        return "failed"
    return loaded.verdict.validity


def warnings(loaded: LoadedRun) -> tuple[RunWarning, ...]:
    """Those of the verdict in the file, and what its epochs say that it leaves out."""
    memory = plausible.implausible_memory(loaded.cell, loaded.start, loaded.epochs)
    power = plausible.implausible_power(loaded.cell, loaded.epochs)
    return tuple(dict.fromkeys((*loaded.verdict.warnings, *memory, *power)))


def _metered_epochs(loaded: LoadedRun) -> list[Epoch]:
    """The epochs, without their joules where no computer can have drawn them."""
    if not any(plausible.implausible_power(loaded.cell, loaded.epochs)):
        return loaded.epochs
    return [structs.replace(epoch, energy_joules=None) for epoch in loaded.epochs]


def _idle_watts(start: Start, device: Device) -> float | None:
    """CPU and GPU before the run; None where it was not measured, or no computer can draw so much."""
    watts = derive.processor_and_gpu_joules(start.idle_watts, device) if start.idle_watts else None
    return watts if watts is None or watts <= MAX_WATTS else None


def _plan(loaded: LoadedRun) -> Row:
    plan, net = loaded.plan, loaded.net
    return {
        "profile": plain(plan.profile, 20),
        "dataset": plan.dataset,
        "provenance": plain(plan.data_provenance),
        "image_size": plan.image_size,
        "epochs_cap": plan.epochs,
        "patience": plan.patience,
        "batch_size": plan.batch_size,
        "learning_rates": tuple(dict.fromkeys(f"{e.learning_rate:g}" for e in loaded.epochs)),
        "epoch_length": _epoch_length(loaded),
        "variant": net.variant,
        "parameters": net.parameters,
        "forward_flops": net.forward_flops,
    }


def _epoch_length(loaded: LoadedRun) -> str:
    """Whether its epochs are parts too short to be compared with others', as `--steps` can make them."""
    cut = loaded.plan.steps_per_epoch is not None and _whole_epoch(loaded) > 1
    if cut and loaded.epochs and median(e.train_seconds for e in loaded.epochs) < MIN_PART_SECONDS:
        return f"parts of under {MIN_PART_SECONDS:g} s"
    return f"whole, or parts of {MIN_PART_SECONDS:g} s and more"


def _beginning(loaded: LoadedRun) -> Row:
    start = loaded.start
    if start is None:
        return {
            "train_images": loaded.plan.train_images or TRAINED_IMAGES,
            "test_images": loaded.plan.test_images or TEST_IMAGES,
        }
    roof = start.roofline
    version = start.versions.get(ENGINES[loaded.cell.engine].framework)
    return {
        "train_images": start.train_images,
        "validation_images": start.validation_images,
        "test_images": start.test_images,
        "weights_origin": plain(start.weights_origin, 40),
        "framework_version": None if version is None else plain(version, 40),
        "versions": tuple(f"{plain(k, 40)} {plain(v, 40)}" for k, v in start.versions.items()),
        "device_name": plain(start.device_name, 60),
        "data_sha256": plain(start.data_sha256, 64),
        "started_at": moment(start.started_at),
        "baseline_host_bytes": start.baseline_host_bytes,
        "idle_watts": _idle_watts(start, loaded.cell.device),
        "roofline_flops_per_second": roof.flops_per_second if roof else None,
        "roofline_bytes_per_second": roof.bytes_per_second if roof else None,
    }


def _condition(loaded: LoadedRun) -> Row:
    before, gate = loaded.before, loaded.gate
    return {
        "power": before.power if before else None,
        "low_power": before.low_power if before else None,
        "thermal": before.thermal if before else None,
        "load": before.load if before else None,
        "interruptions": len(loaded.interruptions),
        "interrupted_seconds": sum(pause.seconds for pause in loaded.interruptions),
        "precision": gate.precision if gate else None,
        "gate_checks": len(gate.checks) if gate else None,
        "gate_passed": sum(check.passed for check in gate.checks) if gate else None,
    }


def _trained(loaded: LoadedRun) -> Row:
    """What the epochs themselves say, by the suite's own definition of an epoch that counts."""
    if not loaded.epochs:
        return {}
    epochs, device, start = loaded.epochs, loaded.cell.device, loaded.start
    counted, last = derive.undisturbed_epochs(epochs, device), epochs[-1]
    ended = loaded.result is not None and not loaded.plan.is_for_speed_alone
    best = training_end(loaded.recipe, loaded.net.classes, epochs).best_epoch if ended else None
    drift = derive.drift(epochs, device, cold_probe_seconds=start.probe_seconds) if start else None
    steps = start.steps_per_epoch if start else None
    metered = _metered_epochs(loaded)
    joules = derive.run_energy(metered, best, device)
    whole = _whole_epoch(loaded)
    impossible = {kind.of for kind in plausible.implausible_memory(loaded.cell, start, epochs)}
    host = None if "host" in impossible else derive.peak_host_bytes(epochs)
    card = None if "device" in impossible else derive.peak_device_bytes(epochs)
    baseline = start.baseline_host_bytes if start else None
    return {
        "epochs": len(epochs),
        "timed_epochs": len(counted),
        "steady_epochs": len(derive.steady_epochs(epochs)),
        "disturbed_epochs": len(derive.disturbed_epochs(epochs, device)),
        "slow_epochs": len(derive.slow_epochs(epochs, device)),
        "seconds_per_epoch": whole * median(e.train_seconds for e in counted),
        "images_per_second": derive.typical_images_per_second(epochs, device),
        "train_seconds": sum(e.train_seconds for e in epochs),
        "compile_seconds": derive.compile_seconds(epochs, steps) if steps else None,
        "seconds_to_best": sum(e.train_seconds for e in epochs[:best]) if best else None,
        "early_images_per_second": drift.early_images_per_second if drift else None,
        "late_images_per_second": drift.late_images_per_second if drift else None,
        "drift": drift.drift if drift else None,
        "probe_drift": drift.probe_drift if drift else None,
        "peak_host_bytes": host,
        "grown_host_bytes": None if host is None or baseline is None else host - baseline,
        "peak_device_bytes": card,
        "joules_per_epoch": _times(joules.per_epoch, whole),
        "joules_per_image": joules.per_image,
        "joules_to_best_epoch": joules.to_best_epoch,
        "gpu_joules_per_epoch": _times(derive.gpu_joules_per_epoch(metered, device), whole),
        "train_accuracy": None if loaded.plan.is_for_speed_alone else last.train_accuracy,
        "train_loss": None if loaded.plan.is_for_speed_alone else last.train_loss,
        "validation_accuracy": epochs[best - 1].validation_accuracy if best else None,
        "validation_loss": epochs[best - 1].validation_loss if best else None,
    }


def _whole_epoch(loaded: LoadedRun) -> float:
    """How many times as many images a whole epoch has as those that were trained; 1 but for cut ones."""
    start, plan = loaded.start, loaded.plan
    if start is None or plan.steps_per_epoch is None:
        return 1.0
    return (start.train_images // plan.batch_size) / start.steps_per_epoch


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else factor * value


def _ended(loaded: LoadedRun) -> Row:
    """How the run ended, by its epochs and by its answers to the test images.

    Of a run for speed alone nothing is told that it has learnt.
    """
    result, start = loaded.result, loaded.start
    if result is None or start is None:
        return {}
    typical = derive.typical_images_per_second(loaded.epochs, loaded.cell.device)
    speed = AchievedSpeed.from_run(loaded.net, loaded.recipe, loaded.epochs[-1], typical, start.roofline)
    return {
        "total_seconds": result.total_seconds,
        "step_images_per_second": result.step_images_per_second,
        "pipeline_ratio": _pipeline_ratio(loaded, result),
        "achieved_flops_per_second": speed.flops_per_second,
        "roofline_share": speed.roofline_share,
        **({} if loaded.plan.is_for_speed_alone else _learnt(loaded, result)),
    }


def _learnt(loaded: LoadedRun, result: Result) -> Row:
    end = training_end(loaded.recipe, loaded.net.classes, loaded.epochs)
    right = [row[i] for i, row in enumerate(result.confusion)] if result.confusion else None
    return {
        "best_epoch": end.best_epoch,
        "stopped": end.stopped,
        "converged_at": converged_at(end.best_epoch, end.stopped),
        "test_accuracy": sum(right) / sum(map(sum, result.confusion or ())) if right else None,
        "test_loss": result.test_loss,
    }


def _pipeline_ratio(loaded: LoadedRun, result: Result) -> float | None:
    """None where the bare steps were disturbed, by what ran beside them or by how slow they came out."""
    device, step_rate = loaded.cell.device, result.step_images_per_second
    ratio = derive.pipeline_ratio(loaded.epochs, device, step_images_per_second=step_rate)
    disturbed = derive.step_disturbances(result, device) or ratio > MAX_PIPELINE_RATIO
    return None if disturbed else ratio


def epochs(loaded: LoadedRun) -> bytes:
    """float64 (epochs, EPOCH_FIELDS), row by row; NaN where something was not measured.

    `timed` are those that speak for the run, `elapsed` sums training alone. Where every epoch that would
    count was disturbed, these are both `timed` and `disturbed`, and carry no verdict.
    """
    device = loaded.cell.device
    timed = set[int]()
    if loaded.epochs:
        timed = {epoch.epoch for epoch in derive.undisturbed_epochs(loaded.epochs, device)}
    seconds, joules, packed = 0.0, 0.0, array("d")
    for epoch in _metered_epochs(loaded):
        drawn = None
        if epoch.energy_joules:
            drawn = derive.processor_and_gpu_joules(epoch.energy_joules, device)
        seconds += epoch.train_seconds
        joules = NAN if drawn is None else joules + drawn
        use = derive.processor_use(epoch.interference, epoch.train_seconds)
        row = (
            *(epoch.epoch, epoch.warm_up, epoch.epoch in timed),
            *(bool(derive.disturbances(epoch, device)), epoch.stage, epoch.learning_rate),
            *(epoch.images, epoch.train_seconds, epoch.wall_seconds),
            use.others / use.processors if use else None,
            use.stolen / use.processors if use else None,
            epoch.interference.gpu_share if epoch.interference else None,
            *(epoch.evaluate_seconds, epoch.best_weights_seconds, epoch.checkpoint_seconds),
            *(epoch.probe_seconds, derive.images_per_second(epoch), seconds, joules),
            *(epoch.train_loss, epoch.train_accuracy, epoch.validation_loss),
            *(epoch.validation_accuracy, epoch.peak_host_bytes, epoch.peak_device_bytes, drawn),
        )
        packed.extend(NAN if value is None else value for value in row)
    return packed.tobytes()


def confusion(loaded: LoadedRun) -> bytes:
    """int64 (classes, answers): what the test images of each class were taken for; empty without.

    Of a run for speed alone it is empty too.
    """
    if loaded.plan.is_for_speed_alone:
        return b""
    rows = (loaded.result and loaded.result.confusion) or ()
    return array("q", (images for row in rows for images in row)).tobytes()


def checks(loaded: LoadedRun, place: Callable[[str, int], int]) -> bytes:
    """float64 (checks, CHECK_FIELDS): what the correctness gate asked, and whether it was met.

    `place` gives the place of a text, of so many letters at most, in the list of texts; NaN is what was
    not measured or has no bound.
    """
    packed = array("d")
    for check in loaded.gate.checks if loaded.gate else ():
        row = (
            *(place(check.name, 40), place(check.description, MOST_LETTERS)),
            *(check.measured, check.lower, check.upper, check.passed),
        )
        packed.extend(NAN if value is None else value for value in row)
    return packed.tobytes()


def transfer(loaded: LoadedRun) -> tuple[TransferredTensor, ...]:
    """How each of ImageNet's tensors came into the engine; empty where all were drawn or nobody says."""
    tensors = (loaded.start and loaded.start.weight_transfer) or ()
    return tuple(
        structs.replace(
            tensor,
            name=plain(tensor.name, 40),
            source=None if tensor.source is None else plain(tensor.source, 40),
            layout=plain(tensor.layout, 40),
            sha256=plain(tensor.sha256, 64),
        )
        for tensor in tensors[:MOST_TENSORS]
    )


def layers(networks: Sequence[tuple[str, int]]) -> Iterator[Row]:
    """Every layer of these (variant, image size), and of all networks at the report's 224 px."""
    nets: dict[tuple[str, int], Network] = {}
    for variant in VARIANTS:
        nets[variant, IMAGE_SIZE] = network(variant)
    for variant, image_size in networks:
        nets.setdefault((variant, image_size), network(variant, image_size=image_size))
        try:  # the mistaken network is explained from it, at the same size
            nets.setdefault(("standard", image_size), network("standard", image_size=image_size))
        except IllegalNetwork:
            continue
    for (variant, image_size), net in sorted(nets.items()):
        for row in net.rows:
            yield {
                "variant": variant,
                "image_size": image_size,
                "layer": row.layer.name,
                "kind": type(row.layer).__name__,
                "output_shape": "x".join(map(str, row.output_shape)),
                "parameters": row.parameters,
                "parameter_bytes": row.parameter_bytes,
                "activation_bytes": row.activation_bytes,
                "forward_flops": row.forward_flops,
            }
