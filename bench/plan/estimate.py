"""Rough estimates of how long a cell takes, for a machine on which none has been measured yet."""

from __future__ import annotations

from alexnet.data import TRAINED_IMAGES
from alexnet.frameworks.protocol import Device
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import FLOAT32_BYTES, network
from bench.records.flops import training_flops
from bench.records.types import Cell, Plan

# Sustained FLOP/s and bytes/s to memory. Only `cpu` was calibrated, on a 2-core AMD EPYC; the other
# two are orders of magnitude.
_ROUGH_SPEED: dict[Device, tuple[float, float]] = {
    "cpu": (0.2e12, 10e9),
    "mps": (2e12, 100e9),
    "cuda": (15e12, 800e9),
}
# Two processes that each import a framework, and the gate's checks that do not depend on the network.
_START_SECONDS = 10.0
# In float32 steps: three steps in float64, which take eight times as long, and six in float32.
_GATE_STEPS = 30


def expected_epoch_seconds(cell: Cell, plan: Plan) -> float:
    """A rough guess at one training epoch, from the network's FLOPs and the bytes of its updates.

    An image costs three forward passes' FLOPs: one forward, and a backward pass that costs two. A
    step moves five float32 per parameter: gradient, weight and momentum are read, weight and
    momentum are written.
    """
    net = network(EXPERIMENTS[cell.experiment].variant, image_size=plan.image_size)
    flops_per_second, bytes_per_second = _ROUGH_SPEED[cell.device]
    images = plan.train_images or TRAINED_IMAGES
    steps = images / plan.batch_size
    compute_seconds = images * training_flops(net) / flops_per_second
    return compute_seconds + steps * net.parameters * 5 * FLOAT32_BYTES / bytes_per_second


def expected_seconds(cell: Cell, plan: Plan) -> float:
    """A rough guess at a whole cell: start-up, gate, epochs and 10 % for evaluation."""
    epoch = expected_epoch_seconds(cell, plan)
    step = epoch * plan.batch_size / (plan.train_images or TRAINED_IMAGES)
    return _START_SECONDS + _GATE_STEPS * step + 1.1 * plan.epochs * epoch
