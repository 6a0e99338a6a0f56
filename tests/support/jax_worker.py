"""One JAX engine's outputs for tests/alexnet/frameworks/test_jax.py, computed in its own process.

`python -m tests.support.jax_worker ENGINE OUT CANONICAL CACHE`; the networks are a sixteenth as wide as
the real ones. The environment asks for all that the engine must ignore, such as a compile cache in the
folder CACHE.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from alexnet import spec, weights
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, DeviceUnavailable, ResumeError
from alexnet.layers import AdaptiveAvgPool, Layer, MaxPool
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.spec import VARIANTS, Row, network
from tests.support import framework_worker
from tests.support.framework_worker import BATCH, IMAGE_SIZE, Arrays, images_and_labels
from tests.support.jax_sizes import AVERAGED, CLASSES, CONVOLUTIONS, IGNORED, NARROWER, RATES, SIDE
from tests.support.narrow import narrow_variants


def layers(backend: Backend) -> Arrays:
    """Every layer's output for every variant at 64 px, torchvision's also at 224, and the logits."""
    images, _ = images_and_labels(2)
    answers = {}
    for variant, size in [(name, IMAGE_SIZE) for name in VARIANTS] + [("torchvision", 224)]:
        net = network(variant, image_size=size)
        trainer = backend.trainer(net, weights.initialise(net, seed=1), FINETUNE, seed=0)
        for layer, output in trainer.activations(images).items():
            answers[f"layers {variant} {size} {layer}"] = output
        answers[f"layers {variant} {size} logits"] = trainer.logits(images)
    return answers


def steps(backend: Backend) -> Arrays:
    """Three losses and what became of every tensor, and how often the step was compiled.

    The arrays that were handed over are overwritten before the first step.
    """
    images, labels = images_and_labels(BATCH)
    answers: Arrays = {}
    for variant in VARIANTS:
        net = network(variant, image_size=IMAGE_SIZE).without_dropout()
        first = weights.initialise(net, seed=2)
        trainer: Any = backend.trainer(net, first, SCRATCH, seed=0)
        preprocess = trainer.preprocess
        traced: list[int] = []
        trainer.preprocess = lambda x, own=preprocess, traced=traced: (traced.append(1), own(x))[1]
        handed_over = images.copy(), labels.copy()
        batch, losses = trainer.to_device(*handed_over), []
        given: list[Any] = [*handed_over, *first.values()]
        for array in given:
            array[:] = 0
        for name, array in trainer.weights().items():
            answers[f"unused {variant} {name}"] = array
        before = dict(trainer._weights), dict(trainer._velocities)
        for rate in RATES:
            trainer.step(batch, rate)
            losses.append(trainer.pop_metrics()[0])
        answers[f"losses {variant}"], answers[f"traced {variant}"] = np.array(losses), np.array(traced)
        answers[f"taken over {variant}"] = np.array(
            [array.is_deleted() for arrays in before for array in arrays.values()]
        )
        for name, array in trainer.weights().items():
            answers[f"steps {variant} {name}"] = array
        for name, array in trainer.momentum().items():
            answers[f"velocity {variant} {name}"] = array
    return answers


def resumed(backend: Backend) -> Arrays:
    """Whether a resumed trainer goes on to the bit, in each stage, and what it says of other states."""
    images, labels = images_and_labels(BATCH)
    net = network("standard", image_size=IMAGE_SIZE)
    answers: Arrays = {}
    for stage in ("head", "all"):
        pair = [backend.trainer(net, weights.initialise(net, seed=s), SCRATCH, seed=s) for s in (2, 3)]
        first, other = pair
        for trainer in pair:
            trainer.begin_stage(stage)
        batch = first.to_device(images, labels)
        first.step(batch, 0.01)
        now, momentum, state = first.weights(), first.momentum(), first.random_state()
        other.resume(now, momentum, state)
        for trainer in pair:
            for _ in range(2):
                trainer.step(batch, 0.01)
        answers[f"resumed {stage}"] = np.array(
            [
                np.array_equal(array, ours[name])
                for ours, theirs in (
                    (first.weights(), other.weights()),
                    (first.momentum(), other.momentum()),
                    (first.random_state(), other.random_state()),
                )
                for name, array in theirs.items()
            ]
        )
    before, said = other.weights(), []
    for wrong in (
        (now, momentum, {"key": state["key"].astype(np.int64)}),
        (now, momentum, {"key": state["key"][:1]}),
        (now, {"fc8.bias": momentum["fc8.bias"]}, state),
    ):
        try:
            other.resume(*wrong)
            said.append("")
        except ResumeError as error:
            said.append(str(error))
    unchanged = all(np.array_equal(array, before[name]) for name, array in other.weights().items())
    return answers | {
        "resume refusals": np.array(said),
        "resume unchanged": np.array(unchanged),
        "key": state["key"],
    }


def seeds(backend: Backend) -> Arrays:
    """A loss under the dropout masks of seeds 0, 0 and 1."""
    images, labels = images_and_labels(BATCH)
    net, losses = network("standard", image_size=IMAGE_SIZE), []
    for seed in (0, 0, 1):
        trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=seed)
        trainer.step(trainer.to_device(images, labels), 0.0)
        losses.append(trainer.pop_metrics()[0])
    return {"seeds": np.array(losses)}


def carried_over(backend: Backend, file: Path) -> Arrays:
    """Logits and layouts of the torchvision variant from canonical weights of another process."""
    images, _ = images_and_labels(4)
    net = network("torchvision", image_size=IMAGE_SIZE, classes=CLASSES)
    trainer = backend.trainer(net, weights.load(file, net), FINETUNE, seed=0)
    answers = {f"carried {name}": array for name, array in trainer.weights().items()}
    layouts = [f"{name}: {layout}" for name, layout in trainer.layouts().items()]
    return answers | {"carried logits": trainer.logits(images), "layouts": np.array(layouts)}


def single(backend: Backend) -> Arrays:
    """Each kind of convolution, forward and backward, with the gradient of its input."""
    answers, rng = {}, np.random.default_rng(0)
    for layer in CONVOLUTIONS:
        shape = (3, SIDE, SIDE)
        row = Row(layer=layer, input_shape=shape, output_shape=layer.output_shape(shape))
        x, w, g = (
            rng.standard_normal(size).astype(np.float32)
            for size in ((2, *shape), row.tensors[f"{layer.name}.weight"], (2, *row.output_shape))
        )
        results = backend.forward_backward(row, x, w, g, input_gradient=True)
        for name, array in zip(
            ("x", "w", "g", "output", "of w", "of x"), (x, w, g, *results), strict=True
        ):
            answers[f"single {layer.name} {name}"] = array
    return answers


def pools() -> Arrays:
    """Pools of maps of few values, so that most windows have several largest, with their gradients."""
    import jax

    from alexnet.frameworks.jax.layers import function

    answers: Arrays = {}
    rng = np.random.default_rng(0)
    cases: list[tuple[str, Layer, int]] = [
        ("max", MaxPool("pool1"), 9),
        *((f"average {n}", AdaptiveAvgPool("avgpool", 6), n) for n in AVERAGED),
    ]
    for name, layer, side in cases:
        apply = function(layer, operands=np.float32)
        x = rng.integers(0, 3, (2, 4, side, side)).astype(np.float32)
        output, backward = jax.vjp(lambda a, apply=apply: apply({}, a, None), x.transpose(0, 2, 3, 1))
        into = rng.random(output.shape, np.float32)
        arrays = output, into, backward(into)[0]
        answers |= {f"{name} x": x} | {
            f"{name} {what}": np.array(array).transpose(0, 3, 1, 2)
            for what, array in zip(("output", "into", "gradient"), arrays, strict=True)
        }
    return answers


def kernels(backend: Backend) -> Arrays:
    """The operands and the product of a kernel, and the sum after two additions of ones."""
    product: Any = backend.product(48, 32)
    addition: Any = backend.addition(1000)
    for kernel in (product, addition):
        for _ in range(2):
            kernel.run()
        kernel.wait()
    arrays = {"left": product._left, "right": product._right, "product": product._out}
    return {f"kernels {name}": np.array(a).astype(np.float32) for name, a in arrays.items()} | {
        "kernels product's work": np.array([product.flops, product.bytes]),
        "kernels sum": np.array(addition._sum),
        "kernels sum's work": np.array([addition.flops, addition.bytes]),
    }


def waits(backend: Backend) -> Arrays:
    """Whether a product of 18 ms has ended when it was submitted, and when a trainer has waited."""
    net = network("standard", image_size=IMAGE_SIZE)
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    kernel: Any = backend.product(1024, 4096)
    kernel.run()  # compiles
    kernel.wait()
    kernel.run()
    submitted = kernel._out.is_ready()
    trainer.synchronize()
    return {"ended": np.array([submitted, kernel._out.is_ready()])}


def sentences(engine: str) -> Arrays:
    """What is said of devices that it cannot use."""
    said = []
    for device in ("mps", "cuda"):
        try:
            registry.backend(engine, device)
            said.append("")
        except DeviceUnavailable as error:
            said.append(str(error))
    return {"sentences": np.array(said)}


def with_a_gpu() -> Arrays:
    """What it says of a GPU, with the CPU in the place of one."""
    from alexnet.frameworks.jax import backend as module

    with patch.object(module, "_first", lambda device, own=module._first: own("cpu")):
        devices = np.array(module.usable_devices())
        gpu = module.JaxBackend("cuda", np.float32)
    said = {
        "peak": gpu.peak_device_bytes(),
        "name": gpu.device_name(),
        "versions": ", ".join(gpu.versions()),
    }
    return {"devices": devices, "gpu": np.array([f"{name}: {what}" for name, what in said.items()])}


def main() -> None:
    engine, out, canonical, cache = sys.argv[1], *map(Path, sys.argv[2:5])
    os.environ |= IGNORED | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    spec.VARIANTS.update(narrow_variants(NARROWER))
    backend = registry.backend(engine, "cpu")
    answers = carried_over(backend, canonical) | pools() | sentences(engine) | with_a_gpu()
    for section in (
        layers,
        steps,
        framework_worker.stages,
        framework_worker.dropout,
        framework_worker.settings,
        kernels,
        waits,
        resumed,
        seeds,
        single,
    ):
        answers |= section(backend)
    np.savez(out, **answers, **framework_worker.refusals(engine))


if __name__ == "__main__":
    main()
