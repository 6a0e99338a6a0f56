"""A genuine file holds, whoever reads it; what contradicts itself in another is named, edit by edit."""

from __future__ import annotations

import base64
import copy
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.stats import Stats

from alexnet.recipe import EXPERIMENTS
from alexnet.spec import network
from alexnet.weights import fingerprint, initialise
from bench.check import __main__ as vet
from bench.check import checks as asked
from bench.check import rules
from bench.check.start import first_weights_sha256
from bench.host import condition
from bench.host.machine import describe
from bench.ipc.messages import Job
from bench.meters.meters import Meters
from bench.paths import ROOT
from bench.records import derive
from bench.records.checksum import run_checksum
from bench.records.read import MOST_BYTES, load
from bench.records.recipe import recipe_of
from bench.records.roofline import attainable_flops_per_second, training_flops
from bench.records.run import Run
from bench.records.types import (
    Cell,
    Check,
    Condition,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Machine,
    Pause,
    Pictures,
    Plan,
    Result,
    Roofline,
    Start,
)
from bench.records.verdict import judge
from bench.records.write import extra_info, with_checksums
from bench.worker.job import FirstWeights, build_start, load_data
from bench.worker.result import build_result
from bench.worker.training_loop import TrainingLoop

Content = dict[str, Any]
Change = Callable[[Content], None]

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
PLAN = Plan(
    profile="smoke",
    dataset="synthetic",
    data_provenance="made by this suite, as asked for",
    image_size=64,
    train_images=640,
    test_images=500,
    epochs=4,
    patience=2,
    batch_size=64,
)
ROOFLINE = Roofline(flops_per_second=400e9, bytes_per_second=36e9)
BEFORE = Condition(
    taken_at="2026-11-24T12:00:00+00:00",
    power="mains",
    low_power=False,
    thermal=None,
    load=0.4,
    available_memory_bytes=20 * 10**9,
    swap_used_bytes=0,
    swapped_in_bytes=0,
    swapped_out_bytes=0,
)
AFTER = replace(BEFORE, taken_at="2026-11-24T14:05:00+02:00")  # another zone: five minutes later
FALLING, TURNING = (2.25, 2.0, 1.75, 1.5), (2.25, 2.0, 2.125, 2.0625)
SCRATCH = Cell(experiment="scratch", framework="torch", device="cpu", seed=0)
NO_FAULT = ("placement", "same bytes", "finite", "disjoint", "moved")
LIMITS = {
    **dict.fromkeys(NO_FAULT, (0.0, 0.0, 0.0)),
    "dropout": (0.2, 1e-6, 1.0),
    "twice the work": (2.0, 1.6, 2.5),
    "nothing left": (0.01, 0.0, 0.1),
    "one network": (1e-14, 0.0, 1e-9),
}
"""Check -> measured, least and most, where those two are the same for every network."""
GATE_CHECKS = (
    *("layers", "logits", "loss", "gradient", "update", "three losses", "three steps"),
    *("own logits", "dropout", "placement", "twice the work", "nothing left"),
    *("same bytes", "one network", "both logits", "both three losses"),
)
"""Of a network with dropout that the other framework has trained as well."""


def checks(*names: str) -> tuple[Check, ...]:
    limits = {name: LIMITS.get(name, (1e-6, 0.0, 1e-3)) for name in names}
    return tuple(
        Check(name=name, measured=measured, least=least, most=most, says=f"what {name} says")
        for name, (measured, least, most) in limits.items()
    )


def epoch(
    number: int, loss: float | None, best: bool, cell: Cell, seconds: float, *, warm_up: bool
) -> Epoch:
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(PLAN.epochs)
    stage = recipe.stage_index(number)
    mac = cell.device == "mps"
    return Epoch(
        epoch=number,
        warm_up=warm_up,
        stage=stage + 1,
        learning_rate=recipe.stages[stage].learning_rate,
        images=640,
        train_seconds=seconds + number / 7,
        evaluate_seconds=0.5,
        best_weights_seconds=0.1 if best else None,
        checkpoint_seconds=0.3 if number % 2 else None,
        probe_seconds=0.02 + number / 1e4,
        train_loss=loss,
        train_accuracy=0.1,
        validation_loss=loss,
        validation_accuracy=0.15,
        peak_host_bytes=10**9 + number,
        peak_device_bytes=10**8 - number if mac else None,
        energy_joules={"cpu": 50.0 + number, "gpu": 300.0 / number, "dram": 9.0} if mac else None,
    )


def start_of(cell: Cell, here: Machine) -> Start:
    experiment = EXPERIMENTS[cell.experiment]
    net, drawn = network(experiment.variant, image_size=64), experiment.weights == "he-normal"
    return Start(
        schema=4,
        started_at="2026-11-24T12:00:05+00:00",
        variant=net.variant,
        parameters=net.parameters,
        forward_flops=net.forward_flops,
        steps_per_epoch=10,
        data_sha256="0" * 64,
        train_images=640,
        validation_images=500,
        test_images=500,
        weights_origin="he-normal" if drawn else "torchvision",
        weights_source_sha256=None if drawn else "7be5be79" + "0" * 56,
        weights_sha256=first_weights_sha256(net.variant, 64, cell.seed) if drawn else "5" * 64,
        device_name="CPU" if cell.device == "cpu" else "Apple M3",
        versions={cell.framework: "2.14.1", "numpy": "2.0.2"},
        settings={"threads": "2"},
        meters={"time": "perf_counter"},
        baseline_host_bytes=5 * 10**8,
        idle_watts={"cpu": 0.5, "gpu": 0.1} if here is MAC else None,
        roofline=ROOFLINE,
        probe_flops=2 * 10**9,
        probe_seconds=0.02,
    )


UNANSWERED = Gate(
    checks=(Check(name="gate", measured=None, least=0, most=0, says="it did not answer: killed"),),
    not_checked=(),
    weights_sha256=None,
    batch_sha256=None,
    seconds=None,
)


