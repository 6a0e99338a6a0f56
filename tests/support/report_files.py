"""Small saved files for the report's tests: two machines, two or more engines, figures done by hand.

They hold what the report reads: figures follow from the epochs and the plan, checksums included. Other
rules of bench.check do not matter.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import replace as replace_row
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from alexnet.data import TEST_IMAGES
from alexnet.frameworks import registry
from alexnet.frameworks.info import Engine
from alexnet.frameworks.protocol import Device
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import Network, network
from alexnet.weights import channels_last
from bench.records import derive
from bench.records.cell_recipe import images_of, recipe_of, steps_of
from bench.records.checksum import run_checksum
from bench.records.early_stopping import converged_at, training_end
from bench.records.flops import AchievedSpeed, training_flops
from bench.records.types import (
    METHOD,
    SCHEMA_VERSION,
    Cell,
    CheckFailed,
    Epoch,
    Failure,
    Interference,
    Machine,
    NoResult,
    OnBattery,
    Pictures,
    Plan,
    Reason,
    Roofline,
    RunWarning,
    Start,
    TransferredTensor,
    Verdict,
)
from reports.draw import palette
from tests.support.samples import CHECK, CONDITION, GATE, INTERFERENCE, MACHINE, RESULT, START
from tests.support.saved_file import make_transfer

ANNA = replace(
    MACHINE, name="anna", chip="Apple M1 Pro", model="MacBookPro18,3", gpu_cores=16, memory_bytes=2**34
)
BOB = replace(
    MACHINE,
    name="bob",
    chip="Apple M3 Max",
    model="Mac15,8",
    gpu="Apple M3 Max",
    gpu_cores=40,
    memory_bytes=2**36,
    os="macOS 26.1",
)
FULL = Plan(
    profile="full",
    dataset="cifar10",
    data_provenance="the official archive, md5 verified",
    image_size=224,
    train_images=None,
    test_images=None,
    epochs=20,
    patience=1,
    batch_size=64,
    steps_per_epoch=None,
)
"""Its patience is one, so that a run of any length ends with its first epoch that is not the best."""
QUICK = replace(
    FULL,
    profile="quick",
    image_size=64,
    train_images=1920,
    test_images=2000,
    epochs=11,
    patience=5,
)
VERSIONS = {"torch": "2.14.1", "tensorflow": "2.18.1", "loom": "3.0.2"}
LOOM = Engine(
    name="loom",
    framework="loom",
    precision="float32",
    compiler="tf.function",
    label="Loom",
    light_hue="#6a3f8f",
    dark_hue="#c9a3ee",
    marker="^",
    line=":",
    shape="▲",
)
"""An engine that nobody has, of a framework of its own."""
KNOTS = Engine(
    name="torch-knots",
    framework="torch",
    precision="float32",
    compiler="tf.function",
    label="PyTorch knots",
    light_hue="#8f3f5c",
    dark_hue="#ee9fbb",
    marker="v",
    line="-.",
    shape="▼",
)
"""A second engine of a framework."""
IMAGES = 44_992


def add_engines(patch: pytest.MonkeyPatch, *engines: Engine) -> None:
    """Puts rows of made-up engines into the registry and the palette, as they would be at an import."""
    for row in engines:
        patch.setitem(registry.ENGINES, row.name, row)
        patch.setitem(palette.LIGHT, row.name, row.light_hue)
        patch.setitem(palette.DARK, row.name, row.dark_hue)
        info = registry.FRAMEWORKS.get(row.framework) or replace_row(
            registry.FRAMEWORKS["torch"],
            name=row.framework,
            label=row.label,
            engines=(),
            packages=(row.framework,),
            required=(row.framework,),
        )
        patch.setitem(
            registry.FRAMEWORKS, row.framework, replace_row(info, engines=(*info.engines, row))
        )


def check_failed(name: str = "logits", measured: float | None = 0.3) -> CheckFailed:
    """The reason of a check that was not passed."""
    return CheckFailed(check=replace(CHECK, name=name, measured=measured))


def epochs_of(
    seconds: Sequence[float],
    *,
    validation: Sequence[float] | None = None,
    train: Sequence[float] | None = None,
    losses: Sequence[float | None] | None = None,
    joules: float | None = None,
    images: int = IMAGES,
) -> tuple[Epoch, ...]:
    """One epoch for each of `seconds`; accuracy climbs by a point and the loss falls by 0.1 each.

    But for the last one's loss, which is 0.01 above the one before. `run_of` gives them the stages,
    rates and images that their plan has.
    """
    n = len(seconds)
    validation = validation or [0.50 + 0.01 * i for i in range(n)]
    train = train or [0.45 + 0.02 * i for i in range(n)]
    falling = [2.0 - 0.1 * i for i in range(n)]
    losses = losses or (falling if n < 2 else [*falling[:-1], falling[-2] + 0.01])
    return tuple(
        Epoch(
            epoch=i + 1,
            warm_up=i == 0,
            stage=1,
            learning_rate=0.001,
            images=images,
            train_seconds=seconds[i],
            wall_seconds=seconds[i],
            feed_seconds=seconds[i] / 200,
            evaluate_seconds=1.0,
            best_weights_seconds=None,
            checkpoint_seconds=None,
            probe_seconds=0.02,
            train_loss=max(2.1 - 0.15 * i, 0.02),
            train_accuracy=train[i],
            validation_loss=losses[i],
            validation_accuracy=validation[i],
            peak_host_bytes=2_000_000_000 + 1_000_000 * i,
            peak_device_bytes=None,
            energy_joules=None
            if joules is None
            else {"cpu": joules / 4, "gpu": joules * 3 / 4, "dram": 5.0},
            interference=None,
        )
        for i in range(n)
    )


def disturbed(epochs: Sequence[Epoch], *numbers: int) -> tuple[Epoch, ...]:
    """The same epochs; these took twice as long, since others took half of one of two processors."""
    return tuple(
        replace(epoch, train_seconds=2 * epoch.train_seconds, interference=_half_taken(epoch))
        if epoch.epoch in numbers
        else epoch
        for epoch in epochs
    )


def _half_taken(epoch: Epoch) -> Interference:
    seconds = 2 * epoch.train_seconds
    return replace(
        INTERFERENCE,
        busy_cpu_seconds=2 * seconds,
        idle_cpu_seconds=0.0,
        own_cpu_seconds=1.5 * seconds,
        stolen_cpu_seconds=0.0,
    )


def with_gpu_joules_alone(epochs: Sequence[Epoch], joules: float) -> tuple[Epoch, ...]:
    """The same epochs as on CUDA where only root may read the processor's counter."""
    return tuple(replace(epoch, energy_joules={"gpu": joules}) for epoch in epochs)


