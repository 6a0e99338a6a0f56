"""One framework's outputs for the parity tests, computed in its own process.

`python -m tests.support.framework_worker FRAMEWORK OUT STATE CANONICAL`; each section's keys begin
with its name. The networks are a quarter as wide as the real ones, except where parameters are counted
and torchvision's weights are loaded. ALEXNET_PARITY_DEVICE names another device than the CPU, on which
the sections that are about the CPU are left out.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alexnet import data, imagenet, spec, weights
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, DeviceUnavailable, PlacementNotReported
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.spec import VARIANTS, network
from tests.alexnet.test_spec import PARAMETERS
from tests.support.narrow import narrow_variants

DEVICE: Any = os.environ.get("ALEXNET_PARITY_DEVICE", "cpu")
IMAGE_SIZE = 64
BATCH = 16
LOSS_BATCH = 32
STEPS = 100
FLOAT32_ROUNDING = 2.0**-24
NARROWER = 4
"""Wide enough for a rounding error to grow as in the real networks. At 16 it stays one rounding, and 100
losses would show no more than float32's precision."""

ENGINES_NOT_RUN: dict[str, dict[str, Any]] = {
    "other precision": {"precision": "float8"},
    "other compiler": {"compiler": "a compiler that nobody has"},
}
"""Name -> what the row of an engine that no backend runs has other than its framework's default."""

Arrays = dict[str, npt.NDArray[Any]]


def images_and_labels(count: int) -> tuple[data.Images, data.Labels]:
    split = data.synthetic(count, seed=3)
    return split.images, split.labels


def is_torch(backend: Backend) -> bool:
    return "torch" in backend.versions()


def layers(backend: Backend) -> Arrays:
    """Every layer's output for every variant at 64 px; torchvision's also at 128 and 224."""
    images, _ = images_and_labels(2)
    answers = {}
    sizes = [(name, IMAGE_SIZE) for name in VARIANTS] + [("torchvision", 128), ("torchvision", 224)]
    for name, size in sizes:
        net = network(name, image_size=size)
        trainer = backend.trainer(net, weights.initialise(net, seed=1), FINETUNE, seed=0)
        for layer, output in trainer.activations(images).items():
            answers[f"layers {name} {size} {layer}"] = output
        answers[f"layers {name} {size} logits"] = trainer.logits(images)
    return answers


def float64(backend: Backend) -> Arrays:
    """torch in float64 on every variant: each layer's output, and three steps' losses and weights."""
    if not is_torch(backend):
        return {}
    from alexnet.frameworks.torch.trainer import TorchTrainer

    images, labels = images_and_labels(BATCH)
    answers = {}
    for variant in VARIANTS:
        net = network(variant, image_size=IMAGE_SIZE).without_dropout()
        first = weights.initialise(net, seed=1)
        trainer = TorchTrainer(net, first, FINETUNE, device="cpu", seed=0, dtype="float64")
        for layer, output in trainer.activations(images).items():
            answers[f"float64 {variant} {layer}"] = output
        losses = []
        for _ in range(3):
            trainer.step(trainer.to_device(images, labels), 0.01)
            losses.append(trainer.pop_metrics()[0])
        answers[f"float64 {variant} losses"] = np.array(losses)
        for name, array in trainer.weights().items():
            answers[f"float64 {variant} {name}"] = array
    return answers


def parameters(backend: Backend) -> Arrays:
    """The number of parameters of the framework's own model, at 224 px."""
    answers = {}
    for variant, classes in PARAMETERS:
        net = network(variant, classes=classes)
        zeros = {name: np.zeros(shape, np.float32) for name, shape in net.tensors.items()}
        trainer: Any = backend.trainer(net, zeros, SCRATCH, seed=0)
        model = trainer.model
        if is_torch(backend):
            count = sum(parameter.numel() for parameter in model.parameters())
        else:
            count = model.count_params()
        answers[f"parameters {variant} {classes}"] = np.array(count)
    return answers


def one_step(backend: Backend) -> Arrays:
    """Every tensor after one step of SGD, and as it is returned before any step."""
    images, labels = images_and_labels(BATCH)
    net = network("standard", image_size=IMAGE_SIZE).without_dropout()
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    before = {f"unused {name}": array for name, array in trainer.weights().items()}
    trainer.step(trainer.to_device(images, labels), 0.01)
    return before | {f"step {name}": array for name, array in trainer.weights().items()}


