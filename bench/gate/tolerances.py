"""How far a device's outputs may be from the exact ones, and how far they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alexnet.frameworks.protocol import Trainer
from bench.gate.outputs import Batch, Outputs, relative_max_error, relative_norm_error
from bench.records.codec import finite
from bench.records.types import Check

FLOAT32_ERRORS = 16.0
"""How many times float32's own error, as the CPU shows it on this very network, a device may be off.

Another order of summation draws another error of the same size, Winograd's convolutions several times
as large (Lavin and Gray 2016); ten-bit TF32 is off by 500 times, and the Dense+ReLU fault by 10^6.
"""


LEAST_ERROR = 1e-6  # 16 roundings: no network can ask for less


KINK_GRADIENT, KINK_STEPS = 0.02, 0.05
"""What a ReLU or a maximum that turns the other way may change, in a gradient and after three steps.

A rounding is enough for one that stands at its edge, and then the error is not of rounding's size. Seen
in 140 float32 runs a rounding apart, of all experiments: 0.0025 and 0.015 at most; of losses 0.001. Ten
times the errors turn ten times as many. A tensor that stands still is off by 1, momentum 0.8 by 0.07.
"""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """How far answers are from the exact ones, each as a share; infinite where they are not finite."""

    layers: dict[str, float]
    logits: float
    loss: float
    losses: float
    gradient: dict[str, float]
    moved: dict[str, float]
    update: dict[str, float]


def errors(ours: Outputs, exact: Outputs) -> Errors:
    """The largest difference over the largest exact value; of gradients and ways, of their norms."""
    return Errors(
        layers={
            name: relative_max_error(ours.layers[name], output) for name, output in exact.layers.items()
        },
        logits=relative_max_error(ours.logits, exact.logits),
        loss=relative_max_error(ours.losses[:1], exact.losses[:1]),
        losses=relative_max_error(ours.losses, exact.losses),
        gradient={
            name: relative_norm_error(ours.gradient.get(name), a) for name, a in exact.gradient.items()
        },
        moved={
            name: relative_norm_error(ours.moved[name], array) for name, array in exact.moved.items()
        },
        update={name: ours.update.get(name, np.inf) for name in exact.update},
    )


def compare_to_reference(device: Errors, single: Errors, exact: Outputs, *, on: str) -> list[Check]:
    """The device's errors, and where float32 lets them lie: `single` are the CPU's own."""
    where = f"on {on}, against the CPU in float64"
    # Whatever is off first is named: the layers behind it can only be off as well.
    off = [name for name, error in device.layers.items() if error > _tolerance(single.layers[name])]
    layer = off[0] if off else max(device.layers, key=lambda name: device.layers[name])
    gradient, moved = (
        max(each, key=lambda name: each[name]) for each in (device.gradient, device.moved)
    )
    # The cross-entropy moves by at most twice the largest change of a logit.
    most_loss = (
        2 * _tolerance(single.logits) * float(np.abs(exact.logits).max()) / float(exact.losses[0])
    )
    most_gradient = max(FLOAT32_ERRORS * max(single.gradient.values()), KINK_GRADIENT)
    most_losses = max(FLOAT32_ERRORS * single.losses, KINK_GRADIENT)
    # Nothing is summed here but a weight and its step, so what float32 rounds is all that may be off.
    update = max(device.update, key=lambda name: device.update[name] / _tolerance(single.update[name]))
    most_update = _tolerance(single.update[update])
    most_moved = max(FLOAT32_ERRORS * max(single.moved.values()), KINK_STEPS)
    layer_most = _tolerance(single.layers[layer])
    return [
        _at_most("layers", device.layers[layer], layer_most, f"the output of {layer} {where}"),
        _at_most("logits", device.logits, _tolerance(single.logits), f"the compiled logits {where}"),
        _at_most("loss", device.loss, most_loss, f"the first loss {where}"),
        _at_most(
            "gradient",
            device.gradient[gradient],
            most_gradient,
            f"the first step's gradient of {gradient} {where}",
        ),
        _at_most(
            "update",
            device.update[update],
            most_update,
            f"how far the first step of {update} on {on} is from minus rate times gradient",
        ),
        _at_most("three losses", device.losses, most_losses, f"the losses of three steps {where}"),
        _at_most(
            "three steps", device.moved[moved], most_moved, f"the way of {moved} in three steps {where}"
        ),
    ]


def _tolerance(single: float) -> float:
    return max(FLOAT32_ERRORS * single, LEAST_ERROR)


def check_own_network(
    trainer: Trainer, single: Errors, exact: Outputs, batch: Batch, *, on: str
) -> Check:
    """The very network that will train, dropout and all; in evaluation it answers as without."""
    error = relative_max_error(trainer.logits(batch.images), exact.logits)
    says = f"the logits of the cell's own network on {on}, against the CPU in float64"
    return _at_most("own logits", error, _tolerance(single.logits), says)


def _at_most(name: str, measured: float, most: float, says: str) -> Check:
    if not np.isfinite(most):
        says, measured, most = f"{says}: float32 on the CPU itself is not finite", np.inf, 0.0
    return Check(name=name, measured=finite(measured), least=0.0, most=most, says=says)
