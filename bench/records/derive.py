"""Rates, disturbances, drift and energy of a run, derived from its epoch records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from alexnet.frameworks.protocol import Device
from bench.records.limits import (
    CPU_SLACK_SECONDS,
    MAX_GPU_SHARE,
    MAX_SECONDS_APART,
    MAX_SLOW_SHARE,
    MAX_TAKEN_BESIDE_GPU,
    MAX_TAKEN_CPU_SHARE,
    MIN_DRIFT_EPOCHS,
    MIN_FREE_CPUS,
)
from bench.records.types import DisturbanceKind, Drift, Epoch, Interference, Joules, Result


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


@dataclass(frozen=True, kw_only=True)
class ProcessorUse:
    """How a span's time was shared, in logical processors: all, and what others or the host took."""

    processors: float
    others: float
    stolen: float

    @property
    def taken_share(self) -> float:
        """The share of all processors' time that was taken, 0 to 1."""
        return (self.others + self.stolen) / self.processors


def processor_use(reading: Interference | None, seconds: float) -> ProcessorUse | None:
    """The mean over a span of so many seconds; None where it was not measured.

    Steal that no system tells is 0.
    """
    if reading is None:
        return None
    busy, idle, own = reading.busy_cpu_seconds, reading.idle_cpu_seconds, reading.own_cpu_seconds
    if busy is None or idle is None or own is None or not busy + idle:
        return None
    stolen = reading.stolen_cpu_seconds or 0.0
    return ProcessorUse(
        processors=(busy + idle + stolen) / seconds,
        # The system counts whole ticks and the process nanoseconds: others come out below 0 at times.
        others=max(busy - own, 0.0) / seconds,
        stolen=stolen / seconds,
    )


def disturbances(epoch: Epoch, device: Device) -> tuple[DisturbanceKind, ...]:
    """What disturbed an epoch, as far as it was measured; such an epoch stays out of the rates."""
    slept = slept_seconds(epoch) > MAX_SECONDS_APART
    by_others = span_disturbances(epoch.interference, epoch.train_seconds, device)
    return (*by_others, "sleep") if slept else by_others


def step_disturbances(result: Result, device: Device) -> tuple[DisturbanceKind, ...]:
    """What disturbed the bare steps that gave a result's `step_images_per_second`.

    The fastest undisturbed try gives it, so that all tries were disturbed where this one was. Nothing
    disturbed them where nothing was read, as in files before version 7.
    """
    if result.step_seconds is None:
        return ()
    return span_disturbances(result.step_interference, result.step_seconds, device)


def span_disturbances(
    reading: Interference | None, seconds: float, device: Device
) -> tuple[DisturbanceKind, ...]:
    """What disturbed a span of so many seconds, by what was read of processors and GPU.

    On the CPU, others and the host of a virtual machine may take a small share of the processors' time.
    On a GPU they may take what leaves two processors free, or a tenth where there are no more.
    """
    return tuple(_span_disturbances(reading, seconds, device))


def _span_disturbances(
    reading: Interference | None, seconds: float, device: Device
) -> Iterator[DisturbanceKind]:
    if use := processor_use(reading, seconds):
        if device == "cpu":
            allowed = MAX_TAKEN_CPU_SHARE * use.processors + CPU_SLACK_SECONDS / seconds
        else:
            allowed = max(use.processors - MIN_FREE_CPUS, MAX_TAKEN_BESIDE_GPU * use.processors)
        if use.others + use.stolen > allowed:
            yield "other programs" if use.others >= use.stolen else "the virtual machine's host"
    gpu_share = reading.gpu_share if reading else None
    if gpu_share is not None and gpu_share > MAX_GPU_SHARE:
        yield "the GPU's other users"


def slept_seconds(epoch: Epoch) -> float:
    """How much longer an epoch took by the time of day than by its clock; 0 if that was not measured.

    On macOS the clock stands still while the computer sleeps. A time of day that is set forward looks
    the same; one that is set back leaves the epoch's own clock right.
    """
    return 0.0 if epoch.wall_seconds is None else max(epoch.wall_seconds - epoch.train_seconds, 0.0)


def disturbed_epochs(epochs: Sequence[Epoch], device: Device) -> list[Epoch]:
    """The steady epochs that were disturbed."""
    return [epoch for epoch in steady_epochs(epochs) if disturbances(epoch, device)]


def undisturbed_epochs(epochs: Sequence[Epoch], device: Device) -> list[Epoch]:
    """The steady epochs that nothing disturbed: those that speak for a run. All of them if none is."""
    return _undisturbed(epochs, device) or steady_epochs(epochs)


def _undisturbed(epochs: Sequence[Epoch], device: Device) -> list[Epoch]:
    return [epoch for epoch in steady_epochs(epochs) if not disturbances(epoch, device)]


def last_epoch(epochs: Sequence[Epoch], device: Device) -> Epoch:
    """The last epoch, or the last undisturbed one of its stage: what a bare step is compared with."""
    last_stage = [epoch for epoch in epochs if epoch.stage == epochs[-1].stage]
    undisturbed = (epoch for epoch in reversed(last_stage) if not disturbances(epoch, device))
    return next(undisturbed, epochs[-1])


def slow_epochs(epochs: Sequence[Epoch], device: Device) -> list[Epoch]:
    """The undisturbed epochs that took longer than their median by over 10 %: nothing says why."""
    undisturbed = _undisturbed(epochs, device)
    if not undisturbed:
        return []
    usual = median(epoch.train_seconds for epoch in undisturbed)
    return [epoch for epoch in undisturbed if epoch.train_seconds > (1 + MAX_SLOW_SHARE) * usual]


