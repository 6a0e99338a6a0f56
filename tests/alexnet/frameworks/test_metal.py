"""What Apple's plugin for TensorFlow can run, held against the graphs that we give it, without a Mac."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from alexnet.frameworks.tensorflow.metal_kernels import KERNELS, PLUGIN_VERSION
from alexnet.recipe import EXPERIMENTS
from bench.paths import ROOT
from bench.records.precision import LAYERS, SUM
from tests.support.real_worker import output_of

STEP = {"Cast", "Conv2D", "Conv2DBackpropFilter", "MatMul", "ArgMax", "ResourceApplyMomentum"}
"""Some operations of every step, to show that its graph was looked at."""
EVALUATION = {"Cast", "Conv2D", "MatMul"}

PLANTED = {
    "int64 argmax": "ArgMax(T=float32, Tidx=int32, output_type=int64) computes with floats on the host",
    "int64 argmax in a function": "output_type=int64) computes with floats on the host",
    "int64 argmax in a branch": "output_type=int64) computes with floats on the host: cond/ArgMax",
    "condition on the GPU": "reads its condition back: cond",
    "int64 argmax in a loop": "output_type=int64) computes with floats on the host: while/ArgMax",
    "uint8 pixels": "Cast(DstT=float32, SrcT=uint8) computes with floats on the host",
    "int16 pixels": "Slice(Index=int32, T=int16) reads images back as its input 'input'",
    "seed on the GPU": "drop6_1/Add/ReadVariableOp back as its input 'x'",
    "seed on the host, cast on the GPU": "drop6_1/Cast back as its input 'seed'",
    "tf.repeat": "transpose back as its input 'tensor'",
    "no reason to be on the host": "Pack(T=int32) has no kernel on the GPU, and no reason",
}
"""Fault of `metal_worker` -> part of the sentence that names it."""


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What the worker prints. Without a Mac, a graph can be looked at and not run on its GPU."""
    found: dict[str, Any] = json.loads(output_of("tests.support.metal_worker"))
    return found


def test_the_table_is_of_the_plugin_that_is_installed() -> None:
    """Another version may have other kernels: then the table must be read anew."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = packages["optional-dependencies"]["tensorflow"]
    assert any(package.startswith(f"tensorflow-metal=={PLUGIN_VERSION};") for package in pinned)


def test_the_table_has_no_more_than_was_read() -> None:
    kernels = dict.fromkeys(KERNELS, 1)
    for operation, row in KERNELS.items():
        for dtypes in row.types.values():
            kernels[operation] *= len(dtypes)
    assert len(kernels) == 184
    assert sum(kernels.values()) == 560


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_no_step_computes_on_the_host_or_reads_back_on_metal(
    answers: dict[str, Any], experiment: str
) -> None:
    """Evaluation and the step of each stage, at 64 and 224 px, as written and as optimized."""
    graphs = {w: p for w, p in answers["problems"]["metal"].items() if w.startswith(experiment)}
    stages = {stage.train for stage in EXPERIMENTS[experiment].recipe.stages}
    assert len(graphs) == 2 * (1 + len(stages) + 2)
    assert {where: problems for where, problems in graphs.items() if problems} == {}
    for where in graphs:
        needed = EVALUATION if "evaluation" in where else STEP - {"Conv2DBackpropFilter"}
        needed = needed | ({"Conv2DBackpropFilter"} if "step of all" in where else set())
        assert needed <= set(answers["operations"][where]), where


@pytest.mark.slow
def test_no_step_computes_on_the_host_or_reads_back_on_cuda(answers: dict[str, Any]) -> None:
    """By TensorFlow's own table of kernels, which a build without CUDA does not have."""
    if not answers["built with CUDA"]:
        pytest.skip("this TensorFlow was built without CUDA's kernels")
    graphs = answers["problems"]["cuda"]
    assert graphs.keys() == answers["problems"]["metal"].keys()
    assert {where: problems for where, problems in graphs.items() if problems} == {}


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_no_step_of_a_lower_precision_computes_on_the_host_on_metal(
    answers: dict[str, Any], policy: str
) -> None:
    """The plugin draws no bfloat16, so dropout is float32 there."""
    graphs = answers["lower precisions"][policy]
    assert list(graphs) == [
        *("scratch, evaluation", "scratch, step of all"),
        *("pretrained, evaluation", "pretrained, step of head", "pretrained, step of all"),
    ]
    assert {where: problems for where, problems in graphs.items() if problems} == {}
    assert set(answers["operations of lower precisions"][policy]) >= STEP


@pytest.mark.slow
def test_the_precision_is_measured_on_metal_alone(answers: dict[str, Any]) -> None:
    """The gate's single operations, forward and backward, run where the steps do."""
    assert set(answers["precision"]) == {*LAYERS, SUM}
    assert {name: problems for name, problems in answers["precision"].items() if problems} == {}
    operations = answers["operations of precision"]
    assert {"Conv2D", "Conv2DBackpropFilter", "Conv2DBackpropInput"} <= set(
        operations["convolution 3x3"]
    )
    assert "MatMul" in operations["matrix product"]
    assert "Sum" in operations[SUM]


@pytest.mark.slow
@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_named(answers: dict[str, Any], fault: str) -> None:
    assert any(PLANTED[fault] in problem for problem in answers["planted"][fault])


@pytest.mark.slow
def test_every_planted_fault_is_expected_here(answers: dict[str, Any]) -> None:
    assert answers["planted"].keys() == PLANTED.keys()


@pytest.mark.slow
def test_every_reason_to_leave_an_operation_to_the_host_is_needed(answers: dict[str, Any]) -> None:
    assert answers["left to the host"] == answers["reasons"]


@pytest.mark.slow
def test_what_rewrites_graphs_is_off_on_apples_gpu(answers: dict[str, Any]) -> None:
    """With the remapper on, a dense layer with tf.nn.bias_add would be one fused operation."""
    switched_off = ("use_plugin_optimizers", "layout_optimizer", "remapping")
    assert {answers["settings"][name] for name in switched_off} == {"False"}
    assert {"MatMul", "BiasAdd", "Relu"} <= set(answers["dense layer"])


@pytest.mark.slow
def test_a_seed_on_the_host_is_not_named_by_the_placement_check(answers: dict[str, Any]) -> None:
    """One device of the CPU stands for the GPU; a float operation on the other is named."""
    named = answers["off device"]
    assert named.pop("argmax on the host") == ["ArgMax on CPU:0"]
    assert named == {experiment: [] for experiment in EXPERIMENTS}


@pytest.mark.slow
def test_a_seed_on_another_device_changes_no_loss(answers: dict[str, Any]) -> None:
    losses = answers["losses"]
    assert len(set(losses["one device"])) == 3
    assert losses["two devices"] == losses["one device"]
    assert losses["resumed"] == losses["one device"]


@pytest.mark.slow
def test_a_seed_on_the_host_draws_kerass_masks(answers: dict[str, Any]) -> None:
    first, second = answers["masks"]["ours"]
    assert first != second
    assert answers["masks"]["ours"] == answers["masks"]["Keras's"]
