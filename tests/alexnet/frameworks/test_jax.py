"""JAX against the reference, each engine in its own process, on networks a sixteenth as wide.

Tolerances are relative to the largest value compared. In bfloat16 the reference has its operands rounded
too. A float32 that falls to the other side of a rounding is then off by 2^-9, and a ReLU may flip. Seen:
7e-7 in layers of both engines, 1e-6 in velocities after three steps in float32, and in bfloat16 0.1.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from alexnet import reference, spec, weights
from alexnet.frameworks.registry import ENGINES
from alexnet.layers import AdaptiveAvgPool, Conv, MaxPool
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.reference import Reference
from alexnet.spec import INPUT, VARIANTS, network
from alexnet.weights import AS_IT_IS, CHANNELS_LAST, REORDERED, TRANSPOSED
from tests.alexnet.frameworks.test_parity import distance
from tests.support.engines import engines
from tests.support.framework_worker import BATCH, ENGINES_NOT_RUN, Arrays, images_and_labels
from tests.support.jax_sizes import AVERAGED, CLASSES, CONVOLUTIONS, IGNORED, NARROWER, RATES
from tests.support.narrow import narrow_variants
from tests.support.real_worker import output_of

pytestmark = [pytest.mark.slow, pytest.mark.engines]

each_engine = pytest.mark.parametrize("engine", engines(("jax", "jax-bf16")))
BITS = {"jax": None, "jax-bf16": 7}
PIXELS = 1e-5
FORWARD = {"jax": 1e-5, "jax-bf16": 0.01}
STEPS = {"jax": 1e-3, "jax-bf16": 0.3}


@pytest.fixture(autouse=True)
def _narrow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "VARIANTS", narrow_variants(NARROWER))


@cache
def answers(engine: str) -> Arrays:
    """Its outputs, and the names of the files in its compile cache.

    Called within a test, where the networks are narrow.
    """
    net = network("torchvision", image_size=64, classes=CLASSES)
    with TemporaryDirectory() as name:
        folder = Path(name)
        out, canonical, compiled = (folder / file for file in ("out.npz", "canonical", "compiled"))
        compiled.mkdir()
        weights.save(canonical, weights.initialise(net, seed=7), metadata={})
        output_of("tests.support.jax_worker", engine, str(out), str(canonical), str(compiled))
        return dict(np.load(out)) | {"compiled": np.array([file.name for file in compiled.iterdir()])}


@each_engine
@pytest.mark.parametrize(("variant", "size"), [*((name, 64) for name in VARIANTS), ("torchvision", 224)])
def test_every_layer_is_the_references(engine: str, variant: str, size: int) -> None:
    net, images = network(variant, image_size=size), images_and_labels(2)[0]
    exact = Reference(net, weights.initialise(net, seed=1), FINETUNE, operand_bits=BITS[engine])
    for layer, output in exact.activations(images).items():
        ours = answers(engine)[f"layers {variant} {size} {layer}"]
        assert ours.dtype == np.float32
        assert distance(output, ours) < (PIXELS if layer == INPUT else FORWARD[engine]), layer
    logits = answers(engine)[f"layers {variant} {size} logits"]
    assert logits.dtype == np.float32
    assert distance(exact.logits(images), logits) < FORWARD[engine]


@each_engine
@pytest.mark.parametrize("variant", VARIANTS)
def test_three_steps_at_two_rates_are_the_references(engine: str, variant: str) -> None:
    """From copies of what was handed over, which is overwritten meanwhile."""
    images, labels = images_and_labels(BATCH)
    net = network(variant, image_size=64).without_dropout()
    first = weights.initialise(net, seed=2)
    exact = Reference(net, first, SCRATCH, operand_bits=BITS[engine])
    losses = np.array([exact.step(images, labels, rate)[0] for rate in RATES])
    ours = answers(engine)
    assert distance(losses, ours[f"losses {variant}"]) < FORWARD[engine]
    for name, array in exact.weights.items():
        np.testing.assert_array_equal(ours[f"unused {variant} {name}"], first[name])
        moved = ours[f"steps {variant} {name}"] - first[name]
        assert distance(array - first[name], moved) < STEPS[engine], name
        velocity = ours[f"velocity {variant} {name}"]
        assert velocity.dtype == np.float32
        assert distance(exact.velocity[name], velocity) < STEPS[engine], name


@each_engine
def test_a_step_is_compiled_once_and_takes_over_the_memory_of_the_last_one(engine: str) -> None:
    assert len(answers(engine)["traced standard"]) == 1, "another rate compiled it anew"
    taken_over = answers(engine)["taken over standard"]
    assert len(taken_over) == 2 * 16
    assert taken_over.all()


@each_engine
@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=lambda layer: layer.name)
def test_a_convolution_and_its_gradients_are_the_references(engine: str, layer: Conv) -> None:
    """In bfloat16 too but for float32's rounding, since the reference rounds the same operands."""
    ours, bits = answers(engine), BITS[engine]
    x, w, g = (ours[f"single {layer.name} {part}"].astype(np.float64) for part in "xwg")
    if bits is not None:
        x, w, g = (reference.rounded(array, bits) for array in (x, w, g))
    exact = reference.forward_backward(layer, x, w, g)
    for name, array in zip(("output", "of w", "of x"), exact, strict=True):
        assert distance(array, ours[f"single {layer.name} {name}"]) < 1e-6, name


