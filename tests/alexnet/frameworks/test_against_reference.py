"""Every engine of a framework on the CPU against the reference, in its own process, on narrow networks.

A framework that is added is asked here without a test of its own. torch and TensorFlow are asked by
test_parity.py and test_further_engines.py.

Tolerances are relative to the largest value compared. In a lower precision the reference has its
operands rounded too. A float32 that falls to the other side of a rounding is then off by 2^-9, and a
ReLU or a maximum may flip. Seen in float32: 2e-6 in layers, 1e-6 in velocities after three steps. In
bfloat16: JAX 7e-7 and 0.1; MLX, which rounds what goes from layer to layer besides, 0.003 and 0.14.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from alexnet import reference, spec, weights
from alexnet.frameworks.protocol import Precision
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.layers import Conv
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.reference import Reference
from alexnet.spec import INPUT, network
from alexnet.weights import AS_IT_IS
from bench.records.precision import OPERAND_BITS
from tests.alexnet.frameworks.test_parity import distance
from tests.support.engines import YARDSTICKS, engines
from tests.support.framework_worker import BATCH, ENGINES_NOT_RUN, Arrays, images_and_labels
from tests.support.real_worker import output_of
from tests.support.reference_sizes import (
    CLASSES,
    CONVOLUTIONS,
    IGNORED,
    RATES,
    SMALL,
    VARIANTS,
    images_of_few_values,
    small_weights,
    variants,
)

pytestmark = [pytest.mark.slow, pytest.mark.engines]

ASKED = [
    row.name for row in ENGINES.values() if row.framework not in YARDSTICKS and "cpu" not in row.not_on
]
each_engine = pytest.mark.parametrize("engine", engines(ASKED))
each_framework = pytest.mark.parametrize("framework", dict.fromkeys(ENGINES[n].framework for n in ASKED))

ROUND_RESULTS = ("mlx",)
"""The frameworks whose products and convolutions come out in the operands' format."""
PIXELS = {"mlx": 1e-6}
"""Framework -> how far off the network's input may be, where that is not 1e-5."""
FORWARD: dict[Precision, float] = {"float32": 1e-5, "bfloat16": 0.01}
STEPS: dict[Precision, float] = {"float32": 1e-3, "bfloat16": 0.3}
EXACT = 1e-6
"""Of a single operation in float32 sums."""


def rounds_results(engine: str) -> bool:
    row = ENGINES[engine]
    return row.framework in ROUND_RESULTS and bits(engine) is not None


def forward(engine: str) -> float:
    """How far off an output or a loss may be."""
    return FORWARD[ENGINES[engine].precision] * (2 if rounds_results(engine) else 1)


def steps(engine: str) -> float:
    """How far off may be what three steps add to a weight."""
    return 0.5 if rounds_results(engine) else STEPS[ENGINES[engine].precision]


def bits(engine: str) -> int | None:
    return OPERAND_BITS[ENGINES[engine].precision]


@pytest.fixture(autouse=True)
def _small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "VARIANTS", variants())


@cache
def answers(engine: str) -> Arrays:
    """Its outputs; called within a test, where the networks are narrow."""
    net = network("torchvision", image_size=64, classes=CLASSES)
    with TemporaryDirectory() as name:
        folder = Path(name)
        out, canonical = folder / "out.npz", folder / "canonical.safetensors"
        weights.save(canonical, weights.initialise(net, seed=7), metadata={})
        output_of("tests.support.reference_worker", engine, str(out), str(canonical), name)
        return dict(np.load(out))


@each_framework
def test_all_that_a_row_says_is_ignored_is_asked_for(framework: str) -> None:
    """All tests of this file run so, and nothing is other than the reference."""
    variables = FRAMEWORKS[framework].variables
    overridden = {name for name, variable in variables.items() if variable.overridden}
    assert overridden <= set(IGNORED.get(framework, {}))
    for name, value in IGNORED.get(framework, {}).items():
        assert name not in variables or value != variables[name].harmless