def losses(backend: Backend) -> Arrays:
    """100 steps' losses without dropout, the rate ten times lower from the 51st on.

    torch adds two yardsticks: its losses from weights one rounding away, and those with Keras's form
    of momentum, whose velocity includes the old rate when the rate changes.
    """
    answers = {"losses": hundred_losses(backend)}
    if is_torch(backend):
        answers["losses perturbed"] = np.stack(
            [hundred_losses(backend, perturbation=FLOAT32_ROUNDING, seed=s) for s in range(3)]
        )
        answers["losses as Keras"] = hundred_losses(backend, as_keras=True)
    return answers


def hundred_losses(
    backend: Backend, *, perturbation: float = 0.0, seed: int = 0, as_keras: bool = False
) -> npt.NDArray[Any]:
    net = network("standard", image_size=IMAGE_SIZE).without_dropout()
    rng = np.random.default_rng(seed)
    first = {
        name: (array * (1 + perturbation * rng.standard_normal(array.shape))).astype(np.float32)
        for name, array in weights.initialise(net, seed=2).items()
    }
    trainer: Any = backend.trainer(net, first, SCRATCH, seed=0)
    split, losses = data.synthetic(LOSS_BATCH * STEPS, seed=4), []
    batches = data.epoch_batches(split, batch_size=LOSS_BATCH, seed=0, epoch=1, augment=True)
    for step, (images, labels) in enumerate(batches):
        if as_keras and step == STEPS // 2:
            for state in trainer.optimizer.state.values():
                state["momentum_buffer"].mul_(10)
        trainer.step(trainer.to_device(images, labels), 3e-4 if step < STEPS // 2 else 3e-5)
        losses.append(trainer.pop_metrics()[0])
    return np.array(losses)


def stages(backend: Backend) -> Arrays:
    """Which tensors a head-only stage moves, and whether a new stage starts without momentum."""
    images, labels = images_and_labels(BATCH)
    net = network("torchvision", image_size=IMAGE_SIZE).without_dropout()
    first = weights.initialise(net, seed=5)
    trainer = backend.trainer(net, first, FINETUNE, seed=0)
    trainer.begin_stage("head")
    for _ in range(3):
        trainer.step(trainer.to_device(images, labels), 0.01)
    after_head = trainer.weights()
    moved = [name for name in first if not np.array_equal(first[name], after_head[name])]
    trainer.begin_stage("all")
    trainer.step(trainer.to_device(images, labels), 0.0)
    unchanged = all(np.array_equal(a, after_head[n]) for n, a in trainer.weights().items())
    return {"stages moved": np.array(moved), "stages kept": np.array(unchanged)}


def parts(backend: Backend) -> Arrays:
    """What differs, in any bit, if steps take parts of a chunk and not batches put there one by one."""
    images, labels = images_and_labels(3 * BATCH)
    net = network("standard", image_size=IMAGE_SIZE)
    ends: list[Arrays] = []
    for in_parts in (True, False):
        trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
        chunk = trainer.to_device(images, labels)
        for start in (2 * BATCH, 0, BATCH):
            chosen = slice(start, start + BATCH)
            whole = trainer.to_device(images[chosen], labels[chosen])
            trainer.step(trainer.part(chunk, start, BATCH) if in_parts else whole, 0.01)
        ends.append({"metrics": np.array(trainer.pop_metrics()), **trainer.weights()})
    differing = [name for name, array in ends[0].items() if not np.array_equal(array, ends[1][name])]
    return {"parts that differ": np.array(differing, str)}


def dropout(backend: Backend) -> Arrays:
    """Two training losses of the same batch and weights under dropout, and two evaluations."""
    images, labels = images_and_labels(BATCH)
    net = network("standard", image_size=IMAGE_SIZE)
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    batch, trained = trainer.to_device(images, labels), []
    for _ in range(2):
        trainer.step(batch, 0.0)
        trained.append(trainer.pop_metrics()[0])
    evaluated = np.stack([trainer.logits(images), trainer.logits(images)])
    return {"dropout trained": np.array(trained), "dropout evaluated": evaluated}


def kernels(backend: Backend) -> Arrays:
    """The operands and the product of a kernel, and the sum after two additions of ones."""

    def array(tensor: Any) -> npt.NDArray[Any]:
        if "mlx" in type(tensor).__module__:  # numpy does not know its bfloat16
            return np.array(tensor.tolist(), np.float32)
        return np.array(tensor.cpu() if is_torch(backend) else tensor)

    product: Any = backend.product(48, 32)
    product.run()
    product.wait()
    addition: Any = backend.addition(1000)
    for _ in range(2):
        addition.run()
    addition.wait()
    return {
        "kernels left": array(product._left),
        "kernels right": array(product._right),
        "kernels product": array(product._out),
        "kernels product's work": np.array([product.flops, product.bytes]),
        "kernels sum": array(addition._sum),
        "kernels sum's work": np.array([addition.flops, addition.bytes]),
    }


def settings(backend: Backend) -> Arrays:
    """The settings, with environment variables that change figures and one that does not."""
    os.environ |= {"MPS_MAX_COMMIT_COUNT": "7", "ALEXNET_NOTHING": "8"}
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "CUDA_LAUNCH_BLOCKING": "1"}
    settings = backend.settings()
    return {"settings": np.array([f"{name}={value}" for name, value in settings.items()])}


