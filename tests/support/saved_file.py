"""Whole saved files of two computers; every figure is derived by the code that a run derives it with."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace
from pytest_benchmark.stats import Stats

from alexnet import imagenet
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import Network, network
from alexnet.weights import AS_IT_IS
from bench.check.start import drawn_sha256, first_weights_sha256
from bench.records import derive, plausible
from bench.records.flops import attainable_flops_per_second, training_flops
from bench.records.run import SessionRun
from bench.records.types import (
    SCHEMA_VERSION,
    Cell,
    Check,
    Epoch,
    Failure,
    Gate,
    Interference,
    Interruption,
    Machine,
    Pause,
    Pictures,
    Reads,
    Result,
    SkippedCell,
    Start,
    TransferredTensor,
)
from bench.records.verdict import judge
from bench.records.write import extra_info, with_checksums
from tests.support import samples

Content = dict[str, Any]

LINUX = Machine(
    name="vm",
    chip="AMD EPYC",
    model=None,
    cpu_cores={"cores": 2},
    gpu=None,
    gpu_cores=None,
    memory_bytes=24 * 2**30,
    os="Debian GNU/Linux 12 (bookworm)",
    os_build=None,
    python="3.11.7",
    architecture="x86_64",
    translated=None,
    virtual=True,
    packages={"torch": "2.14.1"},
)
MAC = replace(LINUX, name="mac", chip="Apple M3", model="Mac15,12", os="macOS 15.6.1", virtual=False)
PLAN = replace(samples.PLAN, epochs=4, patience=2)
ROOFLINE = replace(samples.ROOFLINE, flops_per_second=400e9)
BEFORE = replace(samples.CONDITION, taken_at="2026-11-24T12:00:00+00:00", thermal=None)
AFTER = replace(BEFORE, taken_at="2026-11-24T14:05:00+02:00")  # 5 minutes later, in another zone
FALLING, RISING_AGAIN = (2.25, 2.0, 1.75, 1.5), (2.25, 2.0, 2.125, 2.0625)
"""Validation losses of four epochs: with the second, patience runs out after the last."""
SCRATCH = Cell(experiment="scratch", engine="torch", device="cpu", seed=0)
NO_FAULTS = (
    *("protocol", "placement", "same bytes", "range", "finite", "images", "disjoint", "sets"),
    *("same pixels", "moved"),
)
LIMITS = {
    **dict.fromkeys(NO_FAULTS, (0.0, 0.0, 0.0)),
    "dropout": (0.2, 1e-6, 1.0),
    "twice the work": (2.0, 1.6, 2.5),
    "nothing left": (0.01, 0.0, 0.1),
    "momentum": (2e-8, 0.0, 1e-5),
    "weight decay": (1e-10, 0.0, 1e-6),
    "later rate": (1e-7, 0.0, 1e-4),
    "dropout share": (0.5, 0.0, 5.0),
    "dropout scale": (1e-5, 0.0, 1e-2),
    "dropout masks": (1.5, -5.0, 5.0),
    "precision": (19.25, 17.0, 23.0),
}
"""Check -> measured, lower and upper limit, where the limits are the same for every network."""
GATE_CHECKS = (
    *("layers", "logits", "later logits", "loss", "gradient", "update", "three losses"),
    *("three steps", "momentum", "weight decay", "own logits", "dropout share", "dropout scale"),
    *("dropout masks", "dropout", "placement", "twice the work", "nothing left", "same bytes"),
    *("precision", "range", "protocol", "later gradient", "later rate"),
)
"""The gate's checks of a network with dropout."""


def passed_checks(*names: str) -> tuple[Check, ...]:
    limits = {name: LIMITS.get(name, (1e-6, 0.0, 1e-3)) for name in names}
    return tuple(
        Check(name=name, measured=measured, lower=lower, upper=upper, description=f"what {name} says")
        for name, (measured, lower, upper) in limits.items()
    )


