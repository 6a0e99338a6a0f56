"""What the graphs of TensorFlow's trainer would do on Apple's GPU and on CUDA, in a process of its own.

`python -m tests.support.metal_worker` prints JSON. Two devices of the CPU stand for the two memories:
CPU:0 is the host, CPU:1 the GPU. The networks are a sixteenth as wide, and have all operations of the
real ones. As in the backend for Apple's GPU, TensorFlow's layout optimizer and remapper are off.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # it would put kernels for the CPU alone into the graphs

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from alexnet import data, weights
from alexnet.frameworks.tensorflow import arithmetic, layers, trainer
from alexnet.frameworks.tensorflow.backend import TensorflowBackend
from alexnet.frameworks.tensorflow.form import FLOAT32, Form
from alexnet.recipe import EXPERIMENTS
from bench.gate.precision import row_of
from bench.records.precision import LAYERS, SUM
from tests.support.metal_placement import (
    LEFT_TO_HOST,
    Found,
    check_concrete_function,
    check_graph,
    cuda_kernel,
    metal_kernel,
)
from tests.support.narrow import narrow_network

HOST, GPU = "CPU:0", "/CPU:1"
NARROWER = 16
SIZES = (64, 224)
PART = 32
"""The images of a step, part of a longer chunk."""

KERNELS = {"metal": metal_kernel, "cuda": cuda_kernel}


def make_trainer(experiment: str, image_size: int, form: Form = FLOAT32) -> trainer.TensorflowTrainer:
    row = EXPERIMENTS[experiment]
    net = narrow_network(row.variant, NARROWER, image_size=image_size, classes=10)
    first = weights.initialise(net, seed=0)
    return trainer.TensorflowTrainer(net, first, row.recipe, device="mps", seed=0, form=form)


def graphs(made: trainer.TensorflowTrainer, experiment: str) -> Iterator[tuple[str, Any]]:
    """(name, concrete function) of the evaluation, and of the step of each stage that the recipe has."""
    yield "evaluation", made._logits.get_concrete_function()
    for stage in dict.fromkeys(stage.train for stage in EXPERIMENTS[experiment].recipe.stages):
        made.begin_stage(stage)
        yield f"step of {stage}", made._compiled_step(PART).get_concrete_function()


def optimized(run: Callable[[], Any]) -> list[Any]:
    """The graphs that TensorFlow made of the functions that `run` calls, functions inlined."""
    eager_context = context.context()
    eager_context.enable_run_metadata()
    run()
    metadata = eager_context.export_run_metadata()
    eager_context.disable_run_metadata()
    return [function.post_optimization_graph for function in metadata.function_graphs]


def check_optimized(graph_def: Any, kernel_of: Any) -> Found:
    places: Any = {
        node.name: "host" if node.device.endswith(HOST) else "gpu"
        for node in graph_def.node
        if node.op in ("Placeholder", "_Arg")
    }
    return check_graph(graph_def, places, host=HOST, kernel_of=kernel_of)


def check_all(kernel_of: Any) -> dict[str, Found]:
    """Graph -> what was found, of every experiment at 64 and 224 px, as written and as optimized."""
    found = {}
    split = data.synthetic(4, seed=0)
    for experiment in EXPERIMENTS:
        for size in SIZES:
            made = make_trainer(experiment, size)
            for name, function in graphs(made, experiment):
                where = f"{experiment} at {size} px, {name}"
                found[where] = check_concrete_function(function, host=HOST, kernel_of=kernel_of)
            batch = made.to_device(split.images, split.labels)
            for name, run in (
                ("evaluation", lambda made=made: made.logits(split.images)),
                ("step of all", lambda made=made, batch=batch: made.step(batch, 0.01)),
            ):
                found_here = [check_optimized(graph, kernel_of) for graph in optimized(run)]
                found[f"{experiment} at {size} px, {name}, optimized"] = Found(
                    problems=[problem for each in found_here for problem in each.problems],
                    operations=set().union(*(each.operations for each in found_here)),
                    left_to_host=set().union(*(each.left_to_host for each in found_here)),
                )
    return found


def check_arithmetic() -> dict[str, Found]:
    """Operation by which the gate measures the precision -> what was found, as written."""
    functions = {SUM: arithmetic.compiled_sums()}
    for name, measured in LAYERS.items():
        layer = arithmetic.OneLayer(
            row_of(measured), device="mps", input_gradient=not measured.takes_images
        )
        functions[name] = layer.function
    return {
        name: check_concrete_function(function.get_concrete_function(), host=HOST)
        for name, function in functions.items()
    }


def check_lower_precisions() -> dict[str, dict[str, Found]]:
    """Policy -> graph -> what was found, as written, of the engines that round their operands."""
    return {
        form.policy: {
            f"{experiment}, {name}": check_concrete_function(function, host=HOST)
            for experiment in ("scratch", "pretrained")
            for name, function in graphs(make_trainer(experiment, 64, form), experiment)
        }
        for form in (Form(policy="mixed_bfloat16"), Form(policy="mixed_float16", loss_scale=256.0))
    }


def dense_layer() -> list[str]:
    """The operations that TensorFlow makes of a dense layer as later Keras versions write it."""

    @tf.function  # type: ignore[untyped-decorator]
    def layer(x: Any, weight: Any, bias: Any) -> Any:
        return tf.nn.relu(tf.nn.bias_add(tf.matmul(x, weight), bias))

    graph_defs = optimized(lambda: layer(tf.ones((4, 8)), tf.ones((8, 8)), tf.ones(8)))
    return sorted({node.op for graph_def in graph_defs for node in graph_def.node})


def off_device() -> dict[str, list[str]]:
    """What the gate's placement check names in a step with the GPU's device apart from the host's."""
    split = data.synthetic(4, seed=0)

    def named(experiment: str) -> list[str]:
        made = make_trainer(experiment, 64)
        return made.ops_off_device(made.to_device(split.images, split.labels))

    answers = {experiment: named(experiment) for experiment in EXPERIMENTS}
    with argmax(on_the_host):
        answers["argmax on the host"] = named("scratch")
    return answers