@each_engine
@pytest.mark.parametrize("stage", ["head", "all"])
def test_a_resumed_trainer_goes_on_to_the_bit(engine: str, stage: str) -> None:
    """Weights, velocities and the key of the next dropout masks."""
    alike = answers(engine)[f"resumed {stage}"]
    assert len(alike) == 16 + (2 if stage == "head" else 16) + 1
    assert alike.all()


@each_engine
def test_another_state_is_refused_and_changes_nothing(engine: str) -> None:
    dtype, shape, momentum = answers(engine)["resume refusals"]
    assert dtype == "JAX does not take this random state: its key is of int64"
    assert shape == "this random state is of another network or stage: key"
    assert momentum.startswith("this momentum is of another network or stage: conv1.bias, ")
    assert answers(engine)["resume unchanged"]


@each_engine
def test_the_seed_draws_the_masks(engine: str) -> None:
    first, again, other = answers(engine)["seeds"]
    assert first == again != other


@each_engine
def test_dropout_is_random_in_training_and_absent_in_evaluation(engine: str) -> None:
    first, second = answers(engine)["dropout trained"]
    assert first != second
    np.testing.assert_array_equal(*answers(engine)["dropout evaluated"])


@each_engine
def test_the_head_stage_moves_the_head_alone(engine: str) -> None:
    assert sorted(answers(engine)["stages moved"]) == ["fc8.bias", "fc8.weight"]
    assert answers(engine)["stages kept"], "momentum of the head's stage moved the next one"


@each_engine
def test_of_equal_values_the_first_takes_the_gradient(engine: str) -> None:
    ours = answers(engine)
    output, backward = reference._max_pool(MaxPool("pool1"), ours["max x"])
    np.testing.assert_array_equal(ours["max output"], output)
    np.testing.assert_allclose(ours["max gradient"], backward(ours["max into"]), rtol=1e-6)


@each_engine
@pytest.mark.parametrize("side", AVERAGED)
def test_a_map_is_averaged_or_repeated_as_the_reference_does_it(engine: str, side: int) -> None:
    ours = answers(engine)
    x, into = (ours[f"average {side} {what}"].astype(np.float64) for what in ("x", "into"))
    output, backward = reference._average_pool(AdaptiveAvgPool("avgpool", 6), x)
    np.testing.assert_allclose(ours[f"average {side} output"], output, rtol=1e-6)
    np.testing.assert_allclose(ours[f"average {side} gradient"], backward(into), rtol=1e-6)