def make_interference(seconds: float, *, on_mac: bool, others: float = 0.01) -> Interference:
    """Two processors, all of which a run on the CPU uses and a run on the GPU nearly none.

    `others` is how many of them others take.
    """
    busy = 0.2 + others if on_mac else 1.99
    return Interference(
        busy_cpu_seconds=busy * seconds,
        idle_cpu_seconds=(2 - busy) * seconds,
        own_cpu_seconds=(busy - others) * seconds,
        stolen_cpu_seconds=None if on_mac else 0.0,
        gpu_share=0.02 if on_mac else None,
    )


def make_epoch(
    number: int, loss: float | None, best: bool, cell: Cell, seconds: float, *, warm_up: bool
) -> Epoch:
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(PLAN.epochs)
    stage = recipe.stage_index(number)
    on_mac = cell.device == "mps"
    train_seconds = seconds + number / 7
    return Epoch(
        epoch=number,
        warm_up=warm_up,
        stage=stage + 1,
        learning_rate=recipe.stages[stage].learning_rate,
        images=640,
        train_seconds=train_seconds,
        wall_seconds=train_seconds + 1e-5,
        feed_seconds=0.01,
        evaluate_seconds=0.5,
        best_weights_seconds=0.1 if best else None,
        checkpoint_seconds=0.3 if number % 2 else None,
        probe_seconds=0.02 + number / 1e4,
        train_loss=loss,
        train_accuracy=0.1,
        validation_loss=loss,
        validation_accuracy=0.15,
        peak_host_bytes=10**9 + number,
        peak_device_bytes=10**8 - number if on_mac else None,
        energy_joules={"cpu": 50.0 + number, "gpu": 300.0 / number, "dram": 9.0} if on_mac else None,
        interference=make_interference(train_seconds, on_mac=on_mac),
    )


def make_start(cell: Cell, machine: Machine) -> Start:
    experiment = EXPERIMENTS[cell.experiment]
    net, drawn = network(experiment.variant, image_size=64), not experiment.pretrained
    return Start(
        started_at="2026-11-24T12:00:05+00:00",
        variant=net.variant,
        parameters=net.parameters,
        forward_flops=net.forward_flops,
        steps_per_epoch=10,
        data_sha256="0" * 64,
        train_images=640,
        validation_images=500,
        test_images=500,
        weights_origin="he-uniform" if drawn else "torchvision",
        weights_source_sha256=None if drawn else "7be5be79" + "0" * 56,
        weights_sha256=first_weights_sha256("he-uniform", net.variant, 64, cell.seed)
        if drawn
        else "5" * 64,
        weight_transfer=None if drawn else make_transfer(net, seed=cell.seed),
        device_name="CPU" if cell.device == "cpu" else "Apple M3",
        versions={cell.engine: "2.14.1", "numpy": "2.0.2"},
        settings={"threads": "2"},
        meters={"time": Reads(kind="perf counter")},
        baseline_host_bytes=5 * 10**8,
        idle_watts={"cpu": 0.5, "gpu": 0.1} if machine is MAC else None,
        roofline=ROOFLINE,
        probe_flops=2 * 10**9,
        probe_seconds=0.02,
    )


def make_transfer(
    net: Network, layouts: Mapping[str, str] | None = None, *, seed: int = 0
) -> tuple[TransferredTensor, ...]:
    """As of an engine that lays each tensor out as `layouts` says, by default as it is.

    A tensor that the seed did not draw has the hash of its name.
    """
    sources = imagenet.sources(net)
    return tuple(
        TransferredTensor(
            name=name,
            shape=shape,
            source=sources.get(name),
            layout=(layouts or {}).get(name, AS_IT_IS),
            sha256=sha256(name.encode()).hexdigest()
            if name in sources
            else drawn_sha256(name, shape, seed),
        )
        for name, shape in net.tensors.items()
    )


UNANSWERED = Gate(
    checks=(
        Check(name="gate", measured=None, lower=0, upper=0, description="it did not answer: killed"),
    ),
    not_checked=(),
    arithmetic=None,
    precision=None,
    weights_sha256=None,
    batch_sha256=None,
    seconds=None,
)