def masks() -> dict[str, list[Any]]:
    """Two masks each of our Dropout and of Keras's, from one seed."""
    ours, keras_own = layers.HostSeededDropout(0.5, seed=3), keras.layers.Dropout(0.5, seed=3)
    ones = tf.ones((4, 8))
    return {
        name: [layer(ones, training=True).numpy().tolist() for _ in range(2)]
        for name, layer in (("ours", ours), ("Keras's", keras_own))
    }


def losses() -> dict[str, list[float]]:
    """Three steps' losses with dropout: seed and weights on one device, on two, and on two, resumed."""
    split = data.synthetic(16, seed=0)

    def steps(made: trainer.TensorflowTrainer, count: int) -> list[float]:
        found = []
        for _ in range(count):
            made.step(made.to_device(split.images, split.labels), 0.01)
            found.append(made.pop_metrics()[0])
        return found

    answers = {"two devices": steps(make_trainer("scratch", 64), 3)}
    with patch.object(trainer, "device_string", lambda device: HOST):
        answers["one device"] = steps(make_trainer("scratch", 64), 3)
    first, second = make_trainer("scratch", 64), make_trainer("scratch", 64)
    before = steps(first, 1)
    second.resume(first.weights(), first.momentum(), first.random_state())
    return answers | {"resumed": before + steps(second, 2)}


def step_problems(experiment: str = "pretrained") -> list[str]:
    function = make_trainer(experiment, 64)._compiled_step(PART).get_concrete_function()
    return check_concrete_function(function, host=HOST).problems


@contextmanager
def repeated_as_in_keras() -> Iterator[None]:
    def call(self: Any, inputs: Any) -> Any:
        times = self.size // inputs.shape[1]
        return tf.repeat(tf.repeat(inputs, times, axis=1), times, axis=2)

    with patch.object(layers.AdaptiveAveragePooling, "call", call):
        yield


@contextmanager
def argmax(other: Callable[[Any], Any]) -> Iterator[None]:
    """Another argmax in the trainer's step."""

    def called(logits: Any, axis: int, output_type: Any) -> Any:
        return other(logits)

    with patch.object(tf, "argmax", called):
        yield


