"""Errors of a device's outputs against the exact ones, and the tolerance of each check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from alexnet.frameworks.protocol import Precision, Trainer
from alexnet.spec import INPUT
from bench.gate.outputs import Array, Batch, Outputs, relative_max_error, relative_norm_error
from bench.records.codec import finite_or_none
from bench.records.precision import OPERAND_BITS
from bench.records.types import Check

FLOAT32_ERROR_FACTOR = 16.0
"""The most that a device may be off, in multiples of float32's own error on the CPU, same network.

Another order of summation gives another error of the same size. Winograd's convolutions give one several
times as large (Lavin and Gray 2016). Ten-bit TF32 is off by 500 times, and the Dense+ReLU fault by 10^6.
"""
ROUNDED_ERROR_FACTOR = 4.0
"""The most that an engine of a lower precision may be off, in multiples of the error of the reference
whose operands are rounded to its bits. Here the rounding is the engine's own, and no order of summation
adds to it; but what goes from layer to layer is rounded too, which the reference's is not."""
MIN_TOLERANCE = 1e-6
"""16 roundings: no tolerance is smaller, whatever the network."""
KINK_GRADIENT, KINK_STEPS = 0.02, 0.05
"""What a ReLU or a maximum that flips may change in a gradient, and after three steps.

One rounding is enough to flip a unit at its edge, and the error is then larger than a rounding. Seen in
140 float32 runs a rounding apart, over all experiments: 0.0025 and 0.015 at most; in losses 0.001.
Errors ten times as large flip ten times as many units. A tensor that is never updated is off by 1,
momentum 0.8 for 0.9 by 0.07.
"""
KINK_GRADIENT_ROUNDED = 0.05
"""The same of a lower precision, whose roundings flip more units than float32's, and others than in the
rounded reference. Seen in float16: 0.044 with 32 images of a network a sixteenth as wide, the most of
ten seeds, and 0.006 with 64."""


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Errors of `Outputs` relative to the exact outputs; infinite where an output is not finite.

    `loss` is the first step's, `losses` the worst of three. A dict has one error per layer or tensor.
    """

    layers: dict[str, float]
    logits: float
    later_logits: float
    loss: float
    losses: float
    gradient: dict[str, float]
    displacement: dict[str, float]
    update: dict[str, float]


def errors(outputs: Outputs, exact: Outputs, heartbeat: Callable[[], None] = lambda: None) -> Errors:
    """Max errors of layers, logits and losses; norm errors of gradients and displacements.

    A tensor that `outputs` lacks has an infinite error. `heartbeat` is called after each tensor.
    """

    def norm_errors(ours: Mapping[str, Array], exact: Mapping[str, Array]) -> dict[str, float]:
        found = {}
        for name in exact:
            found[name] = relative_norm_error(ours.get(name), exact[name])
            heartbeat()
        return found

    return Errors(
        layers={
            name: relative_max_error(outputs.layers[name], array) for name, array in exact.layers.items()
        },
        logits=relative_max_error(outputs.logits, exact.logits),
        later_logits=relative_max_error(outputs.later_logits, exact.later_logits),
        loss=relative_max_error(outputs.losses[:1], exact.losses[:1]),
        losses=relative_max_error(outputs.losses, exact.losses),
        gradient=norm_errors(outputs.gradient, exact.gradient),
        displacement=norm_errors(outputs.displacement, exact.displacement),
        update={name: outputs.update_error.get(name, np.inf) for name in exact.update_error},
    )


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What an engine may be off: `factor` times the errors of the reference in the engine's precision.

    `float32` are the reference's errors in float32, in which every engine keeps its weights.
    """

    precision: Precision
    errors: Errors
    factor: float
    float32: Errors

    @property
    def gradient(self) -> float:
        """How far the gradient of a tensor may be off, in its norm: a ReLU or a maximum may flip."""
        floor = KINK_GRADIENT if OPERAND_BITS[self.precision] is None else KINK_GRADIENT_ROUNDED
        return self.of(max(self.errors.gradient.values()), floor=floor)

    def of(self, error: float, *, floor: float = MIN_TOLERANCE) -> float:
        """The tolerance where the reference is off by this much."""
        return max(self.factor * error, floor)

    def of_update(self, tensor: str) -> float:
        """The same of a tensor's update, which is float32 arithmetic in every engine."""
        return max(FLOAT32_ERROR_FACTOR * self.float32.update[tensor], MIN_TOLERANCE)


