"""One MLX engine's outputs for tests/alexnet/frameworks/test_mlx.py, computed in its own process.

`python -m tests.support.mlx_worker ENGINE OUT CANONICAL`; the networks are a sixteenth as wide as the
real ones, since MLX's CPU backend convolves naively.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import mlx.core as mx
import numpy as np

from alexnet import spec, weights
from alexnet.frameworks import registry
from alexnet.frameworks.mlx import backend as mlx_backend
from alexnet.frameworks.mlx.layers import max_pool
from alexnet.frameworks.protocol import (
    Backend,
    Device,
    DeviceUnavailable,
    PlacementNotReported,
    ResumeError,
)
from alexnet.layers import MaxPool
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.spec import VARIANTS, network
from tests.support import framework_worker
from tests.support.framework_worker import BATCH, IMAGE_SIZE, Arrays, images_and_labels
from tests.support.mlx_sizes import CLASSES, NARROWER, RATES
from tests.support.narrow import narrow_variants


def layers(backend: Backend) -> Arrays:
    """Every layer's output for every variant at 64 px, torchvision's also at 224, and the logits."""
    images, _ = images_and_labels(2)
    answers = {}
    for variant, size in [(name, IMAGE_SIZE) for name in VARIANTS] + [("torchvision", 224)]:
        net = network(variant, image_size=size)
        trainer = backend.trainer(net, weights.initialise(net, seed=1), FINETUNE, seed=0)
        for layer, output in trainer.activations(images).items():
            answers[f"layers {variant} {size} {layer}"] = output
        answers[f"layers {variant} {size} logits"] = trainer.logits(images)
    return answers


def steps(backend: Backend) -> Arrays:
    """Three losses and what became of every tensor, and how often the step was traced."""
    images, labels = images_and_labels(BATCH)
    answers = {}
    for variant in VARIANTS:
        net = network(variant, image_size=IMAGE_SIZE).without_dropout()
        trainer: Any = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
        own, traced = trainer.model.logits, Counter[str]()

        def logits(*given: Any, own: Any = own, traced: Counter[str] = traced) -> Any:
            traced["times"] += 1
            return own(*given)

        trainer.model.logits = logits
        for name, array in trainer.weights().items():
            answers[f"unused {variant} {name}"] = array
        batch, losses = trainer.to_device(images, labels), []
        for rate in RATES:
            trainer.step(batch, rate)
            losses.append(trainer.pop_metrics()[0])
        answers[f"losses {variant}"], answers[f"traced {variant}"] = (
            np.array(losses),
            np.array(traced["times"]),
        )
        for name, array in trainer.weights().items():
            answers[f"steps {variant} {name}"] = array
        for name, array in trainer.momentum().items():
            answers[f"velocity {variant} {name}"] = array
    return answers


def resumed(backend: Backend) -> Arrays:
    """Whether a resumed trainer goes on to the bit, in each stage, and what it says of other states."""
    images, labels = images_and_labels(BATCH)
    net = network("standard", image_size=IMAGE_SIZE)
    answers, said = {}, []
    stages: tuple[Literal["head", "all"], ...] = ("head", "all")
    for stage in stages:
        pair = [backend.trainer(net, weights.initialise(net, seed=s), SCRATCH, seed=s) for s in (2, 3)]
        first, other = pair
        for trainer in pair:
            trainer.begin_stage(stage)
        batch = first.to_device(images, labels)
        first.step(batch, 0.01)
        now, momentum, state = first.weights(), first.momentum(), first.random_state()
        other.resume(now, momentum, state)
        for trainer in pair:
            for _ in range(2):
                trainer.step(batch, 0.01)
        alike = [
            np.array_equal(array, ours[name])
            for ours, theirs in (
                (first.weights(), other.weights()),
                (first.momentum(), other.momentum()),
                (first.random_state(), other.random_state()),
            )
            for name, array in theirs.items()
        ]
        answers[f"resumed {stage}"] = np.array(alike)
    before = other.weights()
    for wrong in (
        (now, momentum, {"key": state["key"].astype(np.int64)}),
        (now, momentum, {"key": state["key"][:1]}),
        (now, {"fc8.bias": momentum["fc8.bias"]}, state),
    ):
        try:
            other.resume(*wrong)
            said.append("")
        except ResumeError as error:
            said.append(str(error))
    unchanged = all(np.array_equal(array, before[name]) for name, array in other.weights().items())
    return answers | {"resume refusals": np.array(said), "resume unchanged": np.array(unchanged)}


def seeds(backend: Backend) -> Arrays:
    """A loss under the dropout masks of seeds 0, 0 and 1."""
    images, labels = images_and_labels(BATCH)
    net, losses = network("standard", image_size=IMAGE_SIZE), []
    for seed in (0, 0, 1):
        trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=seed)
        trainer.step(trainer.to_device(images, labels), 0.0)
        losses.append(trainer.pop_metrics()[0])
    return {"seeds": np.array(losses)}


def carried_over(backend: Backend, file: Path) -> Arrays:
    """Logits and layouts of the torchvision variant from canonical weights of another process."""
    images, _ = images_and_labels(4)
    net = network("torchvision", image_size=IMAGE_SIZE, classes=CLASSES)
    trainer = backend.trainer(net, weights.load(file, net), FINETUNE, seed=0)
    answers = {f"carried {name}": array for name, array in trainer.weights().items()}
    layouts = [f"{name}: {layout}" for name, layout in trainer.layouts().items()]
    return answers | {"carried logits": trainer.logits(images), "layouts": np.array(layouts)}


def ties() -> Arrays:
    """A map of few values, so that most windows have several largest, its pool and a gradient."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (2, 9, 9, 4)).astype(np.float32)
    into = rng.random((2, 4, 4, 4), np.float32)
    (output,), (gradient,) = mx.vjp(
        lambda a: max_pool(MaxPool("pool1"), a), [mx.array(x)], [mx.array(into)]
    )
    return {
        "ties x": x,
        "ties into": into,
        "ties output": np.array(output),
        "ties gradient": np.array(gradient),
    }