def run_of(
    cell: Cell,
    losses: tuple[float | None, ...],
    *,
    here: Machine = LINUX,
    seconds: float = 2.0,
    gate: Gate | None = None,
    interruptions: list[Interruption] | None = None,
    warm_ups: tuple[int, ...] = (1,),
) -> Content:
    """A run as it is saved, every figure derived by the code that derives it in a worker."""
    epochs, lowest = [], 9.0
    for number, loss in enumerate(losses, 1):
        better = loss is not None and loss < lowest
        lowest = min(lowest, loss or lowest)
        epochs.append(epoch(number, loss, better, cell, seconds, warm_up=number in warm_ups))
    start = start_of(cell, here)
    before, after = BEFORE, AFTER
    if here is MAC:  # whose vm_stat said nothing
        before, after = (
            replace(one, swapped_in_bytes=None, swapped_out_bytes=None) for one in (before, after)
        )
    none = ("dropout",) if cell.experiment == "mistaken" else ()
    gate = gate or Gate(
        checks=checks(*(name for name in GATE_CHECKS if name not in none)),
        not_checked=(),
        weights_sha256=start.weights_sha256,
        batch_sha256="3" * 64,
        seconds=9.5,
    )
    result = result_of(cell, start, epochs)
    return whole(
        here,
        cell,
        gate=gate,
        before=before,
        start=start,
        epochs=epochs,
        result=result,
        after=after,
        interruptions=interruptions or [],
    )


SHOWN = Pictures(
    positions=tuple(range(16)),
    pixels=base64.b64encode(bytes(range(256)) * (16 * 12)).decode(),
    labels=tuple(i % 10 for i in range(16)),
    answers=(1, *(i % 10 for i in range(1, 16))),
    shares=(0.4,) * 16,
)


def result_of(cell: Cell, start: Start, epochs: list[Epoch]) -> Result:
    net = network(start.variant, image_size=64)
    losses = [(e.validation_loss, e.epoch) for e in epochs if e.validation_loss is not None]
    best, diverged = min(losses)[1] if losses else None, len(losses) < len(epochs)
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(PLAN.epochs)
    before_last = PLAN.epochs - recipe.stages[-1].epochs
    patience = len(epochs) - max(best or 0, before_last) >= PLAN.patience
    typical = derive.typical_images_per_second(epochs)
    flops = typical * training_flops(net)
    columns = 11 if cell.experiment == "mistaken" else 10
    confusion = tuple(
        tuple(14 if i == j else 4 if j < 10 else 0 for j in range(columns)) for i in range(10)
    )
    joules = derive.run_energy(epochs, best, cell.device)
    return Result(
        epochs=len(epochs),
        best_epoch=best,
        stopped="diverged" if diverged else "patience" if patience else "cap",
        converged_at=best if patience and not diverged else None,
        test_images=500,
        test_loss=None if diverged else 2.1,
        test_accuracy=None if diverged else 0.28,
        per_class_accuracy=None if diverged else (0.28,) * 10,
        confusion=None if diverged else confusion,
        pictures=None if diverged else SHOWN,
        epoch_images_per_second=typical,
        step_images_per_second=325.0,
        pipeline_ratio=derive.images_per_second(epochs[-1]) / 325.0,
        achieved_flops_per_second=flops,
        roofline_share=flops / attainable_flops_per_second(net, 64, ROOFLINE),
        drift=derive.drift(epochs, cold_probe_seconds=0.02),
        peak_host_bytes=max(e.peak_host_bytes or 0 for e in epochs),
        peak_device_bytes=max(e.peak_device_bytes or 0 for e in epochs) or None,
        joules_per_epoch=joules.per_epoch,
        joules_per_image=joules.per_image,
        joules_to_best_epoch=joules.to_best_epoch,
        weights_sha256=None if diverged else "2" * 64,
        data_sha256="0" * 64,
        versions=start.versions,
        checks=checks("finite", "disjoint", *(() if diverged else ("moved",))),
        total_seconds=200.0,
    )


def whole(here: Machine, cell: Cell, **parts: Any) -> Content:
    """The run with its verdict, through `saving.extra_info` as it is saved."""
    run = Run(cell=cell, plan=PLAN, **parts)
    run.verdict = judge(
        machine=here,
        gate=run.gate,
        before=run.before,
        start=run.start,
        result=run.result,
        after=run.after,
        interruptions=run.interruptions,
    )
    return extra_info(run)


def benchmark(run: Content) -> Content:
    stats: Any = Stats()  # type: ignore[no-untyped-call]
    cell = Cell(**run["cell"])
    for one in run["epochs"]:
        if not one["warm_up"]:
            stats.update(one["train_seconds"])
    figures = stats.as_dict() | {"data": stats.data, "iterations": 1}
    return {"name": f"test_train[{cell.id}]", "param": cell.id, "extra_info": run, "stats": figures}


def file_of(here: Machine, good: list[Content], bad: list[Content], skipped: list[Content]) -> Content:
    content = {
        "machine_info": {"machine": asdict(here), "cpu": {"count": 2}},
        "benchmarks": [benchmark(run) for run in good],
        "failures": bad,
        "skipped": skipped,
        "interruptions": [],
        "version": "5.3.1",
    }
    return json.loads(json.dumps(with_checksums(content)))  # type: ignore[no-any-return]


def linux() -> Content:
    """Three benchmarks, the first out of patience; one diverged, two failed, one gate did not answer."""
    tensorflow = replace(SCRATCH, framework="tensorflow")
    augmented = replace(SCRATCH, experiment="augmented")
    lost = Failure(reason="the worker was killed by signal 9", log_tail="")
    return file_of(
        LINUX,
        [
            run_of(SCRATCH, TURNING),
            run_of(tensorflow, FALLING),
            run_of(replace(tensorflow, experiment="mistaken"), FALLING),
        ],
        [
            run_of(augmented, (2.25, None)),
            whole(LINUX, replace(augmented, framework="tensorflow"), failure=lost),
            whole(LINUX, replace(augmented, seed=1)),  # Ctrl-C while its gate was asked
            run_of(replace(augmented, seed=2), FALLING, gate=UNANSWERED),
        ],
        [
            {
                "cell": asdict(replace(SCRATCH, experiment="pretrained")),
                "plan": asdict(PLAN),
                "reason": "no weights",
            }
        ],
    )


def mac() -> Content:
    """Both kinds of stage, and energy in epochs that are long enough."""
    mps = replace(SCRATCH, device="mps")
    good = [
        run_of(mps, FALLING, here=MAC, seconds=30),
        run_of(replace(mps, experiment="pretrained"), TURNING, here=MAC, seconds=25),
    ]
    return file_of(MAC, good, [], [])