def pipeline_ratio(epochs: Sequence[Epoch], device: Device, *, step_images_per_second: float) -> float:
    """The last undisturbed epoch's rate as a multiple of the bare step's."""
    return images_per_second(last_epoch(epochs, device)) / step_images_per_second


def recorded_seconds(epochs: Sequence[Epoch]) -> float:
    """What the epochs took in all, with evaluation and what was written to disk. A run takes longer."""
    return sum(
        epoch.train_seconds
        + epoch.evaluate_seconds
        + (epoch.best_weights_seconds or 0)
        + (epoch.checkpoint_seconds or 0)
        for epoch in epochs
    )


def typical_images_per_second(epochs: Sequence[Epoch], device: Device) -> float:
    """The median rate of the undisturbed epochs."""
    return median(images_per_second(epoch) for epoch in undisturbed_epochs(epochs, device))


def drift(epochs: Sequence[Epoch], device: Device, *, cold_probe_seconds: float) -> Drift:
    """How the rate changed from the first third of the undisturbed epochs to the last, by their medians.

    Of the reference kernel, how its last third, without disturbed epochs, compares with its time on the
    cold device. With fewer than six epochs, or without probes, the figures are None.
    """
    rates = [images_per_second(epoch) for epoch in _undisturbed(epochs, device)]
    third = len(rates) // 3
    enough = len(rates) >= MIN_DRIFT_EPOCHS
    early, late = (median(rates[:third]), median(rates[-third:])) if enough else (None, None)
    calm = [epoch for epoch in epochs if not disturbances(epoch, device)]
    probes = [epoch.probe_seconds for epoch in calm if epoch.probe_seconds is not None]
    return Drift(
        early_images_per_second=early,
        late_images_per_second=late,
        drift=late / early - 1 if early is not None and late is not None else None,
        probe_drift=cold_probe_seconds / _median_of_last_third(probes) - 1 if probes else None,
    )


def _median_of_last_third(values: Sequence[float]) -> float:
    return median(values[-max(1, len(values) // 3) :])


def usual_step_seconds(epochs: Sequence[Epoch], steps: int) -> float:
    """The median of the mean seconds a step of the first stage's epochs, in `steps` steps each.

    Warm-ups are left out where there are others; of one epoch alone its other steps count.
    """
    stage = [epoch for epoch in epochs if epoch.stage == epochs[0].stage]
    if usual := [epoch for epoch in stage if not epoch.warm_up]:
        return median(epoch.train_seconds for epoch in usual) / steps
    first = stage[0]
    return (first.train_seconds - (first.first_step_seconds or 0.0)) / max(steps - 1, 1)


def compile_seconds(epochs: Sequence[Epoch], steps: int) -> float | None:
    """By how many seconds the first step of a run's first process exceeds the usual one; 0 if by none.

    An engine that is compiled compiles in it; an epoch has `steps` steps. None where it was not
    recorded, or is longer than its epoch, which no step is.
    """
    if not epochs or (first := epochs[0].first_step_seconds) is None:
        return None
    if first > epochs[0].train_seconds:
        return None
    return max(first - usual_step_seconds(epochs, steps), 0.0)


def peak_host_bytes(epochs: Sequence[Epoch]) -> int | None:
    """The largest peak of host memory over the epochs; None where it was not measured."""
    return _largest(epoch.peak_host_bytes for epoch in epochs)


def peak_device_bytes(epochs: Sequence[Epoch]) -> int | None:
    """The largest peak of the device's own memory over the epochs; None where it was not measured."""
    return _largest(epoch.peak_device_bytes for epoch in epochs)


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


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
    """The median over the undisturbed epochs, and the sum of the training epochs up to the best one."""

    def joules(epoch: Epoch) -> float | None:
        # While a computer sleeps its counters may go on, and RAPL's may begin anew.
        if not epoch.energy_joules or slept_seconds(epoch) > MAX_SECONDS_APART:
            return None
        return processor_and_gpu_joules(epoch.energy_joules, device)

    undisturbed = [joules(epoch) for epoch in undisturbed_epochs(epochs, device)]
    measured = [value for value in undisturbed if value is not None]
    per_epoch = median(measured) if len(measured) == len(undisturbed) else None
    to_best = [joules(epoch) for epoch in epochs if epoch.epoch <= (best_epoch or 0)]
    measured_to_best = [value for value in to_best if value is not None]
    complete = to_best and len(measured_to_best) == len(to_best)
    return RunEnergy(
        per_epoch=per_epoch,
        per_image=per_epoch / epochs[-1].images if per_epoch is not None else None,
        to_best_epoch=sum(measured_to_best) if complete else None,
    )


def gpu_joules_per_epoch(epochs: Sequence[Epoch], device: Device) -> float | None:
    """The GPU's own joules, idle power included: the median over the undisturbed epochs on a GPU.

    A figure beside a run's energy, where the CPU's counter cannot be read. None on the CPU, and if any
    of these epochs has none.
    """
    if device == "cpu":
        return None
    parts = [(epoch.energy_joules or {}).get("gpu") for epoch in undisturbed_epochs(epochs, device)]
    measured = [joules for joules in parts if joules is not None]
    return median(measured) if len(measured) == len(parts) else None
