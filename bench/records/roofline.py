"""What a training step costs in FLOPs and bytes, and what of the roofline a run achieved."""

from __future__ import annotations

from dataclasses import dataclass

from alexnet.layers import Dropout, Flatten
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network
from bench.records.types import Epoch, Roofline


def training_flops(net: Network) -> int:
    """FLOPs of one image in one step: forward, and twice that backward (inputs' and weights' gradients).

    The usual count; the first convolution needs no gradient of its input, which is not taken off.
    """
    return 3 * net.forward_flops


def training_bytes(net: Network, batch_size: int) -> int:
    """The least bytes that one step moves, if every tensor were read and written no more than it must.

    A parameter: read forward and backward, its gradient written and read, itself and its momentum
    read and written: 8 float32. An activation: written, read by the next layer and again backward,
    its gradient written and read: 5 float32 an image. Flattening moves nothing, and dropout can be
    done on the way.
    """
    free = (Flatten, Dropout)
    activations = sum(row.activation_bytes for row in net.rows if not isinstance(row.layer, free))
    return 8 * FLOAT32_BYTES * net.parameters + 5 * activations * batch_size


def attainable_flops_per_second(net: Network, batch_size: int, roof: Roofline) -> float:
    """The roofline at this step's intensity (Williams, Waterman and Patterson 2009)."""
    intensity = training_flops(net) * batch_size / training_bytes(net, batch_size)
    return min(roof.flops_per_second, intensity * roof.bytes_per_second)


@dataclass(frozen=True, kw_only=True)
class AchievedSpeed:
    """FLOP/s of the steady epochs, and as a share of what the roofline allows; None where not known."""

    flops_per_second: float | None
    roofline_share: float | None

    @classmethod
    def from_run(
        cls, net: Network, recipe: Recipe, last: Epoch, images_per_second: float, roof: Roofline | None
    ) -> AchievedSpeed:
        """Of a run whose last epoch is `last`: one that ended in a head-only stage did other work."""
        if recipe.stages[last.stage - 1].train != "all":
            return cls(flops_per_second=None, roofline_share=None)
        achieved = images_per_second * training_flops(net)
        if roof is None:
            return cls(flops_per_second=achieved, roofline_share=None)
        attainable = attainable_flops_per_second(net, recipe.batch_size, roof)
        return cls(flops_per_second=achieved, roofline_share=achieved / attainable)
