"""One engine's gate with each fault planted in turn, in its own process, on a narrow network.

`python -m tests.support.gate_worker ENGINE` prints JSON: fault -> check -> (passed, measured,
description).
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from alexnet import data, spec, weights
from alexnet.data import IMAGE_SHAPE
from alexnet.frameworks import registry
from alexnet.recipe import IMAGENET_MEAN, IMAGENET_STD, SCRATCH, Stage
from alexnet.spec import network
from bench.gate import timing
from bench.gate.checks import check_device
from bench.gate.outputs import Batch
from bench.gate.reference import compute_outputs, errors_when_rounded
from bench.gate.tolerances import allowed_in
from bench.records.limits import MAX_WEIGHT_DECAY
from tests.support.narrow import narrow_variants
from tests.support.shared_faults import OF_PIXELS, Plant, of_dropouts, preprocessed

RECIPE = replace(
    SCRATCH,
    stages=(Stage(epochs=1, learning_rate=0.001), Stage(epochs=1, learning_rate=0.0001)),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)
RATES = (0.001, 0.0001)
CALL_SECONDS = 0.001  # what a call costs a device that answers late
TIMED = ("none", "late")
"""The faults for which the timing checks run too, which take real seconds."""


class Faulty:
    """A backend with a fault planted in its trainers and, if `late`, in its kernels."""

    def __init__(self, backend: Any, plant: Callable[[Any], Any], *, late: bool = False) -> None:
        self._backend, self._plant, self._late = backend, plant, late

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def trainer(self, *arguments: Any, **keywords: Any) -> Any:
        return self._plant(self._backend.trainer(*arguments, **keywords))

    def product(self, size: int, depth: int) -> Any:
        kernel = self._backend.product(size, depth)
        return LateKernel(kernel) if self._late else kernel


class LateKernel:
    def __init__(self, kernel: Any) -> None:
        self.flops, self.bytes = kernel.flops, kernel.bytes

    def run(self) -> None:
        time.sleep(CALL_SECONDS)

    def wait(self) -> None: ...


class Late:
    """A trainer that does its work when a result is read, and not when it is synchronised."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._queue: list[tuple[Any, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def step(self, batch: Any, rate: float) -> None:
        time.sleep(CALL_SECONDS)
        self._queue.append((batch, rate))

    def synchronize(self) -> None: ...

    def _catch_up(self) -> None:
        for batch, rate in self._queue:
            self._trainer.step(batch, rate)
        self._queue.clear()

    def pop_metrics(self) -> Any:
        self._catch_up()
        return self._trainer.pop_metrics()

    def logits(self, images: Any) -> Any:
        self._catch_up()
        return self._trainer.logits(images)


