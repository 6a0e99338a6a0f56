"""What the benchmarks may ask of any framework: a `Backend`, its `Trainer` and its `Kernel`s.

`alexnet.frameworks.module.Module` is where a backend comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from alexnet.data import Images, Labels
    from alexnet.recipe import Recipe
    from alexnet.score import Logits
    from alexnet.spec import Network, Row
    from alexnet.weights import Weights

Device = Literal["mps", "cuda", "cpu"]
"""`mps` is Apple's GPU: in TensorFlow that of the tensorflow-metal plugin, in MLX that of Metal."""
Precision = Literal["float32", "TF32", "bfloat16", "float16"]
"""What the operands of a product are rounded to. Weights, velocities and losses are float32 always."""
RandomState = dict[str, Any]
"""Name -> numpy array of unsigned integers, in the framework's own form."""


class DeviceUnavailable(Exception):
    """The framework cannot be imported, or cannot run the engine or the device; the message says why."""


class PlacementNotReported(Exception):
    """The framework does not report where it ran a step."""


class ResumeError(Exception):
    """A trainer cannot resume from a saved state; the message says why."""


class WayUnavailable(Exception):
    """A usual loop cannot load its images in one of its ways here; the message says why."""


class Trainer(Protocol):
    """A network on a device, trained one step at a time.

    `to_device` moves uint8 images (n, 32, 32, 3) and their int32 labels (n,) to the device, and `part`
    names a part of them, which `step` takes where they lie. `step` scales the pixels to [0, 1],
    normalises and upsamples them there. A batch has the framework's own type and is valid for this
    trainer only.
    """

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        """Chooses the layers to train and resets the momentum."""

    def to_device(self, images: Images, labels: Labels) -> Any:
        """All these images as one batch. The caller may change the arrays afterwards."""

    def part(self, batch: Any, start: int, size: int) -> Any:
        """The `size` images from `start` on of a batch from `to_device`. Copies nothing on the host."""

    def step(self, batch: Any, learning_rate: float) -> None:
        """Takes one step of SGD. Nothing is read from the device."""

    def pop_metrics(self) -> tuple[float, float]:
        """(training loss, training accuracy) averaged over the steps since the last call."""

    def synchronize(self) -> None:
        """Waits until the device has finished all its work, weight updates included."""

    def logits(self, images: Images) -> Logits:
        """float32 (n, classes) in evaluation mode, read from the device."""

    def activations(self, images: Images) -> dict[str, Any]:
        """Layer name -> output in evaluation mode, float32, channels first (n, c, h, w) or (n, f).

        The first is the network's input, the prepared pixels, under the name `alexnet.spec.INPUT`.
        """

    def weights(self) -> Weights:
        """The current weights in the canonical layout."""

    def layouts(self) -> dict[str, str]:
        """Canonical name -> how this trainer lays the tensor out, such as "OIHW -> HWIO".

        `alexnet.weights.AS_IT_IS` where that is the canonical layout.
        """

    def momentum(self) -> Weights:
        """The velocity of each tensor that this stage trains, in the canonical layout.

        After a stage's first step it equals the gradient that the step computed.
        """

    def ops_off_device(self, batch: Any) -> list[str]:
        """Names of the operations or tensors that a step at learning rate 0 left off the device.

        Raises PlacementNotReported if the framework does not report it.
        """

    def load(self, weights: Weights) -> None:
        """Replaces the weights and keeps the momentum."""

    def random_state(self) -> RandomState:
        """The state of the random stream that draws the dropout masks, to be passed to `resume`."""

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        """Continues from the state of another trainer, after `begin_stage` for the same stage.

        On the CPU every later step equals the other trainer's to the bit. Raises ResumeError or
        WeightsError for a state that does not fit this trainer, which is then left unchanged.
        """