def make_run(
    cell: Cell,
    losses: tuple[float | None, ...],
    *,
    machine: Machine = LINUX,
    seconds: float = 2.0,
    gate: Gate | None = None,
    interruptions: list[Interruption] | None = None,
    warm_ups: tuple[int, ...] = (1,),
    steps_disturbed: bool = False,
) -> Content:
    """A run as it is saved, every figure derived by the code that derives it in a worker.

    Where the bare steps were disturbed, they seem to be slower than the epochs.
    """
    epochs, lowest = [], 9.0
    for number, loss in enumerate(losses, 1):
        better = loss is not None and loss < lowest
        lowest = min(lowest, loss or lowest)
        epochs.append(make_epoch(number, loss, better, cell, seconds, warm_up=number in warm_ups))
    trained = not interruptions or interruptions[-1].resumed_after < len(epochs)
    start = make_start(cell, machine)
    before, after = BEFORE, AFTER
    if machine is MAC:  # as if vm_stat had failed
        before = replace(before, swapped_in_bytes=None, swapped_out_bytes=None)
        after = replace(after, swapped_in_bytes=None, swapped_out_bytes=None)
    has_dropout = cell.experiment != "mistaken"
    gate = gate or Gate(
        checks=passed_checks(
            *(name for name in GATE_CHECKS if has_dropout or not name.startswith("dropout"))
        ),
        not_checked=(),
        arithmetic=samples.ARITHMETIC,
        precision="float32",
        weights_sha256=start.weights_sha256,
        batch_sha256="3" * 64,
        seconds=9.5,
    )
    return make_saved_run(
        machine,
        cell,
        gate=gate,
        before=before,
        start=start,
        epochs=epochs,
        result=make_result(cell, start, epochs, trained=trained, steps_disturbed=steps_disturbed),
        after=after,
        interruptions=interruptions or [],
    )


PICTURES = Pictures(
    positions=tuple(range(16)),
    pixels=base64.b64encode(bytes(range(256)) * (16 * 12)).decode(),
    labels=tuple(i % 10 for i in range(16)),
    answers=(1, *(i % 10 for i in range(1, 16))),
    shares=(0.4,) * 16,
)


def make_result(
    cell: Cell, start: Start, epochs: list[Epoch], *, trained: bool, steps_disturbed: bool
) -> Result:
    """The result of a process that has trained an epoch, or resumed the run after its last one."""
    net = network(start.variant, image_size=64)
    losses = [(e.validation_loss, e.epoch) for e in epochs if e.validation_loss is not None]
    best_epoch, diverged = min(losses)[1] if losses else None, len(losses) < len(epochs)
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(PLAN.epochs)
    before_last = PLAN.epochs - recipe.stages[-1].epochs
    converged = len(epochs) - max(best_epoch or 0, before_last) >= PLAN.patience and not diverged
    typical = derive.typical_images_per_second(epochs, cell.device)
    flops = typical * training_flops(net)
    columns = 11 if cell.experiment == "mistaken" else 10
    confusion = tuple(
        tuple(14 if i == j else 4 if j < 10 else 0 for j in range(columns)) for i in range(10)
    )
    energy = derive.run_energy(epochs, best_epoch, cell.device)
    step_rate, others = (160.0, 1.0) if steps_disturbed else (325.0, 0.01)
    step_seconds = 10 * 64 / step_rate
    pipeline_ratio = derive.images_per_second(epochs[-1]) / step_rate
    return Result(
        epochs=len(epochs),
        best_epoch=best_epoch,
        stopped="diverged" if diverged else "patience" if converged else "cap",
        converged_at=best_epoch if converged else None,
        test_images=500,
        test_loss=None if diverged else 2.1,
        test_accuracy=None if diverged else 0.28,
        per_class_accuracy=None if diverged else (0.28,) * 10,
        confusion=None if diverged else confusion,
        pictures=None if diverged else PICTURES,
        epoch_images_per_second=typical,
        step_images_per_second=step_rate,
        step_seconds=step_seconds,
        step_interference=make_interference(step_seconds, on_mac=cell.device == "mps", others=others),
        pipeline_ratio=pipeline_ratio,
        achieved_flops_per_second=flops,
        roofline_share=flops / attainable_flops_per_second(net, 64, ROOFLINE),
        drift=derive.drift(epochs, cell.device, cold_probe_seconds=0.02),
        peak_host_bytes=max(e.peak_host_bytes or 0 for e in epochs),
        peak_device_bytes=max(e.peak_device_bytes or 0 for e in epochs) or None,
        joules_per_epoch=energy.per_epoch,
        joules_per_image=energy.per_image,
        joules_to_best_epoch=energy.to_best_epoch,
        weights_sha256=None if diverged else "2" * 64,
        data_sha256="0" * 64,
        batches_sha256="4" * 64 if trained else None,
        versions=start.versions,
        checks=result_checks(
            epochs,
            None if steps_disturbed else pipeline_ratio,
            diverged=diverged,
            trained=trained,
        ),
        total_seconds=200.0,
    )


