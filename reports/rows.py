"""One saved run as rows of the frames: what it was, its conditions, its figures derived again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from bench.records.limits import MAX_PIPELINE_RATIO, MAX_WATTS
from bench.records.read import LoadedRun
from bench.records.types import Epoch, Result, RunWarning, Start
from reports.sources import SourceRun, moment, plain

OTHER = "none of the ten"
ANSWERS = (*CLASSES, OTHER)
"""What an image can be taken for; the last by a network with more than ten outputs."""

Row = dict[str, Any]


def run(found: SourceRun, machine: str) -> Row:
    """The row of one run; what a run that failed has not is None."""
    it = found.run
    return {
        "machine": machine,
        "experiment": it.cell.experiment,
        "engine": it.cell.engine,
        "device": it.cell.device,
        "seed": it.cell.seed,
        "repeat": it.cell.repeat,
        "cell": it.cell.id,
        "file": found.source.name,
        "sha256": found.source.sha256,
        "checksum": it.computed_checksum,
        "method": it.method,
        "validity": _validity(it),
        "reasons": () if it.failure else it.verdict.reasons,
        "failure": plain(it.failure.reason) if it.failure else None,
        "warnings": _warnings(it),
        **_plan(it),
        **_beginning(it),
        **_condition(it),
        **_trained(it),
        **_ended(it),
    }


def _validity(it: LoadedRun) -> str:
    """`failed` where there is no result; else as the verdict in the file has it."""
    if it.failure is not None or it.result is None:
        return "failed"
    return it.verdict.validity


def _warnings(loaded: LoadedRun) -> tuple[RunWarning, ...]:
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


def _plan(it: LoadedRun) -> Row:
    plan = it.plan
    return {
        "profile": plain(plan.profile, 20),
        "dataset": plan.dataset,
        "provenance": plain(plan.data_provenance),
        "image_size": plan.image_size,
        "epochs_cap": plan.epochs,
        "patience": plan.patience,
        "batch_size": plan.batch_size,
        "learning_rates": tuple(dict.fromkeys(f"{e.learning_rate:g}" for e in it.epochs)),
        "variant": it.net.variant,
        "parameters": it.net.parameters,
        "forward_flops": it.net.forward_flops,
    }


def _beginning(it: LoadedRun) -> Row:
    start = it.start
    if start is None:
        absent = ("weights_origin", "framework_version", "data_sha256", "started_at")
        planned = {
            "train_images": it.plan.train_images or TRAINED_IMAGES,
            "test_images": it.plan.test_images or TEST_IMAGES,
        }
        return planned | dict.fromkeys(absent)
    roof = start.roofline
    version = start.versions.get(ENGINES[it.cell.engine].framework)
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
        "idle_watts": _idle_watts(start, it.cell.device),
        "energy_reads": start.meters.get("energy"),
        "roofline_flops_per_second": roof.flops_per_second if roof else None,
        "roofline_bytes_per_second": roof.bytes_per_second if roof else None,
    }


def _condition(it: LoadedRun) -> Row:
    before = it.before
    return {
        "power": before.power if before else None,
        "low_power": before.low_power if before else None,
        "thermal": before.thermal if before else None,
        "load": before.load if before else None,
        "interruptions": len(it.interruptions),
        "interrupted_seconds": sum(each.seconds for each in it.interruptions),
        "precision": it.gate.precision if it.gate else None,
        "gate_checks": len(it.gate.checks) if it.gate else None,
        "gate_passed": sum(check.passed for check in it.gate.checks) if it.gate else None,
    }


def _trained(it: LoadedRun) -> Row:
    """What the epochs themselves say, by the suite's own definition of an epoch that counts."""
    if not it.epochs:
        return {}
    counted, last = derive.undisturbed_epochs(it.epochs, it.cell.device), it.epochs[-1]
    best = training_end(it.recipe, it.net.classes, it.epochs).best_epoch if it.result else None
    drift = (
        derive.drift(it.epochs, it.cell.device, cold_probe_seconds=it.start.probe_seconds)
        if it.start
        else None
    )
    metered = _metered_epochs(it)
    joules = derive.run_energy(metered, best, it.cell.device)
    impossible = {kind.of for kind in plausible.implausible_memory(it.cell, it.start, it.epochs)}
    host = None if "host" in impossible else derive.peak_host_bytes(it.epochs)
    card = None if "device" in impossible else derive.peak_device_bytes(it.epochs)
    baseline = it.start.baseline_host_bytes if it.start else None
    return {
        "epochs": len(it.epochs),
        "timed_epochs": len(counted),
        "steady_epochs": len(derive.steady_epochs(it.epochs)),
        "disturbed_epochs": len(derive.disturbed_epochs(it.epochs, it.cell.device)),
        "slow_epochs": len(derive.slow_epochs(it.epochs, it.cell.device)),
        "seconds_per_epoch": median(e.train_seconds for e in counted),
        "images_per_second": derive.typical_images_per_second(it.epochs, it.cell.device),
        "train_seconds": sum(e.train_seconds for e in it.epochs),
        "seconds_to_best": sum(e.train_seconds for e in it.epochs[:best]) if best else None,
        "early_images_per_second": drift.early_images_per_second if drift else None,
        "late_images_per_second": drift.late_images_per_second if drift else None,
        "drift": drift.drift if drift else None,
        "probe_drift": drift.probe_drift if drift else None,
        "peak_host_bytes": host,
        "grown_host_bytes": None if host is None or baseline is None else host - baseline,
        "peak_device_bytes": card,
        "joules_per_epoch": joules.per_epoch,
        "joules_per_image": joules.per_image,
        "joules_to_best_epoch": joules.to_best_epoch,
        "gpu_joules_per_epoch": derive.gpu_joules_per_epoch(metered, it.cell.device),
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "validation_accuracy": it.epochs[best - 1].validation_accuracy if best else None,
        "validation_loss": it.epochs[best - 1].validation_loss if best else None,
    }


