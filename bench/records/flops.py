"""FLOPs and bytes of a training step, and the share of the roofline that a run achieved."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.layers import Dropout, Flatten
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network
from bench.records.types import Epoch, Roofline


def training_flops(net: Network) -> int:
    """FLOPs of one image in one step: forward, and twice that for the gradients of inputs and weights.

    As usual, the first convolution is counted like the others, although it needs no input gradient.
    """
    return 3 * net.forward_flops


def training_bytes(net: Network, batch_size: int) -> int:
    """The fewest bytes that one step can move, with no tensor read or written more than necessary.

    A parameter is read forward and backward, its gradient is written and read, it and its momentum are
    read and written: 8 float32. An activation is written, read by the next layer and again backward,
    its gradient is written and read: 5 float32 per image. Flatten moves nothing, and dropout can be
    fused with its neighbours.
    """
    free = (Flatten, Dropout)
    activations = sum(row.activation_bytes for row in net.rows if not isinstance(row.layer, free))
    return 8 * FLOAT32_BYTES * net.parameters + 5 * activations * batch_size


def attainable_flops_per_second(net: Network, batch_size: int, roofline: Roofline) -> float:
    """The roofline at this step's intensity (Williams, Waterman and Patterson 2009)."""
    intensity = training_flops(net) * batch_size / training_bytes(net, batch_size)
    return min(roofline.flops_per_second, intensity * roofline.bytes_per_second)


@dataclass(frozen=True, kw_only=True)
class AchievedSpeed:
    """FLOP/s of the steady epochs, and its share of the attainable FLOP/s; None if unknown."""

    flops_per_second: float | None
    roofline_share: float | None

    @classmethod
    def from_run(
        cls,
        net: Network,
        recipe: Recipe,
        last_epoch: Epoch,
        images_per_second: float,
        roofline: Roofline | None,
    ) -> AchievedSpeed:
        """The speed of a run with this last epoch; unknown if it ended in a head-only stage."""
        if recipe.stages[last_epoch.stage - 1].train != "all":
            return cls(flops_per_second=None, roofline_share=None)
        achieved = images_per_second * training_flops(net)
        if roofline is None:
            return cls(flops_per_second=achieved, roofline_share=None)
        attainable = attainable_flops_per_second(net, recipe.batch_size, roofline)
        return cls(flops_per_second=achieved, roofline_share=achieved / attainable)
