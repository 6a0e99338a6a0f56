"""Single operations as the trainer's step computes them, by which a device's precision is measured."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet.frameworks.protocol import Device
from alexnet.frameworks.tensorflow.form import FLOAT32, Form
from alexnet.frameworks.tensorflow.layers import keras_layers
from alexnet.frameworks.tensorflow.trainer import device_string
from alexnet.layers import Conv
from alexnet.spec import Row


class OneLayer:
    """A convolution or Dense of the trainer's model, without ReLU, forward and backward in one graph."""

    def __init__(self, row: Row, *, device: Device, input_gradient: bool, form: Form = FLOAT32) -> None:
        self.device, self.input_gradient = device_string(device), input_gradient
        self.is_convolution = isinstance(row.layer, Conv)
        with tf.device(self.device):
            layers = keras_layers(row, seed=0, policy=form.policy)
            layers[-1].activation = keras.activations.linear
            self.model = keras.Sequential([keras.Input(_channels_last(row.input_shape)), *layers])
        self.kernel = layers[-1].kernel
        shapes = row.input_shape, row.output_shape
        self.function = tf.function(
            self._forward_backward,
            jit_compile=form.jit_compile,
            input_signature=[tf.TensorSpec((None, *_channels_last(shape))) for shape in shapes],
        )

    def _forward_backward(self, inputs: Any, output_gradient: Any) -> list[Any]:
        wanted = [self.kernel.value, *([inputs] if self.input_gradient else [])]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(wanted)
            output = tf.cast(self.model(inputs, training=True), tf.float32)
        return [output, *tape.gradient(output, wanted, output_gradients=output_gradient)]

    def run(self, inputs: Any, weight: Any, output_gradient: Any) -> tuple[Any, Any, Any]:
        """Output and gradients, as `Backend.forward_backward` has them."""
        with tf.device(self.device):
            self.kernel.assign(np.ascontiguousarray(self._to_keras(weight)))
            images = (
                tf.constant(np.moveaxis(array, 1, -1) if self.is_convolution else array)
                for array in (inputs, output_gradient)
            )
            output, of_weight, *of_inputs = (tensor.numpy() for tensor in self.function(*images))
        return (
            np.moveaxis(output, -1, 1),
            of_weight.transpose(3, 2, 0, 1) if self.is_convolution else of_weight.T,
            np.moveaxis(of_inputs[0], -1, 1) if of_inputs else None,
        )

    def _to_keras(self, weight: Any) -> Any:
        return weight.transpose(2, 3, 1, 0) if self.is_convolution else weight.T


def compiled_sums(form: Form = FLOAT32) -> Any:
    """float32 (n, length) -> (n,): the sum of each row."""

    def sums(rows: Any) -> Any:
        return tf.reduce_sum(rows, axis=1)

    return tf.function(sums, jit_compile=form.jit_compile, input_signature=[tf.TensorSpec((None, None))])


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """(c, h, w) as (h, w, c); (features,) stays."""
    return (*shape[1:], shape[0])