class Misplaced:
    """A trainer on the CPU that claims to be on a GPU when its operations are located."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def ops_off_device(self, batch: Any) -> Any:
        device = self._trainer.device
        self._trainer.device = SimpleNamespace(type="cuda") if hasattr(device, "type") else "/GPU:0"
        try:
            return self._trainer.ops_off_device(batch)
        finally:
            self._trainer.device = device


def other_momentum(trainer: Any) -> Any:
    """0.8 where the recipe says 0.9."""
    if hasattr(trainer, "optimizer"):
        for group in trainer.optimizer.param_groups:
            group["momentum"] = 0.8
    else:
        trainer.recipe = replace(trainer.recipe, momentum=0.8)
    return trainer


def scrambled(trainer: Any) -> Any:
    """Two output channels of one convolution have changed places."""
    weights_now = trainer.weights()
    weights_now["conv3.weight"][[0, 1]] = weights_now["conv3.weight"][[1, 0]]
    trainer.load(weights_now)
    return trainer


def not_a_number(trainer: Any) -> Any:
    weights_now = trainer.weights()
    weights_now["fc7.weight"][:, 0] = np.nan  # of all units: one that a ReLU silences would hide it
    trainer.load(weights_now)
    return trainer


class Stale:
    """A trainer that forgets to update one tensor."""

    def __init__(self, trainer: Any) -> None:
        self._trainer, self._first = trainer, trainer.weights()["conv2.bias"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def weights(self) -> Any:
        return self._trainer.weights() | {"conv2.bias": self._first}


class Rates:
    """A trainer whose steps take `rate(number of the step, rate)`, counted from 1 for each trainer."""

    def __init__(self, trainer: Any, rate: Callable[[int, float], float]) -> None:
        self._trainer, self._rate, self._steps = trainer, rate, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def step(self, batch: Any, rate: float) -> None:
        self._steps += 1
        self._trainer.step(batch, self._rate(self._steps, rate))


def later_rate(trainer: Any) -> Any:
    """The rate is twice what it should be, from the fourth step on."""
    return Rates(trainer, lambda step, rate: rate if step < 4 else 2 * rate)


def cached_rate(trainer: Any) -> Any:
    """The first rate is kept for good."""
    seen: list[float] = []

    def first(step: int, rate: float) -> float:
        seen.append(rate)
        return seen[0]

    return Rates(trainer, first)


def kept_rate(trainer: Any) -> Any:
    """The rate of the first stage is kept in the last one."""
    return Rates(trainer, lambda step, rate: RECIPE.stages[0].learning_rate if rate else 0.0)


def later_loss(trainer: Any) -> Any:
    """The loss is scaled by 2 from the fourth step on, and its gradient with it."""
    steps = Counter[str]()

    def change(name: str, w: Any, before: Any, v: Any) -> Any:
        steps[name] += 1
        return v if steps[name] < 4 else 2 * v - (0 if before is None else SCRATCH.momentum * before)

    return Velocities(trainer, change)


def aligned_corners(trainer: Any) -> Any:
    """Upsampled from corner to corner, and not with half-pixel centres."""
    size, trainer.preprocess.size = trainer.preprocess.size, IMAGE_SHAPE[0]

    def large(x: Any) -> Any:
        if hasattr(trainer, "optimizer"):
            import torch.nn.functional as F

            return F.interpolate(x, size=(size, size), mode="bilinear", align_corners=True)
        import tensorflow as tf

        return tf.compat.v1.image.resize_bilinear(x, (size, size), align_corners=True)

    return preprocessed(trainer, large)


class StaleEvaluation:
    """A trainer that goes on evaluating with its first weights."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer
        self._answers: dict[bytes, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def logits(self, images: Any) -> Any:
        return self._answers.setdefault(images.tobytes(), self._trainer.logits(images))


class Velocities:
    """A trainer whose step makes of every velocity `change(name, weight, before, after)`."""

    def __init__(self, trainer: Any, change: Callable[[str, Any, Any, Any], Any]) -> None:
        self._trainer, self._change = trainer, change
        self._now: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def begin_stage(self, train: Any) -> None:
        self._trainer.begin_stage(train)
        self._now = {}

    def step(self, batch: Any, rate: float) -> None:
        first, before = self._trainer.weights(), self._now
        self._trainer.step(batch, rate)
        after = self._trainer.momentum()
        self._now = {
            name: self._change(name, first[name], before.get(name), array)
            for name, array in after.items()
        }
        now = {name: first[name] - rate * self._now[name] for name in first}
        self._trainer.resume(now, self._now, self._trainer.random_state())

    def resume(self, weights: Any, momentum: Any, random_state: Any) -> None:
        self._trainer.resume(weights, momentum, random_state)
        self._now = dict(momentum)

    def momentum(self) -> Any:
        return self._now


def slight_momentum(trainer: Any) -> Any:
    """0.89 where the recipe says 0.9."""
    return Velocities(trainer, lambda name, w, before, v: v if before is None else v - 0.01 * before)


def dampened(trainer: Any) -> Any:
    """torch's dampening of 0.1: from the second step on, a tenth of the gradient is lost."""

    def change(name: str, w: Any, before: Any, v: Any) -> Any:
        return v if before is None else v - 0.1 * (v - SCRATCH.momentum * before)

    return Velocities(trainer, change)


def decayed(trainer: Any) -> Any:
    """A weight decay of 1e-5, a tenth of what is usual and 10 times the limit of every precision."""
    return Velocities(trainer, lambda name, w, before, v: v + 10 * MAX_WEIGHT_DECAY * w)


def dropouts(trainer: Any) -> list[Any]:
    """The framework's own Dropout layers."""
    model = trainer.model
    layers = model.modules() if hasattr(model, "named_modules") else model.layers
    return [layer for layer in layers if type(layer).__name__.endswith("Dropout")]


def other_rate(trainer: Any) -> Any:
    """Dropout of 0.4 where the table says 0.5."""
    for layer in dropouts(trainer):
        setattr(layer, "p" if hasattr(layer, "p") else "rate", 0.4)
    return trainer


def replaced(trainer: Any, call: Callable[[Any, Any], Any], *, count: int = 99) -> Any:
    """`call(layer's own function, input)` in the place of the first dropouts, in training."""
    for layer in dropouts(trainer)[:count]:
        if hasattr(layer, "forward"):
            layer.forward = lambda x, own=layer.forward, layer=layer: (
                call(own, x) if layer.training else x
            )
        else:
            layer.call = lambda x, training=False, own=layer.call: (
                call(lambda y: own(y, training=True), x) if training else x
            )
    return trainer


class Periodic:
    """A trainer that draws the same two masks in turn."""

    def __init__(self, trainer: Any) -> None:
        self._trainer, self._steps = trainer, 0
        self._states: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def step(self, batch: Any, rate: float) -> None:
        if self._steps < 2:
            self._states.append(self._trainer.random_state())
        else:
            now = self._trainer.weights()
            momentum = self._trainer.momentum() or {n: np.zeros_like(a) for n, a in now.items()}
            self._trainer.resume(now, momentum, self._states[self._steps % 2])
        self._trainer.step(batch, rate)
        self._steps += 1


def wrong_when_compiled(trainer: Any) -> Any:
    """Dense+ReLU is wrong in graphs and right eagerly, as with Apple's plugin and later Keras."""
    import tensorflow as tf

    def activation(x: Any) -> Any:
        return tf.nn.relu(x) * (1.0 if tf.executing_eagerly() else 1.6)

    trainer.model.get_layer("fc6").activation = activation
    return trainer


FAULTS: dict[str, Plant] = {
    "none": lambda trainer: trainer,
    "scrambled": scrambled,
    "late": Late,
    "stale": Stale,
    "slight momentum": slight_momentum,
    "dampened": dampened,
    "decayed": decayed,
    "stale evaluation": StaleEvaluation,
    "later rate": later_rate,
    "cached rate": cached_rate,
    "kept rate": kept_rate,
    "later loss": later_loss,
    "periodic": Periodic,
    "not a number": not_a_number,
    **OF_PIXELS,
}
"""What can be planted in any framework's trainer."""
WITH_LAYER_OBJECTS = ("torch", "tensorflow")
OF_LAYER_OBJECTS: dict[str, Plant] = {
    **of_dropouts(replaced),
    "misplaced": Misplaced,
    "other momentum": other_momentum,
    "aligned corners": aligned_corners,
    "other dropout": other_rate,
}
"""What is planted in the layers of torch and Keras. Another framework has a module of its own."""


def main() -> None:
    engine = sys.argv[1]
    backend = registry.backend(engine, "cpu")
    spec.VARIANTS.update(narrow_variants(16))
    net = network("standard", image_size=64)
    first, split = weights.initialise(net, seed=0), data.synthetic(32, seed=0)
    batch = Batch(images=split.images, labels=split.labels, rate=0.001, different=len(split))
    plain = net.without_dropout()
    reference = compute_outputs(plain, first, RECIPE, batch)
    allowed = allowed_in(
        registry.ENGINES[engine].precision,
        reference.float32,
        lambda bits: errors_when_rounded(
            plain, first, RECIPE, batch, reference.exact, operand_bits=bits
        ),
    )
    framework = registry.ENGINES[engine].framework
    faults = FAULTS | OF_LAYER_OBJECTS
    if framework not in WITH_LAYER_OBJECTS:
        faults = FAULTS | importlib.import_module(f"tests.support.{framework}_faults").FAULTS
    if framework == "tensorflow":
        faults["wrong when compiled"] = wrong_when_compiled
    results, check_timing = {}, timing.check_timing
    gc.freeze()  # each gate collects three times, and a framework's own objects are many
    for name, plant in faults.items():
        vars(timing)["check_timing"] = check_timing if name in TIMED else lambda *arguments: []
        faulty: Any = Faulty(backend, plant, late=name == "late")
        checks = check_device(
            faulty,
            net,
            first,
            RECIPE,
            batch,
            reference=reference,
            allowed=allowed,
            seed=0,
            rates=RATES,
            compiles=registry.ENGINES[engine].compiler is not None,
        ).checks
        results[name] = {
            check.name: (check.passed, check.measured, check.description) for check in checks
        }
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