def _ended(it: LoadedRun) -> Row:
    """How the run ended, by its epochs and by its answers to the test images."""
    result, start = it.result, it.start
    if result is None or start is None:
        return {}
    end = training_end(it.recipe, it.net.classes, it.epochs)
    typical = derive.typical_images_per_second(it.epochs, it.cell.device)
    speed = AchievedSpeed.from_run(it.net, it.recipe, it.epochs[-1], typical, start.roofline)
    right = [row[i] for i, row in enumerate(result.confusion)] if result.confusion else None
    return {
        "best_epoch": end.best_epoch,
        "stopped": end.stopped,
        "converged_at": converged_at(end.best_epoch, end.stopped),
        "total_seconds": result.total_seconds,
        "step_images_per_second": result.step_images_per_second,
        "pipeline_ratio": _pipeline_ratio(it, result),
        "achieved_flops_per_second": speed.flops_per_second,
        "roofline_share": speed.roofline_share,
        "test_accuracy": sum(right) / sum(map(sum, result.confusion or ())) if right else None,
        "test_loss": result.test_loss,
    }


def _pipeline_ratio(loaded: LoadedRun, result: Result) -> float | None:
    """None where the bare steps were disturbed, by what ran beside them or by how slow they came out."""
    device, step_rate = loaded.cell.device, result.step_images_per_second
    ratio = derive.pipeline_ratio(loaded.epochs, device, step_images_per_second=step_rate)
    disturbed = derive.step_disturbances(result, device) or ratio > MAX_PIPELINE_RATIO
    return None if disturbed else ratio


def epochs(it: LoadedRun) -> Iterator[Row]:
    """One row an epoch. `timed` are those that speak for the run, `elapsed` sums training alone.

    If all that would count were disturbed, they are `timed` and `disturbed`: nothing is decided by them.
    """
    device = it.cell.device
    timed = (
        {epoch.epoch for epoch in derive.undisturbed_epochs(it.epochs, device)} if it.epochs else set()
    )
    seconds, joules = 0.0, 0.0
    for each in _metered_epochs(it):
        own = (
            derive.processor_and_gpu_joules(each.energy_joules, it.cell.device)
            if each.energy_joules
            else None
        )
        seconds += each.train_seconds
        joules = float("nan") if own is None else joules + own
        fields = structs.asdict(each)
        del fields["energy_joules"], fields["interference"]
        use = derive.processor_use(each.interference, each.train_seconds)
        yield fields | {
            "timed": each.epoch in timed,
            "disturbed": bool(derive.disturbances(each, device)),
            "other_cpu_share": use.others / use.processors if use else None,
            "stolen_cpu_share": use.stolen / use.processors if use else None,
            "other_gpu_share": each.interference.gpu_share if each.interference else None,
            "images_per_second": derive.images_per_second(each),
            "elapsed_train_seconds": seconds,
            "elapsed_joules": joules,
            "joules": own,
        }


def classes(it: LoadedRun) -> Iterator[Row]:
    """The test images of each class, and the share that was right."""
    for i, row in enumerate((it.result and it.result.confusion) or ()):
        images = sum(row)
        yield {"class": CLASSES[i], "images": images, "accuracy": row[i] / images if images else None}


def confusion(it: LoadedRun) -> Iterator[Row]:
    """What the test images of each class were taken for."""
    for i, row in enumerate((it.result and it.result.confusion) or ()):
        for j, images in enumerate(row):
            yield {"class": CLASSES[i], "answer": ANSWERS[j], "images": images}


def pictures(it: LoadedRun) -> Iterator[Row]:
    """The test images that the result keeps."""
    kept = it.result.pictures if it.result else None
    if kept is None:
        return
    for i, pixels in enumerate(kept.images()):
        yield {
            "position": kept.positions[i],
            "class": CLASSES[kept.labels[i]],
            "answer": ANSWERS[kept.answers[i]],
            "share": kept.shares[i],
            "pixels": pixels.tobytes(),
        }


def gate(it: LoadedRun) -> Iterator[Row]:
    """What the correctness gate asked, and whether it was met."""
    for check in it.gate.checks if it.gate else ():
        yield {
            "check": plain(check.name, 40),
            "measured": check.measured,
            "lower": check.lower,
            "upper": check.upper,
            "passed": check.passed,
            "description": plain(check.description),
        }


def layers(runs: Sequence[LoadedRun]) -> Iterator[Row]:
    """Every layer of the networks that were trained, and of all of them at the report's 224 px."""
    nets: dict[tuple[str, int], Network] = {}
    for variant in VARIANTS:
        nets[variant, IMAGE_SIZE] = network(variant)
    for it in runs:
        nets.setdefault((it.net.variant, it.plan.image_size), it.net)
        try:  # the mistaken network is explained from it, at the same size
            nets.setdefault(
                ("standard", it.plan.image_size), network("standard", image_size=it.plan.image_size)
            )
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
