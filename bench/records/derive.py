"""What the epochs of a run say about its speed: derived from records alone, by whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from alexnet.frameworks.protocol import Device
from bench.records.types import Drift, Epoch, Joules


def images_per_second(epoch: Epoch) -> float:
    """The rate of one training epoch."""
    return epoch.images / epoch.train_seconds


def timed_epochs(epochs: Sequence[Epoch]) -> list[Epoch]:
    """The rounds of a run: every epoch that is no warm-up, or the last one where all of them are."""
    return [epoch for epoch in epochs if not epoch.warm_up] or [epochs[-1]]


def steady_epochs(epochs: Sequence[Epoch]) -> list[Epoch]:
    """The epochs that speak for a run: the rounds of its last stage but the first, which compiles anew.

    Of a run that has one stage, that one is the warm-up. Where nothing is left, all of the stage's stay.
    """
    last = [epoch for epoch in epochs if epoch.stage == epochs[-1].stage]
    return [epoch for epoch in last[1:] if not epoch.warm_up] or last


def typical_images_per_second(epochs: Sequence[Epoch]) -> float:
    """Median rate of the steady epochs."""
    return median(images_per_second(epoch) for epoch in steady_epochs(epochs))


def drift(epochs: Sequence[Epoch], *, cold_probe_seconds: float) -> Drift:
    """The first steady epoch, and the first probe, against the median of the last third of each.

    Of one steady epoch there is nothing to compare.
    """
    rates = [images_per_second(epoch) for epoch in steady_epochs(epochs)]
    sustained = _last_third(rates) if len(rates) > 1 else None
    probes = [epoch.probe_seconds for epoch in epochs if epoch.probe_seconds is not None]
    return Drift(
        cold_images_per_second=rates[0],
        sustained_images_per_second=sustained,
        drift=sustained / rates[0] - 1 if sustained is not None else None,
        probe_drift=cold_probe_seconds / _last_third(probes) - 1 if probes else None,
    )


def _last_third(values: Sequence[float]) -> float:
    return median(values[-max(1, len(values) // 3) :])


def _computes(part: str) -> bool:
    return part.startswith("cpu") or part == "gpu"


def processor_and_gpu(parts: Joules, device: Device) -> float | None:
    """Processor and GPU together: what a run is charged with. None unless all that compute are counted.

    A GPU needs the processor that feeds it. Memory and the neural engine stay out: on newer chips
    their channels may count twice.
    """
    computing = {part: joules for part, joules in parts.items() if _computes(part)}
    fed = any(part.startswith("cpu") for part in computing)
    return sum(computing.values()) if fed and (device == "cpu" or "gpu" in computing) else None


@dataclass(frozen=True, kw_only=True)
class RunEnergy:
    """Joules by `headline`, idle draw included; None where an epoch that is needed was not measured."""

    per_epoch: float | None
    per_image: float | None
    to_best_epoch: float | None


def run_energy(epochs: Sequence[Epoch], best_epoch: int | None, device: Device) -> RunEnergy:
    """Medians over the steady epochs, and the sum of the training epochs up to the best one."""

    def joules(epoch: Epoch) -> float | None:
        return processor_and_gpu(epoch.energy_joules, device) if epoch.energy_joules else None

    per_epoch = [joules(epoch) for epoch in steady_epochs(epochs)]
    measured = [value for value in per_epoch if value is not None]
    to_best = [joules(epoch) for epoch in epochs if epoch.epoch <= (best_epoch or 0)]
    known = [value for value in to_best if value is not None]
    typical = median(measured) if len(measured) == len(per_epoch) else None
    return RunEnergy(
        per_epoch=typical,
        per_image=typical / epochs[-1].images if typical is not None else None,
        to_best_epoch=sum(known) if known and len(known) == len(to_best) else None,
    )