CUT_OFF = Interruption(
    stopped_at="2026-11-24T12:01:00+00:00",
    why="the worker was killed after epoch 2",
    resumed_at="2026-11-24T14:01:30+02:00",
    seconds=30.0,
    differences=(),
    after_epoch=2,
    resumed_after=2,
    setback=None,
)
SET_BACK = replace(CUT_OFF, after_epoch=4, resumed_after=1, setback="that was the last checkpoint")
BEGUN_ANEW = replace(CUT_OFF, resumed_after=0, setback="no checkpoint had been taken yet")
CUTS: dict[str, tuple[list[Interruption], tuple[int, ...]]] = {
    "once": ([CUT_OFF], (1, 3)),
    "twice at one epoch": ([CUT_OFF, replace(CUT_OFF, why=None)], (1, 3)),
    "twice": ([CUT_OFF, replace(CUT_OFF, after_epoch=3, resumed_after=3)], (1, 3, 4)),
    "set back behind another": ([CUT_OFF, SET_BACK], (1, 2)),
    "begun anew": ([CUT_OFF, BEGUN_ANEW], (1,)),
    "after its last epoch": ([replace(CUT_OFF, after_epoch=4, resumed_after=4)], (1,)),
    "by a clock that was set back": (
        [replace(CUT_OFF, resumed_at=CUT_OFF.stopped_at, seconds=0.0)],
        (1, 3),
    ),
}
"""How a run of four epochs was cut off, and which of them are warm-ups then."""


def interrupted(cuts: list[Interruption], warm_ups: tuple[int, ...]) -> Content:
    """One run that went on in other processes, in a session that a later one went on with."""
    content = file_of(LINUX, [run_of(SCRATCH, FALLING, interruptions=cuts, warm_ups=warm_ups)], [], [])
    pause = {name: getattr(CUT_OFF, name) for name in Pause.__dataclass_fields__}
    return content | {"interruptions": [asdict(Pause(**pause))]}


@cache
def written(name: str) -> str:
    """A genuine file as it is saved; made once and where asked, since drawing weights takes a second."""
    if name == "interrupted":
        return json.dumps(interrupted(*CUTS["once"]))
    return json.dumps(linux() if name == "linux" else mac())


def genuine(name: str) -> Content:
    """A genuine file's content, to be edited."""
    content: Content = json.loads(written(name))
    return content


def found(content: Any) -> list[str]:
    return rules.violations(load(content))


def resealed(content: Content) -> Content:
    for run in [b["extra_info"] for b in content["benchmarks"]] + content["failures"]:
        run["seal"] = run_checksum(run, content["machine_info"]["machine"])
    return content


def put(path: str, value: Any) -> Change:
    """Puts a value, or what a function makes of the old one; `run` is the first benchmark's run."""
    keys: list[Any] = [int(key) if key.isdigit() else key for key in path.split("/")]
    if keys[0] == "run":
        keys[:1] = ["benchmarks", 0, "extra_info"]

    def change(content: Content) -> None:
        inner: Any = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value(inner[keys[-1]]) if callable(value) else value

    return change


def both(*changes: Change) -> Change:
    def change(content: Content) -> None:
        for one in changes:
            one(content)

    return change


def move(source: str, target: str) -> Change:
    def change(content: Content) -> None:
        run = content[source].pop(0)
        content[target].insert(0, run["extra_info"] if source == "benchmarks" else benchmark(run))

    return change


OTHER, LAST = "f" * 64, "run/epochs/3"
TENSORFLOW = "benchmarks/1/extra_info"
without_last: Callable[[list[Any]], list[Any]] = lambda items: items[:-1]  # noqa: E731
without_first: Callable[[list[Any]], list[Any]] = lambda items: items[1:]  # noqa: E731
twice: Callable[[float], float] = lambda figure: 2 * figure  # noqa: E731


def without(name: str) -> Callable[[list[Content]], list[Content]]:
    """All checks but one."""
    return lambda items: [one for one in items if one["name"] != name]


def limit(name: str, side: str, value: float) -> Change:
    """Moves a limit of one of the gate's checks in the first benchmark."""
    return put(f"run/gate/checks/{GATE_CHECKS.index(name)}/{side}", value)


def cuts(**changes: Any) -> Change:
    """Says of the first benchmark that it was cut off after its second epoch."""
    return put("run/interruptions", [asdict(CUT_OFF) | changes])


