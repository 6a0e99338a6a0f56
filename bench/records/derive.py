"""Rates, drift and energy of a run, derived from its epoch records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from alexnet.frameworks.protocol import Device
from bench.records.types import Drift, Epoch, Joules


def images_per_second(epoch: Epoch) -> float:
    """The training rate of one epoch."""
    return epoch.images / epoch.train_seconds


def timed_epochs(epochs: Sequence[Epoch]) -> list[Epoch]:
    """The rounds of a run: all epochs that are not warm-ups, or the last one if all are."""
    return [epoch for epoch in epochs if not epoch.warm_up] or [epochs[-1]]


def steady_epochs(epochs: Sequence[Epoch]) -> list[Epoch]:
    """The epochs of the last stage without its first, which compiles, and without warm-ups.

    All epochs of the last stage if none remain.
    """
    last_stage = [epoch for epoch in epochs if epoch.stage == epochs[-1].stage]
    return [epoch for epoch in last_stage[1:] if not epoch.warm_up] or last_stage


def typical_images_per_second(epochs: Sequence[Epoch]) -> float:
    """The median rate of the steady epochs."""
    return median(images_per_second(epoch) for epoch in steady_epochs(epochs))


def drift(epochs: Sequence[Epoch], *, cold_probe_seconds: float) -> Drift:
    """How the rate changed from the first steady epoch to the median of the last third of them.

    The same for the reference kernel, from its time on the cold device. With one steady epoch, or
    without probes, the figures are None.
    """
    rates = [images_per_second(epoch) for epoch in steady_epochs(epochs)]
    sustained = _median_of_last_third(rates) if len(rates) > 1 else None
    probes = [epoch.probe_seconds for epoch in epochs if epoch.probe_seconds is not None]
    return Drift(
        cold_images_per_second=rates[0],
        sustained_images_per_second=sustained,
        drift=sustained / rates[0] - 1 if sustained is not None else None,
        probe_drift=cold_probe_seconds / _median_of_last_third(probes) - 1 if probes else None,
    )


def _median_of_last_third(values: Sequence[float]) -> float:
    return median(values[-max(1, len(values) // 3) :])


def is_processor(part: str) -> bool:
    """Whether an energy counter's part is a CPU or the GPU."""
    return part.startswith("cpu") or part == "gpu"


def processor_and_gpu_joules(parts: Joules, device: Device) -> float | None:
    """The sum over CPU and GPU, which is a run's energy; None if one that the run uses is not counted.

    Every run uses the CPU, since it feeds the GPU. Memory and the neural engine are left out: on newer
    chips their channels may count twice.
    """
    processors = {part: joules for part, joules in parts.items() if is_processor(part)}
    has_cpu = any(part.startswith("cpu") for part in processors)
    complete = has_cpu and (device == "cpu" or "gpu" in processors)
    return sum(processors.values()) if complete else None


@dataclass(frozen=True, kw_only=True)
class RunEnergy:
    """CPU and GPU joules, idle power included; None if any epoch that is needed was not measured."""

    per_epoch: float | None
    per_image: float | None
    to_best_epoch: float | None


def run_energy(epochs: Sequence[Epoch], best_epoch: int | None, device: Device) -> RunEnergy:
    """The median over the steady epochs, and the sum of the training epochs up to the best one."""

    def joules(epoch: Epoch) -> float | None:
        return processor_and_gpu_joules(epoch.energy_joules, device) if epoch.energy_joules else None

    steady = [joules(epoch) for epoch in steady_epochs(epochs)]
    measured = [value for value in steady if value is not None]
    per_epoch = median(measured) if len(measured) == len(steady) else None
    to_best = [joules(epoch) for epoch in epochs if epoch.epoch <= (best_epoch or 0)]
    measured_to_best = [value for value in to_best if value is not None]
    complete = to_best and len(measured_to_best) == len(to_best)
    return RunEnergy(
        per_epoch=per_epoch,
        per_image=per_epoch / epochs[-1].images if per_epoch is not None else None,
        to_best_epoch=sum(measured_to_best) if complete else None,
    )


def gpu_joules_per_epoch(epochs: Sequence[Epoch], device: Device) -> float | None:
    """The GPU's own joules, idle power included: the median over the steady epochs of a run on a GPU.

    A figure beside a run's energy, where the CPU's counter cannot be read. None on the CPU, and if any
    steady epoch has none.
    """
    if device == "cpu":
        return None
    parts = [(epoch.energy_joules or {}).get("gpu") for epoch in steady_epochs(epochs)]
    measured = [joules for joules in parts if joules is not None]
    return median(measured) if len(measured) == len(parts) else None
