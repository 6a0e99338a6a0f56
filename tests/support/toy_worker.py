"""Real workers, journals and checkpoints around a toy network, for tests/support/toy_plugin.py.

A numpy trainer replaces the framework. It has the same state: weights, momentum and a random stream, on
which every later step depends. `TOY` takes `share=N` (the share of time that checkpoints may take),
`beat=S` (seconds between heartbeats), `step=S` (seconds per step), `hold=PLACE`
(tests/support/toy_hold.py) and `real` (real frameworks and layers, narrow).
"""

from __future__ import annotations

import sys
from time import sleep
from typing import Any

import numpy as np
from msgspec.structs import replace

from alexnet import spec
from alexnet import weights as canonical
from alexnet.data import Images, Labels
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import RandomState, check_same_shapes
from alexnet.layers import Conv, Dense, Flatten
from alexnet.recipe import EXPERIMENTS, Recipe
from alexnet.score import Logits
from alexnet.spec import Network, Variant, network
from alexnet.weights import Weights
from bench.ipc.child import ParentPipe
from bench.ipc.messages import Job
from bench.meters import reference_kernel
from bench.worker import checkpoint, result, training_loop
from bench.worker import job as worker_job
from bench.worker.training_loop import TrainingLoop
from tests.support.narrow import narrow_variants
from tests.support.samples import CHECK, GATE, ROOFLINE
from tests.support.toy_hold import OPTIONS, hold

REAL, REAL_WIDTH_DIVISOR = "real" in OPTIONS, 16
LAYERS = (Conv("conv1", 2, kernel=11, stride=8, padding=2), Flatten(), Dense("fc8", None, relu=False))
TOY = Variant(layers=LAYERS, classes=10, about="the least that training needs")


class ToyTrainer:
    """Softmax regression on the first pixels; all other weights follow a random walk."""

    def __init__(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> None:
        self.net, self.recipe = net, recipe
        self._random = np.random.Generator(np.random.PCG64(seed))
        self.load(weights)
        self.begin_stage("all")
        self._losses: list[float] = []
        self._right = self._images = 0

    def begin_stage(self, train: str) -> None:
        self._moving = [
            name for name in self.net.tensors if train == "all" or name.split(".")[0] == self.net.head
        ]
        self._momentum = {name: np.zeros_like(self._weights[name]) for name in self._moving}

    def to_device(self, images: Images, labels: Labels) -> Any:
        return self._features(images), labels

    def part(self, batch: Any, start: int, size: int) -> Any:
        return tuple(array[start : start + size] for array in batch)

    def _features(self, images: Images) -> Any:
        inputs = self._weights[f"{self.net.head}.weight"].shape[1]
        return images.reshape(len(images), -1)[:, :inputs].astype(np.float32) / 255

    def _scores(self, features: Any) -> Any:
        head = self.net.head
        return features @ self._weights[f"{head}.weight"].T + self._weights[f"{head}.bias"]

    def step(self, batch: Any, learning_rate: float) -> None:
        sleep(float(OPTIONS.get("step", 0)))
        features, labels = batch
        features = features * (self._random.random(features.shape, np.float32) < 0.5)
        scores = self._scores(features)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        self._losses.append(float(-np.log(shares[np.arange(len(labels)), labels] + 1e-12).mean()))
        self._right += int((scores.argmax(axis=1) == labels).sum())
        self._images += len(labels)
        shares[np.arange(len(labels)), labels] -= 1
        for name in self._moving:
            gradient = self._random.standard_normal(self._weights[name].shape, np.float32) * 0.01
            if name == f"{self.net.head}.weight":
                gradient += shares.T @ features / len(labels)
            self._momentum[name] = self.recipe.momentum * self._momentum[name] + gradient
            self._weights[name] = self._weights[name] - np.float32(learning_rate) * self._momentum[name]

    def pop_metrics(self) -> tuple[float, float]:
        totals = float(np.mean(self._losses)), self._right / self._images
        self._losses, self._right, self._images = [], 0, 0
        return totals

    def synchronize(self) -> None: ...

    def logits(self, images: Images) -> Logits:
        scores: Logits = self._scores(self._features(images)).astype(np.float32)
        return scores

    def activations(self, images: Images) -> dict[str, Any]:
        return {}

    def weights(self) -> Weights:
        return {name: array.copy() for name, array in self._weights.items()}

    def layouts(self) -> dict[str, str]:
        return dict.fromkeys(self.net.tensors, canonical.AS_IT_IS)

    def momentum(self) -> Weights:
        return {name: array.copy() for name, array in self._momentum.items()}

    def ops_off_device(self, batch: Any) -> list[str]:
        return []

    def load(self, weights: Weights) -> None:
        canonical.check(weights, self.net)
        self._weights = {name: array.copy() for name, array in weights.items()}

    def random_state(self) -> RandomState:
        whole = self._random.bit_generator.state
        halves = [half for key in ("state", "inc") for half in divmod(whole["state"][key], 2**64)]
        return {"pcg64": np.array([*halves, whole["has_uint32"], whole["uinteger"]], np.uint64)}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        check_same_shapes("momentum", momentum, {n: a.shape for n, a in self._momentum.items()})
        check_same_shapes("random state", random_state, {"pcg64": (6,)})
        self.load(weights)
        self._momentum = dict(momentum)
        high, low, inc_high, inc_low, has_uint32, uinteger = (int(n) for n in random_state["pcg64"])
        self._random.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": (high << 64) + low, "inc": (inc_high << 64) + inc_low},
            "has_uint32": has_uint32,
            "uinteger": uinteger,
        }