EDITS: dict[str, list[tuple[Change, str]]] = {
    "checksum_fits": [
        (put("run/seal", OTHER), "seal does not fit"),
    ],
    "verdict_follows": [
        (put("run/verdict/warnings", ["on battery"]), "verdict.warnings has no ground for: on"),
        (put("run/after/power", "battery"), "verdict.warnings leaves out: on battery"),
        (put("run/gate/checks/1/measured", 0.5), 'verdict.validity is "valid", and'),
        (put("run/gate/weights_sha256", OTHER), "leaves out: the gate was asked with other first"),
        (put("run/result/data_sha256", OTHER), "leaves out: the images in memory at the end"),
        (put("run/result/versions/torch", "2.15"), "leaves out: the versions at the end"),
        (put("failures/0/verdict/validity", "valid"), 'verdict.validity is "valid", and'),
        (put("failures/0/verdict/reasons", without_last), "verdict.reasons leaves out: diverged"),
        (put("machine_info/machine/model", "VirtualMac2,1"), "leaves out: a virtual Mac"),
        (cuts(), "verdict.warnings leaves out: cut off after epoch 2"),
    ],
    "stands_in_its_place": [
        (move("failures", "benchmarks"), "it is no benchmark, and it stands among them"),
        (move("benchmarks", "failures"), "it is a benchmark, and it stands among the fail"),
        (put("run/failure", {"reason": "x", "log_tail": ""}), "result and failure are both"),
    ],
    "figures_in_range": [
        (put(f"{LAST}/train_seconds", -1.0), r"epochs\[3\].train_seconds is -1, which it cannot"),
        (put(f"{LAST}/train_seconds", 0), r"epochs\[3\].train_seconds is 0, which it cannot"),
        (put(f"{LAST}/train_accuracy", 1.5), r"epochs\[3\].train_accuracy is 1.5"),
        (put(f"{LAST}/validation_loss", -0.5), r"epochs\[3\].validation_loss is -0.5"),
        (put(f"{LAST}/peak_host_bytes", 0), r"epochs\[3\].peak_host_bytes is 0"),
        (put(f"{LAST}/probe_seconds", 0.0), r"epochs\[3\].probe_seconds is 0"),
        (put(f"{LAST}/energy_joules", {"gpu": -3.0}), r"epochs\[3\].energy_joules.gpu is -3"),
        (put("run/start/roofline/flops_per_second", 0.0), "start.roofline.flops_per_second is 0"),
        (put("run/before/load", -1.0), "before.load is -1"),
        (put(f"{LAST}/best_weights_seconds", -1.0), r"epochs\[3\].best_weights_seconds is -1"),
        (put(f"{LAST}/checkpoint_seconds", 0.0), r"epochs\[3\].checkpoint_seconds is 0"),
        (cuts(after_epoch=-1), r"interruptions\[0\].after_epoch is -1"),
        (cuts(resumed_after=-1), r"interruptions\[0\].resumed_after is -1"),
        (cuts(seconds=-30.0), r"interruptions\[0\].seconds is -30"),
        (put("run/cell/seed", -1), "cell.seed is -1"),
        (put("run/plan/batch_size", 0), "plan.batch_size is 0"),
        (put("run/plan/image_size", 10**9), "plan.image_size is 1000000000"),
        (put("machine_info/machine/memory_bytes", 0), "machine.memory_bytes is 0"),
    ],
    "plan_makes_a_run": [
        (put("run/cell/experiment", "magic"), 'cell.experiment is "magic", and there are scratch'),
        (put("run/plan/image_size", 8), "plan makes no run: standard cannot take images of 8 px"),
        (put("run/plan/train_images", 641), "plan makes no run: .* multiple of 10"),
    ],
    "nothing_is_missing": [
        (put("run/gate", None), "gate is missing in a run that has a result"),
        (put("run/epochs", []), "epochs is missing in a run that has a result"),
        (both(put("failures/0/result", None), put("failures/0/start", None)), "start is missing"),
    ],
    "network_is_the_experiments": [
        (put("run/start/variant", "mistaken"), 'start.variant is "mistaken"'),
        (put("run/start/parameters", 21622155), "by cell and plan it is 21622154"),
        (put("run/start/forward_flops", twice), "start.forward_flops is"),
        (put("run/start/steps_per_epoch", 11), "start.steps_per_epoch is 11"),
        (put("run/start/train_images", 650), "start.train_images is 650"),
        (put("run/plan/test_images", None), "start.test_images is 500, .* 10000"),
        (put("run/plan/train_images", None), "start.train_images is 640, .* 45000"),
    ],
    "names_agree": [
        (put("benchmarks/0/param", "scratch-torch-cuda-s0"), 'param is "scratch-torch-cuda-s0"'),
        (put("benchmarks/0/name", "test_train[x]"), "name is .* does not end with the cell's id"),
        (put("run/cell/device", "mps"), 'start.device_name is "CPU" on the device mps'),
        (put("run/start/versions", {"numpy": "2"}), "start.versions has no torch"),
    ],
    "first_weights_are_the_seeds": [
        (put("run/cell/seed", 3), "start.weights_sha256 is .*, and its seed draws"),
        (put("run/start/weights_sha256", OTHER), "start.weights_sha256 is"),
        (put("run/start/weights_origin", "user file"), "start.weights_origin is"),
        (put("run/start/weights_source_sha256", OTHER), "weights_source_sha256 is"),
    ],
    "epochs_are_the_recipes": [
        (put("run/epochs", without_first), r"epochs\[0\].epoch is 2, and by the recipe it is 1"),
        (put(f"{LAST}/stage", 2), r"epochs\[3\].stage is 2, and by the recipe it is 1"),
        (put(f"{LAST}/learning_rate", 0.01), r"epochs\[3\].learning_rate is 0.01"),
        (put(f"{LAST}/images", 641), r"epochs\[3\].images is 641, and by the recipe it is 640"),
        (put("run/plan/epochs", 3), "epochs has 4, and plan.epochs is 3"),
    ],
    "epochs_are_measured_as_they_can_be": [
        (put(f"{LAST}/best_weights_seconds", 0.1), "the epoch is not better"),
        (put("run/epochs/1/best_weights_seconds", None), "is the best so far"),
        (put(f"{LAST}/energy_joules", {"gpu": 3.0}), "too short for it"),
        (put(f"{LAST}/validation_accuracy", 0.1501), "no whole number"),
    ],
    "end_follows_from_the_epochs": [
        (put("run/result/epochs", 5), "result.epochs is 5, and by epochs it is 4"),
        (put("run/result/best_epoch", 1), "result.best_epoch is 1, and by epochs it is 2"),
        (put("run/result/stopped", "cap"), 'result.stopped is "cap", and by'),
        (put("run/result/converged_at", 4), "result.converged_at is 4, and by"),
        (put("run/plan/patience", 1), r"goes on after epoch 3, where .* \(patience\)"),
        (put("run/epochs/0/train_loss", None), r"goes on after epoch 1.*\(diverged\)"),
        (put("run/epochs/1/train_loss", 23.1), r"goes on after epoch 2.*\(diverged\)"),
        (put(f"{TENSORFLOW}/plan/epochs", 5), "nothing ends training at epoch 4"),
    ],
    "figures_are_the_confusions": [
        (put("run/result/test_accuracy", 0.74), "test_accuracy is 0.74, .* it is 0.28"),
        (put("run/result/per_class_accuracy/3", 0.5), "result.per_class_accuracy is"),
        (put("run/result/confusion/3/3", 15), "test_images is 500, .* it is 501"),
        (put("run/result/confusion/3/3", -1), "is not 10 rows of 10 counts"),
        (put("run/result/confusion", without_last), "is not 10 rows of 10 counts"),
        (put("run/result/confusion/3", without_last), "is not 10 rows of 10 counts"),
        (put("run/result/test_images", 400), "400, and start.test_images is 500"),
        (put("run/result/weights_sha256", None), "weights_sha256 is null in a run"),
        (put("failures/0/result/test_accuracy", 0.5), "is there, and the run diverged"),
    ],
    "pictures_are_test_images": [
        (put("run/result/pictures", None), "result.pictures is null in a run"),
        (put("run/result/pictures/labels", [3] * 15), "length of result.pictures.labels is 15"),
        (put("run/result/pictures/shares/2", 0.0), "shares are not shares of 1"),
        (put("run/result/pictures/positions/2", 500), "positions are not different"),
        (put("run/result/pictures/positions/2", 1), "positions are not different"),
        (put("run/result/pictures/pixels", "AAAA"), "pixels cannot be: 3 bytes"),
        (put("run/result/pictures/pixels", "A*"), "pixels cannot be"),
        (put("run/result/pictures/answers/2", 10), "has 2 taken for 10 1 times, confusion 0"),
    ],
    "rates_follow_from_the_epochs": [
        (put("run/result/epoch_images_per_second", twice), "images_per_second is"),
        (put("run/epochs/2/train_seconds", 1.0), "result.epoch_images_per_second is"),
        (put("run/result/pipeline_ratio", 1.0), "result.pipeline_ratio is 1, and"),
        (put("run/result/achieved_flops_per_second", twice), "result.achieved_flops"),
        (put("run/result/roofline_share", None), "result.roofline_share is null"),
        (put("run/result/drift/drift", 0.01), "result.drift.drift is 0.01"),
        (put("run/result/drift/probe_drift", None), "drift.probe_drift is null"),
    ],
    "peaks_and_joules_follow_from_the_epochs": [
        (put("run/result/peak_host_bytes", 5), "result.peak_host_bytes is 5"),
        (put("run/result/joules_per_epoch", 5.0), "joules_per_epoch is 5"),
    ],
    "total_holds_all_epochs": [
        (put("run/result/total_seconds", 9.0), "result.total_seconds is 9, and its epochs"),
        (put("run/epochs/2/checkpoint_seconds", 250.0), "is 200, and its epochs alone took 261"),
    ],
    "no_faster_than_the_device": [
        (put("run/start/roofline/flops_per_second", 50e9), "times start.roofline.flops"),
    ],
    "rounds_are_the_epochs": [
        (put("benchmarks/0/stats/rounds", 4), "stats.rounds is 4, and by train_seconds it is 3"),
        (put("benchmarks/0/stats/min", 1.0), "stats.min is 1, and"),
        (put("benchmarks/0/stats/median", twice), "stats.median is"),
        (put("benchmarks/0/stats/data/1", 1.0), "stats.data is"),
        (put("benchmarks/0/stats/ops", twice), "stats.ops is"),
        (put("benchmarks/0/stats", None), "stats is no object"),
    ],
    "warm_ups_are_the_processes_firsts": [
        (put("run/epochs/0/warm_up", False), r"epochs\[0\].warm_up is false, and by .* it is true"),
        (put(f"{LAST}/warm_up", True), r"epochs\[3\].warm_up is true, and by inter.* it is false"),
        (cuts(), r"epochs\[2\].warm_up is false, and by interruptions it is true"),
        (cuts(resumed_after=3), r"interruptions\[0\].resumed_after is 3, and after_epoch 2"),
        (cuts(seconds=31.0), r"interruptions\[0\].seconds is 31, and by its times it is 30"),
        (cuts(seconds=0.0), r"interruptions\[0\].seconds is 0, and by its times it is 30"),
        (cuts(resumed_at="soon"), r"interruptions\[0\].stopped_at or resumed_at is no time with"),
        (cuts(stopped_at="2026-11-24T12:01:00"), r"interruptions\[0\].stopped_at or .* no time with"),
    ],
    "time_went_on": [
        (put("run/start/started_at", "2026-11-24T11:59:50+00:00"), "started_at is .* before before"),
        (put("run/after/taken_at", "2026-11-24T12:00:06+00:00"), "taken_at is 6 s after before.taken"),
        (put("run/after/taken_at", "2026-11-24T12:05:00"), "after.taken_at is .* no time with its zone"),
        (put("run/before/taken_at", "noon"), 'before.taken_at is "noon", no time with its zone'),
    ],
    "checks_were_asked": [
        (put("run/gate/checks", without_first), 'gate.checks has no "layers"'),
        *(
            (put("run/gate/checks", without(name)), f'gate.checks has no "{name}"')
            for name in ("update", "own logits", "dropout", "placement", "nothing left")
        ),
        (put("run/result/checks", without_last), 'result.checks has no "moved"'),
        (put("run/result/checks/1/most", 9.0), 'allows 0 to 9 in "disjoint", where it is 0 to 0'),
        (limit("dropout", "least", 0.0), 'allows 0 to 1 in "dropout", where it is 1e-06 to 1'),
        (
            limit("twice the work", "least", 0.5),
            'allows 0.5 to 2.5 in "twice .*, where it is 1.6 to 2.5',
        ),
        (limit("twice the work", "most", 99.0), 'allows 1.6 to 99 in "twice the work", where'),
        (limit("nothing left", "most", 50.0), 'allows 0 to 50 in "nothing left", where it is 0 to 0.1'),
        (
            limit("one network", "most", 1e-3),
            'allows 0 to 0.001 in "one network", where it is 0 to 1e-09',
        ),
        (limit("same bytes", "most", 2.0), 'allows 0 to 2 in "same bytes", where it is 0 to 0'),
        (limit("placement", "most", 1.0), 'allows 0 to 1 in "placement", where it is 0 to 0'),
        (put("run/result/checks/0/measured", 1.0), "result.checks finite.measured is 1, and"),
    ],
    "each_cell_stands_once": [
        (put("skipped", twice), "pretrained-torch-cpu-s0: cell stands in this file more"),
    ],
    "same_images": [
        (
            put(f"{TENSORFLOW}/start/data_sha256", OTHER),
            "start.data_sha256 is not that of scratch-torch",
        ),
    ],
    "same_beginning": [
        (put(f"{TENSORFLOW}/start/weights_sha256", OTHER), "start.weights_sha256 is not that of"),
        (put(f"{TENSORFLOW}/gate/batch_sha256", OTHER), "gate.batch_sha256 is not that of"),
    ],
}
"""Rule -> edits of `linux()`, each with a part of the sentence that names its field."""
CASES = [(rule, *edit) for rule, edits in EDITS.items() for edit in edits]


