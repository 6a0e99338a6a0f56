"""The backend of TensorFlow and Keras."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from typing import Any

import numpy as np

# The Metal plugin's remapper computes Dense+ReLU wrongly in graphs on Apple's GPU. The plugin reads this
# variable at every optimisation, and "1" is the only value that turns the remapper off.
os.environ["TURN_OFF_REMAPPER"] = "1"
# Read at import. The user may have chosen torch as Keras's backend: both in one process crash.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import keras
import tensorflow as tf

from alexnet.frameworks.info import Engine
from alexnet.frameworks.module import check_row
from alexnet.frameworks.protocol import Device, operands
from alexnet.frameworks.registry import environment
from alexnet.frameworks.tensorflow.arithmetic import OneLayer, compiled_sums
from alexnet.frameworks.tensorflow.form import FLOAT32, Form
from alexnet.frameworks.tensorflow.info import INTRA_OP, TF_FUNCTION, XLA
from alexnet.frameworks.tensorflow.trainer import TensorflowTrainer, device_string
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network, Row
from alexnet.weights import Weights

VERSION = tf.__version__

_OPTIMIZERS = ("use_plugin_optimizers", "layout_optimizer", "remapping")
"""What is switched off on Apple's GPU of that which rewrites a graph before it runs."""

# These override ~/.keras/keras.json.
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")


def usable_devices() -> tuple[Device, ...]:
    """The devices that TensorFlow can use here, best first."""
    if not tf.config.list_physical_devices("GPU"):
        return ("cpu",)
    return ("mps" if sys.platform == "darwin" else "cuda", "cpu")


def why_unavailable(device: Device) -> str:
    """One sentence on why TensorFlow cannot use a device."""
    if device == "mps":
        return "Apple's GPU needs macOS on Apple silicon with tensorflow-metal installed."
    return (
        "TensorFlow sees no NVIDIA GPU: it needs a driver, and a clone of its own with its CUDA"
        " libraries (docs/cuda.md)."
    )


def threads() -> str:
    """How many threads an operation on the CPU is shared among, as set; "default" stands for all."""
    number = os.environ.get(INTRA_OP, "")
    asked = int(number) if number.strip().isdecimal() else 0
    return str(tf.config.threading.get_intra_op_parallelism_threads() or asked or "default")


class Product:
    """The matrix product of `Backend.product`."""

    def __init__(self, device: Device, dtype: Any, size: int, depth: int) -> None:
        self.flops, self.bytes = 2 * size * size * depth, dtype.size * (2 * depth + size) * size
        self._device = device_string(device)
        with tf.device(self._device):
            self._left, self._right = (
                tf.cast(tf.constant(array), dtype) for array in operands(size, depth)
            )
            self._out = tf.zeros((1, 1))

    def run(self) -> None:
        with tf.device(self._device):
            self._out = tf.matmul(self._left, self._right)

    def wait(self) -> None:
        self._out[0, 0].numpy()


class Addition:
    """The addition of `Backend.addition`."""

    def __init__(self, device: Device, elements: int) -> None:
        self.flops, self.bytes = elements, 3 * FLOAT32_BYTES * elements
        self._device = device_string(device)
        with tf.device(self._device):
            self._sum, self._part = tf.Variable(tf.ones(elements)), tf.ones(elements)

    def run(self) -> None:
        with tf.device(self._device):
            self._sum.assign_add(self._part, read_value=False)

    def wait(self) -> None:
        self._sum[0].numpy()


class TensorflowBackend:
    """The `Backend` of TensorFlow."""

    def __init__(self, device: Device, form: Form = FLOAT32) -> None:
        self.device, self.form = device, form
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        if device == "cuda":
            for gpu in tf.config.list_physical_devices("GPU"):
                # Else TensorFlow takes nearly all of the GPU's memory at its first operation.
                tf.config.experimental.set_memory_growth(gpu, True)
            tf.config.experimental.enable_tensor_float_32_execution(False)  # as in torch
        if device == "mps":
            # With the plugin's own optimizers on, Dense+ReLU in a graph was off by 160 %. They would
            # switch off two of TensorFlow's, so those are switched off here: the layout optimizer,
            # which turns channels last into channels first for whatever is called a GPU, and the
            # remapper, which looks for operations to fuse.
            tf.config.optimizer.set_experimental_options(dict.fromkeys(_OPTIMIZERS, False))

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> TensorflowTrainer:
        return TensorflowTrainer(net, weights, recipe, device=self.device, seed=seed, form=self.form)

    def product(self, size: int, depth: int) -> Product:
        policy = keras.DTypePolicy(self.form.policy)
        return Product(self.device, tf.as_dtype(policy.compute_dtype), size, depth)

    def addition(self, elements: int) -> Addition:
        return Addition(self.device, elements)

    def forward_backward(
        self, row: Row, inputs: Any, weight: Any, output_gradient: Any, *, input_gradient: bool
    ) -> tuple[Any, Any, Any]:
        layer = OneLayer(row, device=self.device, input_gradient=input_gradient, form=self.form)
        return layer.run(inputs, weight, output_gradient)

    def sums(self, rows: Any) -> Any:
        with tf.device(device_string(self.device)):
            return compiled_sums(self.form)(tf.constant(rows)).numpy()

    def device_name(self) -> str:
        if self.device == "cpu":
            return "CPU"
        gpu = tf.config.list_physical_devices("GPU")[0]
        return str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU"))

    def versions(self) -> dict[str, str]:
        versions = {"tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
        if self.device == "mps":
            versions["tensorflow-metal"] = metadata.version("tensorflow-metal")
        if self.device == "cuda":
            versions["cuda"] = str(tf.sysconfig.get_build_info().get("cuda_version"))
        return versions

    def settings(self) -> dict[str, str]:
        options = tf.config.optimizer.get_experimental_options()
        return {
            "jit_compile": str(self.form.jit_compile),
            "policy": self.form.policy,
            "loss_scale": f"{self.form.loss_scale:g}",
            **{name: str(options.get(name, "default")) for name in _OPTIMIZERS},
            "TURN_OFF_REMAPPER": os.environ["TURN_OFF_REMAPPER"],
            "tf32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
            "threads": threads(),
        } | environment()

    def peak_device_bytes(self) -> int | None:
        # Under Metal, get_memory_info returns zeros; on the CPU it does not exist.
        if self.device != "cuda":
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"]) or None  # 0: not counted

    def reset_peak_device_bytes(self) -> None:
        if self.device == "cuda":
            tf.config.experimental.reset_memory_stats("GPU:0")


POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
FLOAT16_LOSS_SCALE = 2.0**8
"""The one of torch's backend, which says why: the gradients are the same."""


def build(engine: Engine, device: Device) -> TensorflowBackend:
    """The backend of an engine for a device from `usable_devices`.

    Raises DeviceUnavailable for an engine whose precision or compiler this backend does not have.
    """
    check_row(engine, POLICIES, (TF_FUNCTION, XLA))
    form = Form(
        policy=POLICIES[engine.precision],
        loss_scale=FLOAT16_LOSS_SCALE if engine.precision == "float16" else 1.0,
        jit_compile=engine.compiler == XLA,
    )
    return TensorflowBackend(device, form)