def sentences(backend: Backend, engine: str) -> Arrays:
    """What is said of what cannot be: a device, an engine on a device, where operations ran."""
    said = []
    asked: tuple[tuple[str, Device], ...] = ((engine, "mps"), (engine, "cuda"), ("mlx-tf32", "cpu"))
    for name, device in asked:
        try:
            registry.backend(name, device)
            said.append("")
        except DeviceUnavailable as error:
            said.append(str(error))
    net = network("standard", image_size=IMAGE_SIZE)
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    try:
        said.append(str(trainer.ops_off_device(None)))
    except PlacementNotReported as error:
        said.append(str(error))
    return {"sentences": np.array(said)}


def on_apples_gpu(backend: Any) -> Arrays:
    """The devices where Metal is there, and the peak of memory after a reset and 4 MB."""
    metal: Any = mx.metal
    with patch.object(metal, "is_available", lambda: True):
        devices = np.array(mlx_backend.usable_devices())
    on_the_cpu = backend.peak_device_bytes() is None
    backend.device = "mps"
    backend.reset_peak_device_bytes()
    mx.eval(mx.ones(2**20))
    peak = backend.peak_device_bytes()
    backend.device = "cpu"
    return {"devices": devices, "unknown on the CPU": np.array(on_the_cpu), "peak": np.array(peak)}


def main() -> None:
    engine, out, canonical = sys.argv[1], *map(Path, sys.argv[2:4])
    spec.VARIANTS.update(narrow_variants(NARROWER))
    backend = registry.backend(engine, "cpu")
    answers = carried_over(backend, canonical) | ties()
    for section in (
        layers,
        steps,
        framework_worker.stages,
        framework_worker.dropout,
        framework_worker.kernels,
        framework_worker.settings,
        resumed,
        seeds,
        on_apples_gpu,
    ):
        answers |= section(backend)
    answers |= framework_worker.refusals(engine)
    np.savez(out, **answers, **sentences(backend, engine))  # last: another engine's variables are set


if __name__ == "__main__":
    main()