def seals(content: Content) -> list[str]:
    runs = [b["extra_info"] for b in content["benchmarks"]] + content["failures"]
    return [run["seal"] for run in runs]


@pytest.mark.parametrize("file", ["linux", "mac"])
@pytest.mark.parametrize("reader", ["linux", "darwin"])
def test_a_genuine_file_holds_whoever_reads_it(
    file: str, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = genuine(file)
    monkeypatch.setattr(sys, "platform", reader)
    assert found(content) == []


def test_a_first_epoch_that_costs_more_than_any_guess_is_no_divergence() -> None:
    content = genuine("linux")
    put("run/epochs/0/train_loss", 40.0)(content)
    assert found(resealed(content)) == []


@pytest.mark.parametrize("name", CUTS)
def test_a_run_that_went_on_after_a_cut_holds(name: str) -> None:
    """Each process warms up: those epochs are no rounds, and the reader is told of the cut."""
    cut, warm_ups = CUTS[name]
    content = json.loads(json.dumps(interrupted(cut, warm_ups)))
    assert found(content) == []
    (benchmark,) = content["benchmarks"]
    rounds = [one["epoch"] for one in benchmark["extra_info"]["epochs"] if not one["warm_up"]]
    assert benchmark["stats"]["rounds"] == len(rounds) == 4 - len(warm_ups)
    warnings = benchmark["extra_info"]["verdict"]["warnings"]
    assert len([one for one in warnings if one.startswith("cut off after epoch")]) == len(cut)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("run/interruptions", []), r"epochs\[2\].warm_up is true, and by interruptions it is false"),
        (put("run/epochs/2/warm_up", False), r"epochs\[2\].warm_up is false, and by"),
        (put("run/epochs/2/warm_up", False), "stats.rounds is 2, and by train_seconds it is 3"),
        (put("run/interruptions/0/resumed_after", 3), r"\[0\].resumed_after is 3, and after_epoch 2"),
        (put("run/interruptions/0/resumed_after", 1), r"epochs\[1\].warm_up is false, and by"),
        (put("run/interruptions/0/seconds", twice), r"interruptions\[0\].seconds is 60, and by"),
        (put("run/interruptions/0/stopped_at", "now"), r"\[0\].stopped_at or resumed_at is no time"),
        (put("run/interruptions/0/why", "Ctrl-C"), "verdict.warnings leaves out: cut off .*Ctrl-C"),
        (put("run/interruptions/0/differences", ["torch"]), "leaves out: it went on although .* torch"),
        (put("run/verdict/warnings", []), "verdict.warnings leaves out: cut off after epoch 2"),
    ],
)
def test_what_an_interrupted_run_says_of_its_cut_is_checked(change: Change, says: str) -> None:
    content = genuine("interrupted")
    change(content)
    assert any(re.search(says, sentence) for sentence in found(resealed(content))), found(content)