class Kernel(Protocol):
    """A fixed piece of work that measures what the device itself can do in the engine's precision.

    `flops` counts its operations, `bytes` the least that it must read and write.
    """

    flops: int
    bytes: int

    def run(self) -> None:
        """Submits the work once; may return before the device has finished it."""

    def wait(self) -> None:
        """Waits until the device has finished all submitted work."""


class Backend(Protocol):
    """One engine on one device."""

    device: Device

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> Trainer:
        """A trainer that starts from `weights` and draws its dropout masks from `seed`."""

    def product(self, size: int, depth: int) -> Kernel:
        """A matrix product of (size, depth) and (depth, size), in the precision of a step's products."""

    def addition(self, elements: int) -> Kernel:
        """An in-place sum of two float32 vectors of `elements` elements."""

    def forward_backward(
        self, row: Row, inputs: Any, weight: Any, output_gradient: Any, *, input_gradient: bool
    ) -> tuple[Any, Any, Any]:
        """One convolution or Dense as a training step computes it, with a bias of 0 and without ReLU.

        Returns (output, gradient of the weight, gradient of the inputs), all numpy float32, channels
        first; `weight` has the canonical layout. The last is None unless `input_gradient`: no step
        computes that of the images.
        """

    def sums(self, rows: Any) -> Any:
        """The sum of each row of a float32 (n, length), as numpy float32 (n,)."""

    def device_name(self) -> str: ...

    def versions(self) -> dict[str, str]:
        """Package -> version, for every package that computes."""

    def settings(self) -> dict[str, str]:
        """Name -> value of every setting that affects speed or results, whoever set it."""

    def peak_device_bytes(self) -> int | None:
        """Peak device memory since the last reset, or None if the framework does not report it."""

    def reset_peak_device_bytes(self) -> None: ...


class UsualLoop(Protocol):
    """A network that trains as the framework's official example does, beside the trainer.

    Network, first weights, recipe and images are the trainer's; order and dropout masks are its own.
    """

    parameters: int
    """The number of trained parameters of its model."""

    @property
    def rows(self) -> Sequence[str]:
        """The loops that it has, such as one that reads the loss in every step and one that does not."""

    @property
    def ways(self) -> Sequence[str]:
        """The ways in which it can load its images; which one is fastest depends on the computer."""

    def use(self, way: str, steps: int) -> None:
        """Loads the images of epochs of so many steps in this way. The first one takes longer."""

    def train(self, row: str, steps: int) -> tuple[int, float]:
        """(steps taken, mean training loss) of the first `steps` steps of a new epoch.

        Fewer are taken if the epoch has fewer. May return before the device has finished. Raises
        WayUnavailable.
        """


def check_same_shapes(
    what: str, arrays: Mapping[str, Any], expected: Mapping[str, Sequence[int]]
) -> None:
    """Raises ResumeError unless `arrays` has exactly the names and shapes of `expected`."""
    wrong = set(arrays) ^ set(expected)
    wrong |= {n for n in set(arrays) & set(expected) if tuple(arrays[n].shape) != tuple(expected[n])}
    if wrong:
        raise ResumeError(f"this {what} is of another network or stage: {', '.join(sorted(wrong))}")


def check_random_state(framework: str, random_state: RandomState, expected: RandomState) -> None:
    """Raises ResumeError unless the arrays have the names, shapes and dtypes of `expected`."""
    check_same_shapes("random state", random_state, {n: a.shape for n, a in expected.items()})
    for name, array in expected.items():
        if random_state[name].dtype != array.dtype:
            raise ResumeError(
                f"{framework} does not take this random state: its {name} is {random_state[name].dtype},"
                f" not {array.dtype}"
            )


def operands(size: int, depth: int) -> tuple[Any, Any]:
    """The float32 matrices of `Backend.product`: the same bytes for every framework."""
    import numpy as np

    rng = np.random.default_rng(0)
    return rng.random((size, depth), np.float32), rng.random((depth, size), np.float32)