def result_checks(
    epochs: list[Epoch], pipeline_ratio: float | None, *, diverged: bool, trained: bool
) -> tuple[Check, ...]:
    """Those of a run whose epochs are long enough to tell the clock, and which has seen few images.

    Without a `pipeline_ratio` the check `pipeline` is not asked.
    """
    best = min((e.validation_loss, e.validation_accuracy) for e in epochs if e.validation_loss)[1]
    apart = plausible.max_accuracy_difference(0.28, best, test_images=500, validation_images=500)
    validation = {} if diverged else {"validation": (0.28 - best, 0.0, apart)}
    measured = {
        "clock": (plausible.clock_ratio(epochs), 0.99, 1.01),
        **({"pipeline": (pipeline_ratio, 0.0, 1.2)} if trained and pipeline_ratio else {}),
        **validation,
    }
    return (
        *passed_checks("finite", "images", "disjoint", "sets"),
        *(passed_checks("same pixels") if trained else ()),
        *(
            Check(name=name, measured=value, lower=lower, upper=upper, description=f"what {name} says")
            for name, (value, lower, upper) in measured.items()
        ),
        *(() if diverged else passed_checks("moved")),
    )


def make_saved_run(machine: Machine, cell: Cell, **parts: Any) -> Content:
    """The run as `extra_info` saves it, with its verdict."""
    run = replace(SessionRun.of_cell(cell, PLAN), **parts)
    run.verdict = judge(run, machine)
    return extra_info(run)


def make_benchmark(run: Content) -> Content:
    """The run with the statistics that pytest-benchmark makes of its rounds."""
    stats: Any = Stats()  # type: ignore[no-untyped-call]
    cell = Cell(**run["cell"])
    for epoch in run["epochs"]:
        if not epoch["warm_up"]:
            stats.update(epoch["train_seconds"])
    figures = stats.as_dict() | {"data": stats.data, "iterations": 1}
    return {"name": f"test_train[{cell.id}]", "param": cell.id, "extra_info": run, "stats": figures}


def make_file(
    machine: Machine, benchmarks: list[Content], failures: list[Content], skipped: list[Content]
) -> Content:
    runs = [_minutes_later(run, 10 * place) for place, run in enumerate([*benchmarks, *failures])]
    benchmarks, failures = runs[: len(benchmarks)], runs[len(benchmarks) :]
    content = {
        "schema": SCHEMA_VERSION,
        "machine_info": {"machine": to_builtins(machine), "cpu": {"count": 2}},
        "benchmarks": [make_benchmark(run) for run in benchmarks],
        "failures": failures,
        "skipped": skipped,
        "interruptions": [],
        "version": "5.3.1",
    }
    return json.loads(json.dumps(with_checksums(content)))  # type: ignore[no-any-return]


def _minutes_later(run: Content, minutes: int) -> Content:
    """The run as much later, since a machine measures one cell after the other."""

    def later(value: Any) -> Any:
        if isinstance(value, list):
            return [later(item) for item in value]
        return {
            key: (datetime.fromisoformat(item) + timedelta(minutes=minutes)).isoformat()
            if key in TIMES
            else item
            for key, item in value.items()
        }

    parts = ("before", "start", "after", "interruptions")
    return run | {part: later(run[part]) for part in parts if run[part]}