@each_engine
@pytest.mark.parametrize(("variant", "size"), [*((name, 64) for name in VARIANTS), ("torchvision", 224)])
def test_every_layer_is_the_references(engine: str, variant: str, size: int) -> None:
    net, images = network(variant, image_size=size), images_and_labels(2)[0]
    exact = Reference(net, weights.initialise(net, seed=1), FINETUNE, operand_bits=bits(engine))
    pixels = PIXELS.get(ENGINES[engine].framework, 1e-5)
    for layer, output in exact.activations(images).items():
        ours = answers(engine)[f"layers {variant} {size} {layer}"]
        assert ours.dtype == np.float32
        assert distance(output, ours) < (pixels if layer == INPUT else forward(engine)), layer
    logits = answers(engine)[f"layers {variant} {size} logits"]
    assert logits.dtype == np.float32
    assert distance(exact.logits(images), logits) < forward(engine)


@each_engine
@pytest.mark.parametrize("variant", VARIANTS)
def test_three_steps_at_two_rates_are_the_references(engine: str, variant: str) -> None:
    """From copies of what was handed over, which is overwritten meanwhile."""
    images, labels = images_and_labels(BATCH)
    net = network(variant, image_size=64).without_dropout()
    first = weights.initialise(net, seed=2)
    exact = Reference(net, first, SCRATCH, operand_bits=bits(engine))
    losses = np.array([exact.step(images, labels, rate)[0] for rate in RATES])
    ours = answers(engine)
    assert distance(losses, ours[f"losses {variant}"]) < forward(engine)
    for name, array in exact.weights.items():
        np.testing.assert_array_equal(ours[f"unused {variant} {name}"], first[name])
        moved = ours[f"steps {variant} {name}"] - first[name]
        assert distance(array - first[name], moved) < steps(engine), name
        velocity = ours[f"velocity {variant} {name}"]
        assert velocity.dtype == np.float32
        assert distance(exact.velocity[name], velocity) < steps(engine), name


@each_engine
def test_another_rate_does_not_compile_the_step_anew(engine: str) -> None:
    expected = 1 if ENGINES[engine].compiler else len(RATES)
    assert answers(engine)["compiled standard"] == expected


@each_engine
@pytest.mark.parametrize("variant", SMALL)
def test_a_pool_and_its_gradient_are_the_references(engine: str, variant: str) -> None:
    """Of equal values the first takes the gradient; a map is averaged, or repeated if it is smaller."""
    net = network(variant, image_size=SMALL[variant])
    exact = Reference(net, small_weights(net), SCRATCH, operand_bits=bits(engine))
    images, (_, labels) = images_of_few_values(BATCH), images_and_labels(BATCH)
    ours = {name.removeprefix(f"pools {variant} "): array for name, array in answers(engine).items()}
    for layer, output in exact.activations(images).items():
        assert distance(output, ours[layer]) < forward(engine), layer
    exact.step(images, labels, 0.0)
    for name, array in exact.velocity.items():
        assert distance(array, ours[name]) < forward(engine), name


@each_engine
@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=lambda layer: layer.name)
def test_a_convolution_and_its_gradients_are_the_references(engine: str, layer: Conv) -> None:
    """In a lower precision too but for float32's rounding, since the reference rounds the same operands.

    Unless what comes out is rounded besides.
    """
    ours, operand_bits = answers(engine), bits(engine)
    x, w, g = (ours[f"single {layer.name} {part}"].astype(np.float64) for part in "xwg")
    if operand_bits is not None:
        x, w, g = (reference.rounded(array, operand_bits) for array in (x, w, g))
    exact = reference.forward_backward(layer, x, w, g)
    for name, array in zip(("output", "of w", "of x"), exact, strict=True):
        limit = 2**-8 if rounds_results(engine) else EXACT
        assert distance(array, ours[f"single {layer.name} {name}"]) < limit, name


@each_engine
@pytest.mark.parametrize("stage", ["head", "all"])
def test_a_resumed_trainer_goes_on_to_the_bit(engine: str, stage: str) -> None:
    """Weights, velocities and the state of the next dropout masks."""
    alike = answers(engine)[f"resumed {stage}"]
    states = len(answers(engine)["random state"])
    assert states >= 1
    assert len(alike) == 16 + (2 if stage == "head" else 16) + states
    assert alike.all()


@each_engine
def test_another_state_is_refused_and_changes_nothing(engine: str) -> None:
    dtype, shape, momentum = answers(engine)["resume refusals"]
    label = FRAMEWORKS[ENGINES[engine].framework].label
    wrong = rf"{label} does not take this random state: its \w+ is int64, not uint\d+"
    assert re.fullmatch(wrong, dtype)
    states = ", ".join(sorted(answers(engine)["random state"]))
    assert shape == f"this random state is of another network or stage: {states}"
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
def test_a_step_on_a_part_of_a_chunk_is_that_on_a_batch_of_its_own(engine: str) -> None:
    """To the bit, in every tensor and in the sums of losses and right answers."""
    assert answers(engine)["parts that differ"].tolist() == []


