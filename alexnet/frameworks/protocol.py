"""What the benchmarks may ask of any framework: a backend, its trainer, its kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from alexnet.data import Images, Labels
    from alexnet.recipe import Recipe
    from alexnet.score import Logits
    from alexnet.spec import Network
    from alexnet.weights import Weights


Framework = Literal["torch", "tensorflow"]


Device = Literal["mps", "cuda", "cpu"]


Precision = Literal["float32", "float64"]


RandomState = dict[str, Any]
"""Name -> numpy array of unsigned integers, as the framework keeps them."""


DEVICES: tuple[Device, ...] = ("mps", "cuda", "cpu")
"""Best first: `auto` takes the first that a framework can use. For TensorFlow, `mps` is the GPU of
the tensorflow-metal plugin."""


class DeviceUnavailable(Exception):
    """A device that was asked for by name and that the framework cannot use, with the reason."""


class PlacementUnknown(Exception):
    """A framework that does not tell where it ran a step."""


class ResumeError(Exception):
    """A saved state that a trainer cannot go on from, and why."""


class Trainer(Protocol):
    """A network on a device, ready to be trained step by step.

    `place` moves a uint8 batch (n, 32, 32, 3) with its int32 labels (n,) to the device, where
    every later call scales it to [0, 1], normalises and upsamples it. What it returns is the
    framework's own, and only this trainer's to use.
    """

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        """Chooses which layers move, and forgets the momentum of the stage before."""

    def to_device(self, images: Images, labels: Labels) -> Any: ...

    def step(self, batch: Any, learning_rate: float) -> None:
        """One step of SGD. Nothing is read from the device."""

    def pop_metrics(self) -> tuple[float, float]:
        """(loss, accuracy) averaged over the steps since the last call, as they were trained."""

    def synchronize(self) -> None:
        """Returns when the device has done all that it was given, weights updated."""

    def logits(self, images: Images) -> Logits:
        """float32 (n, classes) in evaluation mode, read from the device; float64 from a reference."""

    def activations(self, images: Images) -> dict[str, Any]:
        """Layer name -> output in evaluation mode, float32, channels first (n, c, h, w) or (n, f)."""

    def weights(self) -> Weights:
        """The canonical weights as they are now."""

    def momentum(self) -> Weights:
        """The velocity of each tensor that this stage moves, in the canonical layout.

        After a stage's first step it is that step's gradient, as the step itself computed it.
        """

    def ops_off_device(self, batch: Any) -> list[str]:
        """What of a step at rate 0 did not run on the device: names of operations or of tensors.

        Raises PlacementUnknown where the framework does not tell.
        """

    def load(self, weights: Weights) -> None:
        """Replaces the weights; momentum stays."""

    def random_state(self) -> RandomState:
        """Where the stream stands that dropout's next masks come from; for `resume` alone to read."""

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        """Takes the place of the trainer that these three came from; its stage has been begun here.

        On the CPU every later step is the other one's to the bit. Raises ResumeError or WeightsError
        for a state that is not this trainer's, which then stays as it is.
        """


class Kernel(Protocol):
    """A fixed piece of float32 work, to see what the device itself can do.

    `flops` are its operations, `bytes` what it must at least read and write.
    """

    flops: int
    bytes: int

    def run(self) -> None:
        """Gives the device the work once; it may come back before the work is done."""

    def wait(self) -> None:
        """Returns when the device has done all of it."""


class Backend(Protocol):
    """One framework on one device."""

    framework: Framework
    device: Device

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> Trainer:
        """A trainer that starts from `weights`; `seed` draws its dropout masks."""

    def reference(
        self, net: Network, weights: Weights, recipe: Recipe, *, precision: Precision
    ) -> Trainer:
        """The same network on the CPU, operation by operation: what the device is held against.

        In float64 its pixels come from `alexnet.pixels`, so that the upsampling is checked too.
        """

    def product(self, size: int, depth: int) -> Kernel:
        """A matrix product (size, depth) by (depth, size)."""

    def addition(self, elements: int) -> Kernel:
        """So many float32 elements added to as many others, in place."""

    def device_name(self) -> str: ...

    def versions(self) -> dict[str, str]:
        """Package -> version of all that computes here."""

    def settings(self) -> dict[str, str]:
        """What this backend set, or found set, that changes speed or numbers."""

    def peak_device_bytes(self) -> int | None:
        """The most device memory since the last reset, or None where the framework cannot tell."""

    def reset_peak_device_bytes(self) -> None: ...


def check_same_shapes(what: str, found: Mapping[str, Any], wanted: Mapping[str, Sequence[int]]) -> None:
    """Raises ResumeError unless both have the same names, and the arrays the shapes that are wanted."""
    wrong = set(found) ^ set(wanted)
    wrong |= {n for n in set(found) & set(wanted) if tuple(found[n].shape) != tuple(wanted[n])}
    if wrong:
        raise ResumeError(f"this {what} is of another network or stage: {', '.join(sorted(wrong))}")


def operands(size: int, depth: int) -> tuple[Any, Any]:
    """The float32 matrices of `Backend.product`: the same bytes for every framework."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((size, depth), np.float32), rng.random((depth, size), np.float32)