def on_the_host(logits: Any) -> Any:
    with tf.device(layers.HOST):
        return tf.raw_ops.ArgMax(input=logits, dimension=1, output_type=tf.int32)


def on_condition(logits: Any) -> Any:
    """One of two argmaxes that the plugin has, by a condition that only the GPU knows."""
    return tf.cond(
        tf.reduce_sum(logits) > 0,
        lambda: tf.raw_ops.ArgMax(input=logits, dimension=1, output_type=tf.int32),
        lambda: tf.raw_ops.ArgMax(input=-logits, dimension=1, output_type=tf.int32),
    )


def in_a_function(logits: Any) -> Any:
    return tf.function(lambda x: tf.raw_ops.ArgMax(input=x, dimension=1))(logits)


def in_a_branch(logits: Any) -> Any:
    """The argmax is computed where a condition is true that the host knows."""
    return tf.cond(
        tf.shape(logits)[0] > 1,
        lambda: tf.raw_ops.ArgMax(input=logits, dimension=1),
        lambda: tf.zeros(tf.shape(logits)[:1], tf.int64),
    )


def in_a_loop(logits: Any) -> Any:
    """The argmax is computed in the body of a while loop, which runs twice."""
    _, found = tf.while_loop(
        lambda count, _: count < 2,
        lambda count, _: (count + 1, tf.raw_ops.ArgMax(input=logits, dimension=1)),
        (0, tf.zeros(tf.shape(logits)[:1], tf.int64)),
    )
    return found


def faults() -> dict[str, Any]:
    """Fault -> the patch that plants it in the trainer."""
    return {
        "int64 argmax": argmax(lambda x: tf.raw_ops.ArgMax(input=x, dimension=1)),
        "int64 argmax in a function": argmax(in_a_function),
        "int64 argmax in a branch": argmax(in_a_branch),
        "condition on the GPU": argmax(on_condition),
        "int64 argmax in a loop": argmax(in_a_loop),
        "uint8 pixels": patch.object(trainer, "sent_as", lambda device: np.uint8),
        "int16 pixels": patch.object(trainer, "sent_as", lambda device: np.int16),
        "seed on the GPU": patch.object(layers, "HOST", GPU),
        "seed on the host, cast on the GPU": patch.object(
            layers.HostSeededDropout, "call", keras.layers.Dropout.call
        ),
        "tf.repeat": repeated_as_in_keras(),
        "no reason to be on the host": patch.dict(LEFT_TO_HOST, clear=True),
    }


def main() -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    backend = TensorflowBackend("mps")
    for module in (trainer, arithmetic):
        vars(module)["device_string"] = lambda device: GPU
    found = {name: check_all(kernel_of) for name, kernel_of in KERNELS.items()}
    planted = {}
    for name, fault in faults().items():
        with fault:
            planted[name] = step_problems()
    of_precision, lower = check_arithmetic(), check_lower_precisions()
    json.dump(
        {
            "settings": backend.settings(),
            "built with CUDA": tf.test.is_built_with_cuda(),
            "problems": {
                gpu: {where: each.problems for where, each in graphs.items()}
                for gpu, graphs in found.items()
            },
            "left to the host": sorted(set().union(*(f.left_to_host for f in found["metal"].values()))),
            "operations": {where: sorted(each.operations) for where, each in found["metal"].items()},
            "reasons": sorted(LEFT_TO_HOST),
            "planted": planted,
            "precision": {name: each.problems for name, each in of_precision.items()},
            "operations of precision": {
                name: sorted(each.operations) for name, each in of_precision.items()
            },
            "lower precisions": {
                policy: {where: each.problems for where, each in found_there.items()}
                for policy, found_there in lower.items()
            },
            "operations of lower precisions": {
                policy: sorted(set().union(*(each.operations for each in found_there.values())))
                for policy, found_there in lower.items()
            },
            "dense layer": dense_layer(),
            "off device": off_device(),
            "losses": losses(),
            "masks": masks(),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
