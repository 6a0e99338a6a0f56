"""MLX against the reference, each engine in its own process, on narrow networks.

Tolerances are relative to the largest value compared. In float32 they are those of test_parity.py. In
bfloat16 the reference has its operands rounded too; what goes from layer to layer is rounded besides, a
rounding of 2^-9 for each layer. Seen: up to 0.003 in an output or a loss, and 0.14 in what three steps
add to a weight, where ReLUs and maxima flip.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from alexnet import reference, spec, weights
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.layers import MaxPool
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.reference import Reference
from alexnet.spec import INPUT, VARIANTS, network
from alexnet.weights import AS_IT_IS
from tests.alexnet.frameworks.test_parity import distance
from tests.support.engines import engines
from tests.support.framework_worker import BATCH, ENGINES_NOT_RUN, Arrays, images_and_labels
from tests.support.mlx_sizes import CLASSES, NARROWER, RATES
from tests.support.narrow import narrow_variants
from tests.support.real_worker import compile_caches, output_of

pytestmark = [pytest.mark.slow, pytest.mark.engines]

each_engine = pytest.mark.parametrize("engine", engines(("mlx", "mlx-bf16")))
BITS = {"mlx": None, "mlx-bf16": 7}
FORWARD = {"mlx": 1e-5, "mlx-bf16": 0.02}
STEPS = {"mlx": 1e-3, "mlx-bf16": 0.5}


@pytest.fixture(autouse=True)
def _narrow_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "VARIANTS", narrow_variants(NARROWER))


@cache
def answers(engine: str) -> Arrays:
    """Its outputs; called within a test, where the networks are narrow."""
    net = network("torchvision", image_size=64, classes=CLASSES)
    with TemporaryDirectory() as folder:
        out, canonical = Path(folder) / "out.npz", Path(folder) / "canonical.safetensors"
        weights.save(canonical, weights.initialise(net, seed=7), metadata={})
        output_of("tests.support.mlx_worker", engine, str(out), str(canonical))
        return dict(np.load(out))


@each_engine
@pytest.mark.parametrize(("variant", "size"), [*((name, 64) for name in VARIANTS), ("torchvision", 224)])
def test_every_layer_is_the_references(engine: str, variant: str, size: int) -> None:
    net, images = network(variant, image_size=size), images_and_labels(2)[0]
    exact = Reference(net, weights.initialise(net, seed=1), FINETUNE, operand_bits=BITS[engine])
    for layer, output in exact.activations(images).items():
        ours = answers(engine)[f"layers {variant} {size} {layer}"]
        assert ours.dtype == np.float32
        assert distance(output, ours) < (1e-6 if layer == INPUT else FORWARD[engine]), layer
    logits = answers(engine)[f"layers {variant} {size} logits"]
    assert logits.dtype == np.float32
    assert distance(exact.logits(images), logits) < FORWARD[engine]


@each_engine
@pytest.mark.parametrize("variant", VARIANTS)
def test_three_steps_at_two_rates_are_the_references(engine: str, variant: str) -> None:
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
def test_another_rate_does_not_compile_the_step_anew(engine: str) -> None:
    assert answers(engine)["traced standard"] == 1


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
    assert dtype == "MLX does not take this random state: its key is int64, not uint32"
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
    x, into = (ours[name].transpose(0, 3, 1, 2) for name in ("ties x", "ties into"))
    output, backward = reference._max_pool(MaxPool("pool1"), x)
    np.testing.assert_array_equal(ours["ties output"].transpose(0, 3, 1, 2), output)
    gradient = ours["ties gradient"].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(gradient, backward(into), rtol=1e-6)


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
    assert layouts["conv1.weight"] == "OIHW -> OHWI"
    assert layouts["fc6.weight"] == "CHW -> HWC"
    assert {layouts[name] for name in ("fc7.weight", "fc8.weight", "conv1.bias")} == {AS_IT_IS}
    for name, shape in network("torchvision").tensors.items():
        assert layouts[name] in weights.LAYOUTS[len(shape)]


@each_engine
def test_its_kernels_work_in_the_engines_precision(engine: str) -> None:
    ours, is_float32 = answers(engine), ENGINES[engine].precision == "float32"
    exact = ours["kernels left"].astype(np.float64) @ ours["kernels right"].astype(np.float64)
    assert distance(exact, ours["kernels product"]) < (1e-6 if is_float32 else 1e-2)
    assert (distance(exact, ours["kernels product"]) > 1e-4) != is_float32
    size = 4 if is_float32 else 2
    assert list(ours["kernels product's work"]) == [2 * 48 * 48 * 32, size * (2 * 48 * 32 + 48 * 48)]
    np.testing.assert_array_equal(ours["kernels sum"], np.full(1000, 3, np.float32))
    assert list(ours["kernels sum's work"]) == [1000, 12_000]


@each_engine
def test_its_settings_say_how_it_computes(engine: str) -> None:
    settings = dict(line.split("=", 1) for line in answers(engine)["settings"])
    assert settings["MLX_ENABLE_TF32"] == "0"
    assert settings["compile"] == ENGINES[engine].compiler
    assert settings["operands"] == ENGINES[engine].precision
    assert "pixels" in settings["upsampling"]


@each_engine
def test_what_it_compiles_on_the_cpu_lies_where_its_row_says(engine: str) -> None:
    settings = dict(line.split("=", 1) for line in answers(engine)["settings"])
    (variable,) = FRAMEWORKS[ENGINES[engine].framework].cache_variables
    kernels = list(Path(compile_caches()[variable]).glob("mlx/*/cpu/*.so"))
    assert bool(kernels) == (settings["operations fused"] == "by g++")


@each_engine
def test_what_cannot_be_is_one_sentence(engine: str) -> None:
    mps, cuda, tf32, placement = answers(engine)["sentences"]
    if "sees cpu." in cuda:  # without Metal
        assert mps.endswith("cannot use mps here: it sees cpu. Metal needs macOS 14 or newer on Apple"
                            " silicon.")  # fmt: skip
    assert cuda.endswith("MLX is run here on Apple's GPU and on the CPU alone.")
    assert tf32 == "mlx-tf32 cannot run on cpu. MLX rounds to TF32 on a GPU alone, an M5 or newer."
    assert placement.endswith("it does not report where it ran them")


@each_engine
def test_an_engine_that_would_run_otherwise_than_its_row_says_is_refused(engine: str) -> None:
    said: list[Any] = list(answers(engine)["refusals"])
    for name, reason in zip(ENGINES_NOT_RUN, said, strict=True):
        assert reason.startswith(f"{name}: MLX trains here in float32, TF32, bfloat16, ")


@each_engine
def test_apples_gpu_comes_first_and_its_memory_is_counted(engine: str) -> None:
    ours = answers(engine)
    assert list(ours["devices"]) == ["mps", "cpu"]
    assert ours["unknown on the CPU"]
    assert ours["peak"] >= 4 * 2**20