class ToyKernel:
    flops = bytes = 1000

    def run(self) -> None:
        sleep(0.001)

    def wait(self) -> None: ...


class ToyBackend:
    device = "cpu"

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> ToyTrainer:
        return ToyTrainer(net, weights, recipe, seed=seed)

    def product(self, size: int, depth: int) -> ToyKernel:
        return ToyKernel()

    def device_name(self) -> str:
        return "CPU"

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__}

    def settings(self) -> dict[str, str]:
        return {}

    def peak_device_bytes(self) -> int | None:
        return None

    def reset_peak_device_bytes(self) -> None: ...


def answer(job: Job, link: ParentPipe) -> None:
    """A gate that passes without measuring, with the hash of the cell's first weights."""
    hold(f"{job.cell.id}:gate")
    if job.roofline is None:
        link.send(ROOFLINE)
    net = network(EXPERIMENTS[job.cell.experiment].variant, image_size=job.plan.image_size)
    first = worker_job.first_weights(job, net).weights
    checks = tuple(replace(CHECK, name=name) for name in ("logits", "loss", "three losses"))
    link.send(replace(GATE, checks=checks, weights_sha256=canonical.fingerprint(first)))


class HeldTrainingLoop(TrainingLoop):
    """A training loop that waits before the epoch set in `TOY`."""

    def measure(self, number: int) -> int:
        hold(f"{self.job.cell.id}:{number}", self.stop_requested)
        return super().measure(number)


def main() -> int:
    checkpoint.MAX_CHECKPOINT_SHARE = float(OPTIONS.get("share", 1e9))
    vars(training_loop)["HEARTBEAT_SECONDS"] = float(OPTIONS.get("beat", 0.1))
    vars(reference_kernel)["WAKING_SECONDS"] = vars(result)["STEP_RATE_SECONDS"] = 0.01
    vars(result)["PAUSE_SECONDS"] = 0.01
    vars(worker_job)["TrainingLoop"] = HeldTrainingLoop
    if REAL:
        spec.VARIANTS.update(narrow_variants(REAL_WIDTH_DIVISOR))
    else:
        spec.VARIANTS.update(standard=TOY, mistaken=TOY)
        vars(registry)["backend"] = lambda engine, device: ToyBackend()
    return worker_job.serve(answer if sys.argv[1] == "gate" else worker_job.run_cell)


if __name__ == "__main__":
    sys.exit(main())