@each_engine
def test_the_head_stage_moves_the_head_alone(engine: str) -> None:
    assert sorted(answers(engine)["stages moved"]) == ["fc8.bias", "fc8.weight"]
    assert answers(engine)["stages kept"], "momentum of the head's stage moved the next one"


@each_engine
def test_carried_over_weights_come_back_and_give_the_references_logits(engine: str) -> None:
    net = network("torchvision", image_size=64, classes=CLASSES)
    first = weights.initialise(net, seed=7)
    ours = answers(engine)
    for name, array in first.items():
        np.testing.assert_array_equal(ours[f"carried {name}"], array)
    exact = Reference(net, first, FINETUNE, operand_bits=bits(engine))
    assert distance(exact.logits(images_and_labels(4)[0]), ours["carried logits"]) < forward(engine)


@each_engine
def test_its_layouts_are_named(engine: str) -> None:
    """By words that `bench.check` knows."""
    layouts = json.loads(str(answers(engine)["layouts"]))
    tensors = network("torchvision").tensors
    assert set(layouts) == set(tensors)
    for name, shape in tensors.items():
        assert layouts[name] in weights.LAYOUTS[len(shape)]
    assert layouts["conv1.bias"] == AS_IT_IS


@each_engine
def test_its_product_has_the_engines_precision_and_its_sum_float32(engine: str) -> None:
    ours, operand_bits = answers(engine), bits(engine)
    left, right = (ours[f"kernels {side}"].astype(np.float64) for side in ("left", "right"))
    np.testing.assert_array_equal(left, reference.rounded(left, operand_bits or 23))
    assert len(np.unique(left)) > 100, "a matrix of ones could be multiplied for less"
    off = distance(left @ right, ours["kernels product"])
    assert 1e-4 < off < 1e-2 if rounds_results(engine) else off < EXACT
    size = 4 if operand_bits is None else 2
    operands, results = size * 2 * 48 * 32, (size if rounds_results(engine) else 4) * 48 * 48
    assert ours["kernels left's bytes"] + ours["kernels right's bytes"] == operands
    assert ours["kernels product's bytes"] == results
    assert list(ours["kernels product's work"]) == [2 * 48 * 48 * 32, operands + results]
    np.testing.assert_array_equal(ours["kernels sum"], np.full(1000, 3, np.float32))
    assert ours["kernels sum's bytes"] == 4000
    assert list(ours["kernels sum's work"]) == [1000, 12_000]


@each_engine
def test_nothing_of_a_step_lies_off_the_device_or_it_is_not_reported(engine: str) -> None:
    placement = str(answers(engine)["placement"])
    assert placement == "[]" or "does not report" in placement


@each_engine
def test_a_device_that_it_cannot_use_is_one_sentence(engine: str) -> None:
    framework = FRAMEWORKS[ENGINES[engine].framework]
    sentences: dict[str, Any] = json.loads(str(answers(engine)["unavailable"]))
    excluded = {
        f"{row.name} on {device}": f"{row.name} cannot run on {device}. {reason}"
        for row in framework.engines
        for device, reason in {**framework.never_on, **row.not_on}.items()
        if row.name == engine or device in row.not_on
    }
    assert {name: sentences.pop(name) for name in excluded} == excluded
    for name, sentence in sentences.items():
        device = name.rpartition(" on ")[2]
        start = rf"{framework.name} [\d.]+ cannot use {device} here: it sees cpu\. [A-Z].*\."
        assert sentence == "" or re.fullmatch(start, sentence)


@each_engine
def test_an_engine_that_would_run_otherwise_than_its_row_says_is_refused(engine: str) -> None:
    framework = FRAMEWORKS[ENGINES[engine].framework]
    for name, reason in zip(ENGINES_NOT_RUN, list(answers(engine)["refusals"]), strict=True):
        start, _, compilers = str(reason).partition(", compiled by ")
        prefix, _, precisions = start.partition(f"{name}: {framework.name} trains here in ")
        assert prefix == ""
        assert {row.precision for row in framework.engines} == {*precisions.split(", ")}
        assert {row.compiler or "nothing" for row in framework.engines} == {*compilers.split(" or ")}