def confusion_of(
    rights: Sequence[int], images: int, *, columns: int = 10
) -> tuple[tuple[int, ...], ...]:
    """`images` of each class, so many right; the wrong ones are taken for the next class."""
    rows = []
    for i, right in enumerate(rights):
        row = [0] * columns
        row[i] += right
        row[(i + 1) % 10] += images - right
        rows.append(tuple(row))
    return tuple(rows)


def pictures_of(answers: Sequence[int]) -> Pictures:
    """Ten test images, one a class, each of one grey, and what they were taken for."""
    return Pictures(
        positions=tuple(range(10)),
        pixels=base64.b64encode(b"".join(bytes([20 * i + 10]) * 3072 for i in range(10))).decode(
            "ascii"
        ),
        labels=tuple(range(10)),
        answers=tuple(answers),
        shares=tuple(0.5 + 0.04 * i for i in range(10)),
    )


def run_of(
    experiment: str,
    engine: str,
    epochs: Sequence[Epoch],
    *,
    device: str = "mps",
    seed: int = 0,
    repeat: int = 0,
    plan: Plan = FULL,
    rights: Sequence[int] | None = None,
    test_images: int = 10_000,
    warnings: Sequence[RunWarning] = (),
    reasons: Sequence[Reason] = (),
    failure: str | None = None,
    started_at: str = "2026-11-24T12:00:00+00:00",
    start: dict[str, Any] | None = None,
    result: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A run as it stands in `extra_info`, without its checksum; `start` and `result` change fields.

    The epochs are those of the plan, and end as it says: where they are too few for it, the plan is one
    that they carry out (`plan_of`).
    """
    where: Any = device
    cell = Cell(experiment=experiment, engine=engine, device=where, seed=seed, repeat=repeat)
    framework = registry.ENGINES[engine].framework
    plan = plan_of(cell, plan, epochs, test_images, ended=failure is None)
    epochs = as_planned(cell, plan, epochs)
    net = network(EXPERIMENTS[experiment].variant, image_size=plan.image_size)
    images = images_of(plan)
    settled: dict[str, Any] = {
        "started_at": started_at,
        "variant": net.variant,
        "parameters": net.parameters,
        "forward_flops": net.forward_flops,
        **{f"{name}_images": number for name, number in images.items()},
        "steps_per_epoch": steps_of(plan, images["train"]),
        "weights_origin": {"he-uniform": "he-uniform", "imagenet": "torchvision"}[
            EXPERIMENTS[experiment].weights
        ],
        "weight_transfer": transfer_of(net, framework, seed=seed)
        if EXPERIMENTS[experiment].pretrained
        else None,
        "versions": {framework: VERSIONS[framework], "numpy": "2.0.2"},
        "device_name": device,
        "baseline_host_bytes": 500_000_000,
        "roofline": roofline_of(net, epochs, where),
    }
    began = replace(START, **settled | (start or {}))
    return {
        "schema": SCHEMA_VERSION,
        "method": METHOD,
        "cell": to_builtins(cell),
        "plan": to_builtins(plan),
        "gate": to_builtins(GATE),
        "before": to_builtins(CONDITION),
        "start": to_builtins(began),
        "epochs": [to_builtins(epoch) for epoch in epochs],
        "interruptions": [],
        "result": None
        if failure
        else to_builtins(
            _result(
                cell,
                plan,
                epochs,
                began,
                rights or [began.test_images // 20 + 10 * i for i in range(10)],
            )
            | (result or {})
        ),
        "after": to_builtins(CONDITION),
        "verdict": to_builtins(
            Verdict(
                validity="invalid" if failure or reasons else "valid",
                reasons=(NoResult(),) if failure else tuple(reasons),
                warnings=tuple(warnings),
            )
        ),
        "failure": to_builtins(Failure(reason=failure, log_tail="the end")) if failure else None,
    }


def transfer_of(net: Network, framework: str, *, seed: int) -> tuple[TransferredTensor, ...]:
    """As TensorFlow lays the tensors out, or any other framework here, as they are."""
    if framework != "tensorflow":
        return make_transfer(net, seed=seed)
    layouts = {name: way.description for name, way in channels_last(net).items()}
    return make_transfer(net, layouts, seed=seed)


def plan_of(cell: Cell, plan: Plan, epochs: Sequence[Epoch], test_images: int, *, ended: bool) -> Plan:
    """The plan, with the experiment's batches and these numbers of images, that the epochs carry out.

    Where nothing ends training at the last epoch of a run that ended, a full plan has as much patience
    as the epochs show, if their losses allow, and any other as many epochs as there are.
    """
    experiment, n = EXPERIMENTS[cell.experiment], len(epochs)
    net = network(experiment.variant, image_size=plan.image_size)
    plan = replace(
        plan,
        batch_size=experiment.recipe.batch_size,
        test_images=None if test_images == TEST_IMAGES else test_images,
    )
    if plan.train_images is not None and epochs and epochs[0].images < IMAGES:
        plan = replace(plan, train_images=epochs[0].images)

    def carried_out(candidate: Plan) -> bool:
        end = training_end(recipe_of(cell, candidate), net.classes, epochs)
        return end.epochs == n and (end.stopped is not None or not ended)

    if not epochs or carried_out(plan):
        return plan
    best = training_end(replace_row(recipe_of(cell, plan), patience=n), net.classes, epochs).best_epoch
    patient = replace(plan, patience=n - (best or 0))
    if plan.profile == "full" and patient.patience > 0 and carried_out(patient):
        return patient
    return replace(plan, epochs=n, patience=max(n, plan.patience))


def as_planned(cell: Cell, plan: Plan, epochs: Sequence[Epoch]) -> list[Epoch]:
    """The epochs with the stage, the rate and the images that the plan gives each."""
    recipe, steps = recipe_of(cell, plan), steps_of(plan, images_of(plan)["train"])
    stages = [recipe.stage_index(number) for number in range(1, len(epochs) + 1)]
    return [
        replace(
            epoch,
            stage=stage + 1,
            learning_rate=recipe.stages[stage].learning_rate,
            images=steps * plan.batch_size,
        )
        for epoch, stage in zip(epochs, stages, strict=True)
    ]


def roofline_of(net: Network, epochs: Sequence[Epoch], device: Device) -> Roofline:
    """The roofline of which the epochs reach 80 %, with bytes enough; some roofline without epochs."""
    if not epochs:
        return Roofline(flops_per_second=4e12, bytes_per_second=1e15)
    achieved = derive.typical_images_per_second(epochs, device) * training_flops(net)
    return Roofline(flops_per_second=achieved / 0.8, bytes_per_second=1e18)


def _result(
    cell: Cell, plan: Plan, epochs: Sequence[Epoch], start: Start, rights: Sequence[int]
) -> dict[str, Any]:
    """The result that follows from the epochs; its confusion has so many right of each class.

    A run that diverged has no answers.
    """
    recipe, device = recipe_of(cell, plan), cell.device
    net = network(start.variant, image_size=plan.image_size)
    end = training_end(recipe, net.classes, epochs)
    images = start.test_images // 10
    confusion = confusion_of(rights, images, columns=min(net.classes, 11))
    typical = derive.typical_images_per_second(epochs, device)
    step_rate = derive.images_per_second(derive.last_epoch(epochs, device)) / 0.98
    speed = AchievedSpeed.from_run(net, recipe, epochs[-1], typical, start.roofline)
    energy = derive.run_energy(epochs, end.best_epoch, device)
    answers: dict[str, Any] = {
        "test_loss": 2.1,
        "test_accuracy": sum(rights) / (10 * images),
        "per_class_accuracy": tuple(right / images for right in rights),
        "confusion": confusion,
        "pictures": pictures_of([*range(8), 0, 0]),
        "weights_sha256": "2" * 64,
    }
    result = replace(
        RESULT,
        epochs=len(epochs),
        best_epoch=end.best_epoch,
        stopped=end.stopped or "cap",
        converged_at=converged_at(end.best_epoch, end.stopped),
        test_images=sum(map(sum, confusion)),
        epoch_images_per_second=typical,
        step_images_per_second=step_rate,
        pipeline_ratio=derive.pipeline_ratio(epochs, device, step_images_per_second=step_rate),
        achieved_flops_per_second=speed.flops_per_second,
        roofline_share=speed.roofline_share,
        drift=derive.drift(epochs, device, cold_probe_seconds=start.probe_seconds),
        peak_host_bytes=derive.peak_host_bytes(epochs),
        peak_device_bytes=derive.peak_device_bytes(epochs),
        joules_per_epoch=energy.per_epoch,
        joules_per_image=energy.per_image,
        joules_to_best_epoch=energy.to_best_epoch,
        versions=start.versions,
        total_seconds=derive.recorded_seconds(epochs) + 30.0,
        **(dict.fromkeys(answers) if end.stopped == "diverged" else answers),
    )
    fields: dict[str, Any] = to_builtins(result)
    return fields


def content_of(machine: Machine, runs: Sequence[dict[str, Any]], skipped: Sequence[Any] = ()) -> Any:
    """A whole file, each run with its checksum and where its verdict puts it."""
    content: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "machine_info": {"machine": to_builtins(machine)},
        "benchmarks": [],
    }
    content |= {"failures": [], "skipped": list(skipped), "interruptions": []}
    content = json.loads(json.dumps(content))
    for run in json.loads(json.dumps(list(runs))):
        run["checksum"] = run_checksum(run, content["machine_info"]["machine"])
        if run["failure"] is None and run["verdict"]["validity"] == "valid":
            content["benchmarks"].append({"extra_info": run, "stats": {}})
        else:
            content["failures"].append(run)
    return content


def write(folder: Path, name: str, content: Any) -> Path:
    """The file of one machine's session, as `pytest bench` would name it."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


JITTER = (1.20, 1.00, 1.01, 0.99, 1.02, 0.98, 1.00, 1.01)
"""The seconds of eight epochs as multiples of the typical one; the first is the warm-up."""


def two_machines(folder: Path) -> Path:
    """results/ with anna's and bob's full sessions and one quick one of anna's.

    Anna's seconds an epoch are torch 100, TensorFlow 125; bob's are half of them, with the same jitter
    of a few per cent. The mistaken network overfits from epoch 4 on. Of the pretrained TensorFlow runs
    anna's failed and bob's is invalid.
    """
    for machine, scale, day in ((ANNA, 1.0, "2026-11-20"), (BOB, 0.5, "2026-11-22")):
        runs = []
        for engine, seconds in (("torch", 100.0), ("tensorflow", 125.0)):
            runs += _full(machine, engine, seconds * scale, f"{day}T09:00:00+00:00")
        write(folder, f"{machine.name}/0001_full.json", content_of(machine, runs))
    quick = [
        run_of(
            "scratch",
            engine,
            epochs_of([6.0, seconds, seconds], images=1920),
            plan=replace(QUICK, epochs=3),
            test_images=2000,
            started_at="2026-11-24T10:00:00+00:00",
            start={"data_sha256": "9" * 64},
        )
        for engine, seconds in (("torch", 5.0), ("tensorflow", 5.5))
    ]
    write(folder, "anna/0002_quick.json", content_of(ANNA, quick))
    return folder


BASELINE = 1_000_000_000
"""What several engines have before data and network; a gigabyte more holds the largest network."""
SECONDS = {"torch": 100.0, "tensorflow": 125.0, LOOM.name: 80.0, KNOTS.name: 64.0}
"""An epoch of `scratch` on anna, by engine."""


def several_engines(folder: Path, *engines: str) -> Path:
    """results/ with anna's and bob's `scratch` and `mistaken` in each of these engines.

    No two engines have a figure in common: the n-th grows by n GB, takes n x 100 J a second, and has
    300 + 40 n to 390 + 40 n of a class's 1,000 images right. Bob is twice as fast as anna.
    """
    for machine, scale, day in ((ANNA, 1.0, "2026-11-20"), (BOB, 0.5, "2026-11-22")):
        runs = []
        for place, engine in enumerate(engines, 1):
            for experiment, slower in (("scratch", 1.0), ("mistaken", 3.0)):
                seconds = SECONDS[engine] * scale * slower
                epochs = epochs_of([seconds * each for each in JITTER], joules=100.0 * place * seconds)
                grown = BASELINE + place * 10**9
                runs.append(
                    run_of(
                        experiment,
                        engine,
                        [replace(each, peak_host_bytes=grown) for each in epochs],
                        rights=[300 + 40 * place + 10 * i for i in range(10)],
                        start={"baseline_host_bytes": BASELINE},
                        started_at=f"{day}T09:00:00+00:00",
                    )
                )
        write(folder, f"{machine.name}/0001_full.json", content_of(machine, runs))
    return folder


def _full(machine: Machine, engine: str, seconds: float, at: str) -> list[dict[str, Any]]:
    """Five runs of one engine: scratch twice, and each other experiment once."""
    times = [seconds * each for each in JITTER]
    joules = 30.0 * seconds
    bad = engine == "tensorflow"
    fine = epochs_of(times, validation=[0.7 + 0.02 * i for i in range(8)])
    return [
        run_of("scratch", engine, epochs_of(times, joules=joules), started_at=at),
        run_of(
            "scratch",
            engine,
            epochs_of([times[0], *times[:0:-1]], joules=joules),
            seed=1,
            started_at=at,
            rights=[520 + 10 * i for i in range(10)],
        ),
        run_of(
            "mistaken",
            engine,
            overfitting([3 * each for each in times]),
            started_at=at,
            warnings=() if bad else [OnBattery()],
        ),
        run_of(
            "augmented",
            engine,
            epochs_of(times, joules=joules),
            started_at=at,
            plan=replace(FULL, epochs=15),
        ),
        run_of(
            "pretrained",
            engine,
            fine,
            started_at=at,
            plan=replace(FULL, epochs=13),
            rights=[900 + i for i in range(10)],
            failure="its worker was killed by signal 9" if bad and machine is ANNA else None,
            reasons=[check_failed()] if bad and machine is BOB else (),
        ),
    ]


def overfitting(seconds: Sequence[float]) -> tuple[Epoch, ...]:
    """The training accuracy nears 1 while the validation loss rises from epoch 4 on."""
    n = len(seconds)
    return epochs_of(
        seconds,
        train=[min(0.98, 0.4 + 0.1 * i) for i in range(n)],
        validation=[0.5, 0.6, 0.66, 0.68, *[0.69] * (n - 4)],
        losses=[1.6, 1.3, 1.1, 1.0, *[1.1 + 0.1 * i for i in range(n - 4)]],
    )