TIMES = ("taken_at", "started_at", "stopped_at", "resumed_at")


def linux_file() -> Content:
    """Three benchmarks, the first of which converged; one run diverged, one was killed, one was
    interrupted in its gate, and the gate of one did not answer."""
    tensorflow = replace(SCRATCH, engine="tensorflow")
    augmented = replace(SCRATCH, experiment="augmented")
    killed = Failure(reason="the worker was killed by signal 9", log_tail="")
    return make_file(
        LINUX,
        [
            make_run(SCRATCH, RISING_AGAIN),
            make_run(tensorflow, FALLING),
            make_run(replace(tensorflow, experiment="mistaken"), FALLING),
        ],
        [
            make_run(augmented, (2.25, None)),
            make_saved_run(LINUX, replace(augmented, engine="tensorflow"), failure=killed),
            make_saved_run(LINUX, replace(augmented, seed=1)),  # Ctrl-C while its gate ran
            make_run(replace(augmented, seed=2), FALLING, gate=UNANSWERED),
        ],
        [
            to_builtins(
                SkippedCell(
                    cell=replace(SCRATCH, experiment="pretrained"), plan=PLAN, reason="no weights"
                )
            )
        ],
    )


def mac_file() -> Content:
    """Two benchmarks with energy, one of them in two stages."""
    mps = replace(SCRATCH, device="mps")
    benchmarks = [
        make_run(mps, FALLING, machine=MAC, seconds=30),
        make_run(replace(mps, experiment="pretrained"), RISING_AGAIN, machine=MAC, seconds=25),
    ]
    return make_file(MAC, benchmarks, [], [])


CUT_OFF = Interruption(
    stopped_at="2026-11-24T12:01:00+00:00",
    why="the worker was killed after epoch 2",
    resumed_at="2026-11-24T14:01:30+02:00",
    seconds=30.0,
    differences=(),
    after_epoch=2,
    resumed_after=2,
    went_back_because=None,
)
SET_BACK = replace(
    CUT_OFF, after_epoch=4, resumed_after=1, went_back_because="that was the last checkpoint"
)
STARTED_OVER = replace(CUT_OFF, resumed_after=0, went_back_because="no checkpoint had been taken yet")
CUTS: dict[str, tuple[list[Interruption], tuple[int, ...]]] = {
    "once": ([CUT_OFF], (1, 3)),
    "twice at one epoch": ([CUT_OFF, replace(CUT_OFF, why=None)], (1, 3)),
    "twice": ([CUT_OFF, replace(CUT_OFF, after_epoch=3, resumed_after=3)], (1, 3, 4)),
    "set back behind another": ([CUT_OFF, SET_BACK], (1, 2)),
    "begun anew": ([CUT_OFF, STARTED_OVER], (1,)),
    "after its last epoch": ([replace(CUT_OFF, after_epoch=4, resumed_after=4)], (1,)),
    "by a clock that was set back": (
        [replace(CUT_OFF, resumed_at=CUT_OFF.stopped_at, seconds=0.0)],
        (1, 3),
    ),
}
"""How a run of four epochs was cut off, and which of its epochs are warm-ups then."""


def interrupted_file(cuts: list[Interruption], warm_ups: tuple[int, ...]) -> Content:
    """One run that was resumed in new processes, in a session that was resumed as well."""
    run = make_run(SCRATCH, FALLING, interruptions=cuts, warm_ups=warm_ups)
    content = make_file(LINUX, [run], [], [])
    pause = {name: getattr(CUT_OFF, name) for name in Pause.__struct_fields__}
    return content | {"interruptions": [to_builtins(Pause(**pause))]}


@cache
def saved_text(name: str) -> str:
    """The text of a genuine file; cached, since drawing its first weights takes a second."""
    if name == "interrupted":
        return json.dumps(interrupted_file(*CUTS["once"]))
    return json.dumps(linux_file() if name == "linux" else mac_file())


def genuine_content(name: str) -> Content:
    """A genuine file's content, to be edited."""
    content: Content = json.loads(saved_text(name))
    return content
