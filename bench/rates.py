"""What the epochs of a run say about its speed: derived from records alone, by whoever reads them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.records import Drift, Epoch


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