@pytest.mark.parametrize(("rule", "change", "says"), CASES)
def test_an_edit_is_named_sealed_anew_or_not(rule: str, change: Change, says: str) -> None:
    content = genuine("linux")
    change(content)
    given = seals(content)
    anew = resealed(copy.deepcopy(content))
    if given != seals(anew):
        assert any("seal does not fit" in sentence for sentence in found(content))
    edited = content if rule == "checksum_fits" else anew
    kept = load(edited)
    by_rule: dict[str, list[str]] = {one.__name__: [] for one in (*rules.RULES, *rules.FILE_RULES)}
    for one in rules.FILE_RULES:
        by_rule[one.__name__] += one(kept)
    bounds = {r.__name__ for r in (*rules.ALWAYS, *rules.BOUNDS)}
    for run in kept.runs:
        for each in rules.RULES if rule not in bounds else (*rules.ALWAYS, *rules.BOUNDS):
            by_rule[each.__name__] += [f"{run.cell.id}: {sentence}" for sentence in each(run)]
    named = [sentence for sentence in by_rule[rule] if re.search(says, sentence)]
    assert named, by_rule
    assert set(named) <= set(found(edited))
    if rule != "checksum_fits":
        assert by_rule["checksum_fits"] == []


def test_a_seal_is_over_the_run_and_its_machine() -> None:
    """The edits above are sealed by the same function, and would not miss what it leaves out."""
    run, machine = {"epochs": [1.0], "seal": ""}, {"name": "anna"}
    sealed = run_checksum(run, machine)
    assert run_checksum(run | {"seal": sealed}, machine) == sealed
    assert run_checksum(run | {"epochs": [1.1]}, machine) != sealed
    assert run_checksum(run, machine | {"name": "bob"}) != sealed


def test_every_rule_has_an_edit_that_it_finds() -> None:
    assert set(EDITS) == {one.__name__ for one in (*rules.RULES, *rules.FILE_RULES)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            put("benchmarks/1/extra_info/result/joules_per_epoch", None),
            "result.joules_per_epoch is null",
        ),
        (put("run/result/joules_per_epoch", 1.0), "result.joules_per_epoch is 1, and"),
        (put("run/result/joules_to_best_epoch", None), "result.joules_to_best_epoch is null"),
        (put("run/epochs/1/energy_joules", {"gpu": 300.0}), "result.joules_to_best_epoch is"),
        (put("run/result/peak_device_bytes", None), "result.peak_device_bytes is null"),
        (put(f"{TENSORFLOW}/epochs/3/stage", 1), r"epochs\[3\].stage is 1, and by the recipe it is 2"),
        (put(f"{TENSORFLOW}/start/weights_source_sha256", OTHER), "is not torchvision's file"),
        (
            put(f"{TENSORFLOW}/start/weights_origin", "he-normal"),
            "where it can be torchvision or user file",
        ),
    ],
)
def test_a_mac_with_its_energy_is_checked_too(change: Change, says: str) -> None:
    content = genuine("mac")
    change(content)
    assert any(re.search(says, sentence) for sentence in found(resealed(content))), found(content)


DELETED = object()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("run/start/schema", 1, "torch-cpu-s0: start.schema is 1, and this reads version 4 alone"),
        ("run/start/schema", 2, "torch-cpu-s0: start.schema is 2, and this reads version 4 alone"),
        ("run/start/schema", "new", 'start.schema is "new", and this reads version 4 alone'),
        ("run/start/schema", DELETED, "missing required field `schema`"),
        ("run/mood", 3, "scratch-torch-cpu-s0: SavedRun has no field mood"),
        ("run/epochs/1/mood", 3, r"there is no field SavedRun.epochs\[1\].mood"),
        ("run/epochs/1/train_seconds", "2", r"Expected `float`, got `str`.*epochs\[1\].train_seconds"),
        ("run/epochs/1/epoch", 2.0, r"Expected `int`, got `float` - at `\$.epochs\[1\].epoch`"),
        ("run/result/drift", DELETED, "missing required field `drift`"),
        ("run/gate", DELETED, "SavedRun lacks its field gate"),
        ("run/cell", 5, r"benchmarks\[0\].extra_info: SavedRun"),
        ("benchmarks/0/extra_info", 5, r"benchmarks\[0\].extra_info: SavedRun is an object, not 5"),
        ("benchmarks/0", None, r"benchmarks\[0\].extra_info: SavedRun is an object"),
        ("failures/0", [], r"failures\[0\]: SavedRun is an object"),
        ("skipped/0/reason", DELETED, r"skipped\[0\]: SkippedCell lacks its field reason"),
        ("failures", None, "failures is no list"),
        ("skipped", {}, "skipped is no list"),
        ("interruptions", None, "interruptions is no list"),
        ("interruptions", [{}], r"interruptions\[0\]: Pause lacks its field differences, resumed_at"),
        ("run/interruptions", DELETED, "SavedRun lacks its field interruptions"),
        ("run/interruptions", [{}], r"Object missing required field .* `\$.interruptions\[0\]`"),
        ("run/epochs/1/warm_up", 1, r"Expected `bool`, got `int` - at `\$.epochs\[1\].warm_up`"),
        ("machine_info/machine", DELETED, "machine_info.machine: Machine is an object"),
        ("machine_info/machine/chip", DELETED, "machine_info.machine: Machine lacks its field chip"),
    ],
)
def test_what_is_no_record_of_this_schema_is_named(path: str, value: Any, says: str) -> None:
    content = genuine("linux")
    if value is DELETED:
        *outer, last = path.split("/")
        put("/".join(outer), lambda old: {k: v for k, v in old.items() if k != last})(content)
    else:
        put(path, value)(content)
    assert any(re.search(says, sentence) for sentence in found(content)), found(content)