def peaks(backend: Backend) -> Arrays:
    """torch's peak of a GPU when its allocator has counted nothing, and when it has."""
    if not is_torch(backend):
        return {}
    torch: Any = sys.modules["torch"]  # as its backend has imported it
    counted = iter((0, 7))
    torch.accelerator.max_memory_allocated = lambda: next(counted)
    backend.device = "mps"
    peaks = [backend.peak_device_bytes() for _ in range(2)]
    backend.device = DEVICE
    return {"peaks": np.array([-1 if peak is None else peak for peak in peaks])}


def placement(backend: Backend) -> Arrays:
    """The operations named for casts of integers to floats, a cast between floats and a ReLU."""
    if is_torch(backend):
        return {}
    from alexnet.frameworks.tensorflow.placement import ops_off_device

    tf: Any = sys.modules["tensorflow"]  # as its backend has imported it

    @tf.function  # type: ignore[untyped-decorator]
    def step(labels: Any, counts: Any, exact: Any) -> Any:
        return tf.nn.relu(tf.cast(labels, tf.float32) + tf.cast(counts, tf.float32)), tf.cast(
            exact, tf.float32
        )

    def run(exact: Any) -> list[str]:
        values = tf.range(4, dtype=tf.int32), tf.range(4, dtype=tf.int64), exact
        return ops_off_device(lambda: step(*values), "/GPU:0")

    try:
        unknown = str(ops_off_device(lambda: None, "/GPU:0"))
    except PlacementNotReported as error:
        unknown = str(error)
    return {
        "placement of counts": np.array(run(tf.range(4, dtype=tf.int32))),
        "placement of floats": np.array(run(tf.ones(4, tf.float64))),
        "placement of nothing": np.array(unknown),
    }


def refusals(framework: str) -> Arrays:
    """What is said of each engine that the backend would run otherwise than its row says."""
    row, said = registry.ENGINES[framework], []
    for name, changes in ENGINES_NOT_RUN.items():
        registry.ENGINES[name] = replace(row, name=name, **changes)
        try:
            registry.backend(name, "cpu")
            said.append("")
        except DeviceUnavailable as error:
            said.append(str(error))
    return {"refusals": np.array(said)}


def carried_over(backend: Backend, file: Path) -> Arrays:
    """Logits of our torchvision variant from canonical weights that another process wrote."""
    images, _ = images_and_labels(4)
    net = network("torchvision", image_size=224, classes=1000)
    trainer = backend.trainer(net, weights.load(file, net), FINETUNE, seed=0)
    return {"carried logits": trainer.logits(images)}


def torchvisions_own(state: Path, canonical: Path) -> Arrays:
    """torchvision's own logits from its own state file, which is then converted for both frameworks."""
    from tests.support import torchvision_reference

    torchvision_reference.write_state(state)
    pretrained = imagenet.load_torchvision(state, classes=1000)
    weights.save(canonical, pretrained.weights, metadata=imagenet.metadata(pretrained))
    images, _ = images_and_labels(4)
    return {"torchvision's own logits": torchvision_reference.logits(state, images)}


def main() -> None:
    framework, out, state, canonical = sys.argv[1], *map(Path, sys.argv[2:5])
    backend = registry.backend(framework, DEVICE)
    answers = torchvisions_own(state, canonical) if framework == "torch" else {}
    answers |= carried_over(backend, canonical)
    sections = [layers, float64, one_step, stages, parts, dropout, kernels, settings, peaks]
    if DEVICE == "cpu":
        answers |= parameters(backend)
        sections += [losses, placement]
    spec.VARIANTS.update(narrow_variants(NARROWER))
    for section in sections:
        answers |= section(backend)
    np.savez(out, **answers, **refusals(framework))


if __name__ == "__main__":
    main()