@each_engine
def test_carried_over_weights_come_back_and_give_the_references_logits(engine: str) -> None:
    net = network("torchvision", image_size=64, classes=CLASSES)
    first = weights.initialise(net, seed=7)
    ours = answers(engine)
    for name, array in first.items():
        np.testing.assert_array_equal(ours[f"carried {name}"], array)
    exact = Reference(net, first, FINETUNE, operand_bits=BITS[engine])
    assert distance(exact.logits(images_and_labels(4)[0]), ours["carried logits"]) < FORWARD[engine]


@each_engine
def test_its_layouts_are_named(engine: str) -> None:
    layouts = dict(line.split(": ") for line in answers(engine)["layouts"])
    assert layouts["conv1.weight"] == CHANNELS_LAST
    assert layouts["fc6.weight"] == REORDERED
    assert layouts["fc7.weight"] == layouts["fc8.weight"] == TRANSPOSED
    assert layouts["conv1.bias"] == AS_IT_IS


@each_engine
def test_its_product_has_the_engines_precision_and_its_sum_float32(engine: str) -> None:
    ours, operand_bytes = answers(engine), 2 if BITS[engine] else 4
    left, right = (ours[f"kernels {side}"].astype(np.float64) for side in ("left", "right"))
    np.testing.assert_array_equal(left, reference.rounded(left, BITS[engine] or 23))
    assert len(np.unique(left)) > 100, "a matrix of ones could be multiplied for less"
    assert distance(left @ right, ours["kernels product"]) < 1e-6
    read, written = operand_bytes * 2 * 48 * 32, 4 * 48 * 48
    assert list(ours["kernels product's work"]) == [2 * 48 * 48 * 32, read + written]
    np.testing.assert_array_equal(ours["kernels sum"], np.full(1000, 3, np.float32))
    assert list(ours["kernels sum's work"]) == [1000, 12_000]


@each_engine
def test_a_trainer_waits_for_all_of_the_devices_work(engine: str) -> None:
    assert list(answers(engine)["ended"]) == [False, True]


@each_engine
def test_what_a_user_has_set_is_recorded_and_changes_nothing(engine: str) -> None:
    """All of these tests run so. The compile cache stays empty, and the key is that of threefry."""
    settings = dict(line.split("=", 1) for line in answers(engine)["settings"])
    assert settings["operands"] == ENGINES[engine].precision
    assert settings["matmul_precision"] == ("DEFAULT" if BITS[engine] else "HIGHEST")
    assert settings["x64"] == settings["compilation_cache"] == "False"
    preallocate = IGNORED | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert {name: settings[name] for name in IGNORED} == preallocate
    assert list(answers(engine)["compiled"]) == []
    assert answers(engine)["key"].shape == (2,)


@each_engine
def test_a_device_that_it_cannot_use_is_one_sentence(engine: str) -> None:
    mps, cuda = answers(engine)["sentences"]
    assert mps == (
        f"{engine} cannot run on mps. There is no JAX for Apple's GPU in this suite, since jax-metal was"
        " given up in 2026-01: on a Mac it runs on the CPU."
    )
    if cuda:
        assert cuda.startswith("jax ")
        assert cuda.endswith(
            " cannot use cuda here: it sees cpu. JAX sees no NVIDIA GPU: it needs a driver, and a clone"
            " of its own with the extra jax-cuda."
        )


@each_engine
def test_a_gpu_comes_first_and_its_peak_is_unknown(engine: str) -> None:
    """JAX cannot reset the peak that it counts."""
    assert list(answers(engine)["devices"]) == ["cuda", "cpu"]
    peak, name, versions = answers(engine)["gpu"]
    assert (peak, name, versions) == ("peak: None", "name: cpu", "versions: jax, jaxlib, numpy, cuda")


@each_engine
def test_an_engine_that_would_run_otherwise_than_its_row_says_is_refused(engine: str) -> None:
    said: list[Any] = list(answers(engine)["refusals"])
    for name, reason in zip(ENGINES_NOT_RUN, said, strict=True):
        assert reason == (f"{name}: JAX trains here in float32, bfloat16, and compiled by XLA alone")