def load_as(text: str) -> Callable[[], str]:
    """The genuine file with another text in the place of a figure."""
    return lambda: written("linux").replace('"load": 0.4', f'"load": {text}', 1)


HOSTILE: dict[str, tuple[str | bytes | Callable[[], str], str]] = {
    "empty": ("", "it is not JSON"),
    "words": ("hello", "it is not JSON"),
    "a list": ("[1, 2]", "it is no object"),
    "another object": ("{}", "lacks machine_info or benchmarks"),
    "not UTF-8": (b"\xff\xfe{}", "it is not JSON"),
    "NaN": (load_as("NaN"), "it holds NaN"),
    "infinite": (load_as("-Infinity"), "it holds -Infinity"),
    "infinite by size": (load_as("1e999"), "it holds 1e999"),
    "endless digits": (load_as("9" * 5000), "5000 digits"),
    "lists in lists": ("[" * 100_000, "nested deeper than 32 levels"),
    "objects in objects": ('{"a":' * 40 + "1" + "}" * 40, "nested deeper than 32 levels"),
    "one key twice": (load_as('9, "load": 0.4'), 'the key "load" twice'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_cannot_be_read_says_why(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, says = HOSTILE[name]
    file = tmp_path / "sent.json"
    content = content() if callable(content) else content
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert vet.main([str(file)]) == 2
    assert says in capsys.readouterr().out


def test_a_huge_file_is_not_even_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)  # takes no room on the disk
    assert vet.main([str(file), str(tmp_path), str(tmp_path / "none")]) == 2
    out = capsys.readouterr().out
    for says in ("huge.json: it has 200,000,001 bytes", "this is no file", "there is no such file"):
        assert says in out


def test_a_file_cut_anywhere_is_not_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rng, good = tmp_path / "cut.json", random.Random(0), written("linux")
    for _ in range(40):
        file.write_text(good[: rng.randrange(len(good))])
        assert vet.main([str(file)]) == 2
        assert "it is not JSON" in capsys.readouterr().out


JUNK: list[Any] = [
    *(
        None,
        True,
        -1,
        0,
        1,
        2**62,
        -(2**63),
        5e-324,
        1e308,
        -1e308,
        0.5,
        "",
        "x",
        "\ud800\x1b[2J",
        [],
        {},
    ),
    *(
        [[]],
        {"a": 1},
        [1] * 50,
        "9" * 5000,
        "2026-11-24",
        "0001-01-01T00:00:00+23:59",
        "magic",
        "pretrained",
    ),
]


def mutated(content: Content, rng: random.Random) -> None:
    """Puts junk somewhere, takes something away, or lets a list hold something twice."""
    inner: Any = content
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = rng.choice(keys)
        deeper = isinstance(inner[key], dict | list) and len(inner[key]) > 0
        if not deeper or rng.random() < 0.05:
            break
        inner = inner[key]
    what = rng.random()
    if what < 0.15:
        del inner[key]
    elif what < 0.25 and isinstance(inner, list):
        inner.append(copy.deepcopy(inner[key]))
    else:
        inner[key] = copy.deepcopy(rng.choice(JUNK))


def test_three_hundred_mutations_never_make_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, file, ends = random.Random(20261124), tmp_path / "sent.json", []
    for turn in range(300):
        content = genuine(("mac", "linux", "interrupted")[turn % 3])
        for _ in range(1 + turn // 3 % 3):
            mutated(content, rng)
        if turn % 4 < 2:
            with suppress(KeyError, TypeError, AttributeError):  # too little is left of it
                resealed(content)  # so that what stands behind the seal is asked as well
        file.write_text(json.dumps(content))
        ends.append(vet.main([str(file)]))
    out = capsys.readouterr().out
    assert set(ends) <= {0, 1, 2}
    assert ends.count(1) > 200, "most of them can be read, and are wrong"
    assert "\x1b" not in out, "a terminal would obey it"


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "bench.check", *arguments]
    return subprocess.run(call, cwd=ROOT, text=True, capture_output=True, check=False)


def test_the_command_line_lists_what_stands_in_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, broken = (tmp_path / f"{name}.json" for name in ("good", "bad", "broken"))
    good.write_text(written("linux"))
    content = genuine("linux")
    put("run/result/test_accuracy", 0.74)(content)
    bad.write_text(json.dumps(content))
    broken.write_text(written("linux")[:-9])
    assert vet.main([str(good)]) == 0
    holds = capsys.readouterr()
    assert holds.err == ""
    first, *lines = holds.out.splitlines()
    assert first == f"{good}: vm: 7 runs: 3 valid, 3 invalid, 1 failed; 1 skipped; all of it holds"
    assert [line.split(": ")[0].strip() for line in lines] == [
        "invalid",
        "invalid",
        "invalid",
        "failed",
        "skipped",
        "warning",
    ]
    assert "  invalid: augmented-torch-cpu-s0: diverged at epoch 2: a loss not finite" in holds.out
    assert vet.main([str(good), str(bad)]) == 1
    fails = capsys.readouterr().out
    assert "  violation: scratch-torch-cpu-s0: result.test_accuracy is 0.74" in fails
    assert "  violation: scratch-torch-cpu-s0: seal does not fit" in fails
    assert vet.main([str(broken), str(bad), str(good)]) == 2


def test_wrong_usage_is_told_from_a_violation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, status in (([], 2), (["--magic"], 2), (["--help"], 0)):
        with pytest.raises(SystemExit) as ended:
            vet.main(arguments)
        assert ended.value.code == status
    assert "Exit status" in capsys.readouterr().out
    (tmp_path / "odd.json").write_text(json.dumps(file_of(LINUX, [], [], []) | {"failures": 5}))
    told = run_command(str(tmp_path / "odd.json"))
    assert (told.returncode, told.stderr) == (1, "")
    assert "  violation: failures is no list" in told.stdout, "as `python -m bench.check`"


def test_a_virtual_mac_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = replace(MAC, model="VirtualMac2,1", virtual=True)
    run = whole(here, SCRATCH, failure=Failure(reason="no GPU", log_tail=""))
    file = tmp_path / "virtual.json"
    file.write_text(json.dumps(file_of(here, [], [run], [])))
    assert vet.main([str(file)]) == 0
    assert "  warning: scratch-torch-cpu-s0: a virtual Mac: not comparable" in capsys.readouterr().out


def test_no_framework_is_loaded() -> None:
    script = (
        "import sys, bench.check.rules\nprint(*({'torch', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).strip() == ""


class PaperTrainer:
    """Answers at random and moves every weight a little each epoch."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.now, self.rng = first, np.random.default_rng(0)

    def begin_stage(self, train: str) -> None: ...

    def to_device(self, images: Any, labels: Any) -> Any:
        return len(images)

    def step(self, batch: Any, learning_rate: float) -> None: ...

    def synchronize(self) -> None: ...

    def pop_metrics(self) -> tuple[float, float]:
        self.now = {name: array + np.float32(1) for name, array in self.now.items()}
        return 2.3, 0.1

    def logits(self, images: Any) -> Any:
        return self.rng.standard_normal((len(images), 10), np.float32)

    def weights(self) -> Any:
        return self.now

    def load(self, weights: Any) -> None: ...


class PaperBackend:
    framework, device = "torch", "cpu"
    flops, seconds = 10**9, 0.02

    def versions(self) -> dict[str, str]:
        return {"torch": "2.14.1", "numpy": "2.0.2"}

    def settings(self) -> dict[str, str]:
        return {"threads": "2"}

    def device_name(self) -> str:
        return "CPU"

    def peak_device_bytes(self) -> int | None:
        return None

    def reset_peak_device_bytes(self) -> None: ...

    def measure_cold(self) -> float:
        return self.seconds

    def measure_after(self, train_seconds: float) -> float | None:
        return self.seconds


def test_what_the_worker_and_the_session_really_write_holds(tmp_path: Path) -> None:
    """All but the arithmetic of the network is the real code: its epochs, result, verdict and saving."""
    paper: Any = PaperBackend()
    roof = Roofline(flops_per_second=1e20, bytes_per_second=1e18)
    job = Job(
        cell=SCRATCH,
        plan=PLAN,
        data_folder=None,
        weights_file=None,
        scratch_folder=str(tmp_path),
        idle_watts=None,
        roofline=roof,
        known=None,
    )
    net, images = network("standard", image_size=64), load_data(job)
    first = FirstWeights(weights=initialise(net, seed=0), origin="he-normal", source_sha256=None)
    trainer: Any = PaperTrainer(first.weights)
    meters = Meters(paper, trainer.synchronize)
    own = {name: fingerprint({name: array}) for name, array in first.weights.items()}
    before = condition.take()
    start = build_start(
        job,
        net,
        backend=paper,
        dataset=images,
        first=first,
        meters=meters,
        prober=paper,
        baseline_host_bytes=10**8,
    )
    recipe = recipe_of(job.cell, job.plan)
    training = TrainingLoop(
        job=job,
        net=net,
        recipe=recipe,
        backend=paper,
        trainer=trainer,
        dataset=images,
        send=print,
        meters=meters,
        kernel=paper,
        start=start,
        first_weights=own,
    )
    epochs = list(training.epochs())
    gate = Gate(
        checks=checks(*GATE_CHECKS),
        not_checked=(),
        seconds=1.0,
        weights_sha256=start.weights_sha256,
        batch_sha256="3" * 64,
    )
    here = describe("paper")
    result = build_result(training)
    run = whole(
        here,
        SCRATCH,
        gate=gate,
        before=before,
        start=start,
        epochs=epochs,
        result=result,
        after=condition.take(),
    )
    assert found(file_of(here, [run], [], [])) == []


@pytest.mark.parametrize("name", sorted({*asked.GATE_CHECKS, *asked.LIMITS, "placement"}))
def test_what_a_valid_run_must_have_passed_is_really_asked(name: str) -> None:
    """A name misspelt in the rules would leave a limit unguarded, or no run valid."""
    asking = (*ROOT.glob("bench/gate/*.py"), *ROOT.glob("bench/worker/*.py"))
    text = "".join(file.read_text() for file in asking)
    assert re.search(rf'(name=|_at_most\(\s*)"{name}"', text)


def with_gate(not_checked: tuple[str, ...], dropped: str) -> Content:
    """A file of one run whose gate lacks a check and says what it could not ask."""
    gate = Gate(**run_of(SCRATCH, FALLING)["gate"])
    kept = tuple(one for one in checks(*GATE_CHECKS) if one.name != dropped)
    run = run_of(SCRATCH, FALLING, gate=replace(gate, checks=kept, not_checked=not_checked))
    assert run["verdict"]["validity"] == "valid"
    return file_of(LINUX, [run], [], [])


def test_where_a_step_runs_may_be_unknown_if_the_gate_says_so() -> None:
    unknown = ("where a training step runs: TensorFlow has recorded no graph of the step",)
    assert found(with_gate(unknown, "placement")) == []
    for other in ((), ("torch against the other framework: it was not run",)):
        assert found(with_gate(other, "placement")) == [
            'scratch-torch-cpu-s0: gate.checks has no "placement"'
        ]
    assert any('no "own logits"' in sentence for sentence in found(with_gate(unknown, "own logits")))


def test_one_steady_epoch_has_no_drift_and_its_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PLAN", replace(PLAN, epochs=2))
    run = run_of(SCRATCH, FALLING[:2])
    assert run["result"]["drift"]["drift"] is None
    content = file_of(LINUX, [run], [], [])
    assert found(content) == []
    put("run/result/drift/drift", 0.0)(content)
    assert any("result.drift.drift is 0, and" in sentence for sentence in found(resealed(content)))
