"""AlexNet in TensorFlow/Keras."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from typing import Any, Literal

import numpy as np

# "1" is the one value that the Metal plugin takes for off, and it looks at every optimisation; its
# remapper computes Dense+ReLU wrongly in graphs on Apple's GPU.
os.environ["TURN_OFF_REMAPPER"] = "1"
# Read at import. The user's own choice of Keras backend may be torch: both in one process crash.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import keras
import tensorflow as tf

from alexnet import Device, Framework
from alexnet.data import Images, Labels
from alexnet.layers import Dense, Flatten
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import Network
from alexnet.tensorflow_layers import layers
from alexnet.weights import Weights, channels_last, check

VERSION = tf.__version__

# Whatever ~/.keras/keras.json says.
keras.config.set_image_data_format("channels_last")
keras.config.set_floatx("float32")

Batch = tuple[Any, Any]

_IMAGES = tf.TensorSpec((None, 32, 32, 3), tf.uint8)


def usable_devices() -> tuple[Device, ...]:
    """The devices that TensorFlow can use here, best first."""
    if not tf.config.list_physical_devices("GPU"):
        return ("cpu",)
    return ("mps" if sys.platform == "darwin" else "cuda", "cpu")


def why_unavailable(device: Device) -> str:
    """One sentence on what keeps TensorFlow from a device."""
    if device == "mps":
        return "Apple's GPU needs macOS on Apple silicon with tensorflow-metal installed."
    return "TensorFlow sees no NVIDIA GPU: it needs a driver and `pip install tensorflow[and-cuda]`."


class TensorflowTrainer:
    """The `Trainer` of TensorFlow: a Keras model and one compiled step."""

    def __init__(
        self, net: Network, weights: Weights, recipe: Recipe, *, device: Device, seed: int
    ) -> None:
        self.net, self.recipe = net, recipe
        self.device = "/CPU:0" if device == "cpu" else "/GPU:0"
        self.moves = channels_last(net)
        with tf.device(self.device):
            size = net.image_size
            built = [layer for i, row in enumerate(net.rows) for layer in layers(row, seed=seed + i)]
            self.model = keras.Sequential([keras.Input((size, size, 3)), *built])
            self._mean = tf.constant(recipe.mean, tf.float32)
            self._std = tf.constant(recipe.std, tf.float32)
            self._loss_sum = tf.Variable(0.0)
            self._right = tf.Variable(0.0)
        self._steps = self._images = 0
        self.load(weights)
        self._logits = tf.function(self._evaluate, jit_compile=False, input_signature=[_IMAGES])
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        # The old stage's momentum goes before the new one's comes, or the peak would hold both.
        self._step: Any = None
        self._velocities: list[Any] = []
        moving = self.model.layers if train == "all" else [self.model.get_layer(self.net.head)]
        self._moving = [w.value for layer in moving for w in layer.trainable_weights]
        with tf.device(self.device):
            self._velocities = [tf.Variable(tf.zeros_like(w)) for w in self._moving]
        # A new function, since the old one has the old stage's variables compiled in.
        self._step = tf.function(
            self._train,
            jit_compile=False,
            input_signature=[
                _IMAGES,
                tf.TensorSpec((None,), tf.int64),
                tf.TensorSpec((), tf.float32),
            ],
        )

    def place(self, images: Images, labels: Labels) -> Batch:
        with tf.device(self.device):
            return tf.constant(images), tf.constant(labels.astype(np.int64))

    def _prepare(self, images: Any) -> Any:
        """uint8 (n, 32, 32, 3) -> normalised float32 (n, size, size, 3), on the device."""
        pixels = (tf.cast(images, tf.float32) / 255.0 - self._mean) / self._std
        return tf.image.resize(pixels, (self.net.image_size, self.net.image_size), "bilinear")

    def _train(self, images: Any, labels: Any, learning_rate: Any) -> None:
        pixels = self._prepare(images)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._moving)
            logits = self.model(pixels, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
            )
        gradients = tape.gradient(loss, self._moving)
        for weight, velocity, gradient in zip(self._moving, self._velocities, gradients, strict=True):
            # v = momentum v + g, w = w - rate v: torch's form. Keras's own SGD folds the rate into
            # v, which is something else as soon as the rate changes.
            tf.raw_ops.ResourceApplyMomentum(
                var=weight.handle,
                accum=velocity.handle,
                lr=learning_rate,
                grad=gradient,
                momentum=self.recipe.momentum,
                use_nesterov=False,
            )
        # Compared as floats: TensorFlow keeps int32 on the host, and would fetch it at every step.
        answers = tf.cast(tf.argmax(logits, axis=1), tf.float32)
        right = tf.equal(answers, tf.cast(labels, tf.float32))
        self._loss_sum.assign_add(loss)
        self._right.assign_add(tf.reduce_sum(tf.cast(right, tf.float32)))

    def step(self, batch: Batch, learning_rate: float) -> None:
        images, labels = batch
        with tf.device(self.device):
            self._step(images, labels, learning_rate)
        self._steps += 1
        self._images += labels.shape[0]

    def take_totals(self) -> tuple[float, float]:
        totals = float(self._loss_sum) / self._steps, float(self._right) / self._images
        self._loss_sum.assign(0.0)
        self._right.assign(0.0)
        self._steps = self._images = 0
        return totals

    def synchronize(self) -> None:
        # The step has put all its work into the device's one queue when it returns, so what is read
        # now is read last. TensorFlow has no wait that a pluggable device must honour.
        tf.reshape(self._moving[-1], [-1])[0].numpy()

    def _evaluate(self, images: Any) -> Any:
        return self.model(self._prepare(images), training=False)

    def logits(self, images: Images) -> Logits:
        with tf.device(self.device):
            return np.asarray(self._logits(tf.constant(images)).numpy(), np.float32)

    def activations(self, images: Images) -> dict[str, Any]:
        rows = {row.layer.name: row for row in self.net.rows}
        _, (channels, height, width) = self.net.flattened
        outputs: dict[str, Any] = {}
        flattened_map = False  # from Flatten to the first Dense a row still is a map, channels last
        with tf.device(self.device):
            x = self._prepare(tf.constant(images))
            for layer in self.model.layers:
                x = layer(x, training=False)
                if layer.name not in rows:
                    continue
                row, output = rows[layer.name], x.numpy()
                flattened_map = isinstance(row.layer, Flatten) or (
                    flattened_map and not isinstance(row.layer, Dense)
                )
                if flattened_map:
                    output = output.reshape(-1, height, width, channels)
                output = np.moveaxis(output, -1, 1)
                outputs[layer.name] = output.reshape(-1, *row.output_shape)
        return outputs

    def _variables(self) -> dict[str, Any]:
        """Canonical name -> Keras variable."""
        return {
            f"{layer.name}.{part}": variable
            for layer in self.model.layers
            if layer.weights and f"{layer.name}.weight" in self.net.tensors
            for part, variable in zip(("weight", "bias"), layer.trainable_weights, strict=True)
        }

    def weights(self) -> Weights:
        return {
            name: np.ascontiguousarray(self.moves[name].back(variable.numpy()))
            for name, variable in self._variables().items()
        }

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        for name, variable in self._variables().items():
            variable.assign(np.ascontiguousarray(self.moves[name].there(weights[name])))


class TensorflowBackend:
    """The `Backend` of TensorFlow."""

    framework: Framework = "tensorflow"

    def __init__(self, device: Device) -> None:
        self.device = device
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        if device == "cuda":
            tf.config.experimental.enable_tensor_float_32_execution(False)  # as in torch
        if device == "mps":
            # With the plugin's own optimizers on, Dense+ReLU in a graph was off by 160 %.
            tf.config.optimizer.set_experimental_options({"use_plugin_optimizers": False})

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> TensorflowTrainer:
        return TensorflowTrainer(net, weights, recipe, device=self.device, seed=seed)

    def device_name(self) -> str:
        if self.device == "cpu":
            return "CPU"
        gpu = tf.config.list_physical_devices("GPU")[0]
        return str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU"))

    def versions(self) -> dict[str, str]:
        found = {"tensorflow": tf.__version__, "keras": keras.__version__}
        if self.device == "mps":
            found["tensorflow-metal"] = metadata.version("tensorflow-metal")
        if self.device == "cuda":
            found["cuda"] = str(tf.sysconfig.get_build_info().get("cuda_version"))
        return found

    def settings(self) -> dict[str, str]:
        options = tf.config.optimizer.get_experimental_options()
        return {
            "jit_compile": "False",
            "use_plugin_optimizers": str(options.get("use_plugin_optimizers", "default")),
            "TURN_OFF_REMAPPER": os.environ["TURN_OFF_REMAPPER"],
            "tf32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
            "threads": str(tf.config.threading.get_intra_op_parallelism_threads() or "default"),
        }

    def peak_device_bytes(self) -> int | None:
        # Under Metal, get_memory_info returns zeros; on the CPU there is nothing to ask.
        if self.device != "cuda":
            return None
        return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])

    def reset_peak_device_bytes(self) -> None:
        if self.device == "cuda":
            tf.config.experimental.reset_memory_stats("GPU:0")


def build(device: Device) -> TensorflowBackend:
    """The backend of a device that is among the usable ones."""
    return TensorflowBackend(device)