def allowed_in(
    precision: Precision, float32: Errors, rounded: Callable[[int], Errors] | None = None
) -> Allowed:
    """What an engine of this precision may be off.

    `rounded` computes the reference's errors with operands of so many bits; float32 needs none.
    """
    bits = OPERAND_BITS[precision]
    if bits is None:
        return Allowed(precision=precision, errors=float32, factor=FLOAT32_ERROR_FACTOR, float32=float32)
    assert rounded, "a lower precision is judged by a rounded reference"
    return Allowed(
        precision=precision, errors=rounded(bits), factor=ROUNDED_ERROR_FACTOR, float32=float32
    )


def compare_to_reference(device: Errors, allowed: Allowed, exact: Outputs, *, on: str) -> list[Check]:
    """Eight checks of the device's errors.

    Each check names the layer or tensor that it measured. `on` is the device's name.
    """
    own = allowed.errors
    # The first layer that is off is the one at fault: those behind it must be off as well.
    off = [name for name, error in device.layers.items() if error > allowed.of(own.layers[name])]
    layer = off[0] if off else _worst(device.layers)
    gradient, displacement = _worst(device.gradient), _worst(device.displacement)
    update = _worst({n: error / allowed.of_update(n) for n, error in device.update.items()})

    largest_logit, first_loss = float(np.abs(exact.logits).max()), float(exact.losses[0])
    tolerances = {
        # Rounding alone.
        "layers": allowed.of(own.layers[layer]),
        "logits": allowed.of(own.logits),
        # A ReLU or a maximum may flip in the three steps, but they are seen.
        "later logits": allowed.of(
            own.later_logits,
            floor=KINK_STEPS * relative_max_error(exact.logits, exact.later_logits),
        ),
        # The cross-entropy changes by at most twice the largest change of a logit.
        "loss": 2 * allowed.of(own.logits) * largest_logit / first_loss,
        "gradient": allowed.gradient,
        # Rounding alone: the step adds a weight and its update, and sums nothing else.
        "update": allowed.of_update(update),
        # A ReLU or a maximum may flip in any of the three steps.
        "three losses": allowed.of(own.losses, floor=KINK_GRADIENT),
        "three steps": allowed.of(max(own.displacement.values()), floor=KINK_STEPS),
    }
    where = f"on {on}, against the reference in float64"
    measured = {
        "layers": (device.layers[layer], f"{_words(layer)} {where}"),
        "logits": (device.logits, f"the compiled logits {where}"),
        "later logits": (device.later_logits, f"the logits after three steps {where}"),
        "loss": (device.loss, f"the first loss {where}"),
        "gradient": (device.gradient[gradient], f"the first step's gradient of {gradient} {where}"),
        "update": (
            device.update[update],
            f"how far the first step of {update} on {on} is from minus rate times gradient",
        ),
        "three losses": (device.losses, f"the losses of three steps {where}"),
        "three steps": (
            device.displacement[displacement],
            f"the way of {displacement} in three steps {where}",
        ),
    }
    return [
        _at_most(name, error, tolerances[name], description)
        for name, (error, description) in measured.items()
    ]


def check_own_network(
    trainer: Trainer, allowed: Allowed, exact: Outputs, batch: Batch, *, on: str
) -> Check:
    """The logits of the network that will train. In evaluation its dropout must do nothing."""
    error = relative_max_error(trainer.logits(batch.images), exact.logits)
    description = f"the logits of the cell's own network on {on}, against the reference in float64"
    return _at_most("own logits", error, allowed.of(allowed.errors.logits), description)


def _words(layer: str) -> str:
    return "the pixels that are the network's input" if layer == INPUT else f"the output of {layer}"


def _worst(errors_by_name: dict[str, float]) -> str:
    return max(errors_by_name, key=errors_by_name.__getitem__)


def _at_most(name: str, measured: float, limit: float, description: str) -> Check:
    if not np.isfinite(limit):
        description = f"{description}: the reference in this precision is not finite itself"
        measured, limit = np.inf, 0.0
    return Check(
        name=name, measured=finite_or_none(measured), lower=0.0, upper=limit, description=description
    )
