"""The rows of a layer table as Keras layers, channels last."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from alexnet.frameworks.protocol import Precision
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, MaxPool
from alexnet.spec import Row


class AdaptiveAveragePooling(keras.layers.Layer):  # type: ignore[misc]
    """Averages (n, h, w, c) to (n, size, size, c), or repeats values if h < size.

    Keras has no such layer. One size must divide the other, as the layer table requires; there the
    result equals torch's.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        input_size = inputs.shape[1]
        if input_size >= self.size:
            window = input_size // self.size
            return tf.nn.avg_pool2d(inputs, window, window, "VALID") if window > 1 else inputs
        times = self.size // input_size
        return tf.repeat(tf.repeat(inputs, times, axis=1), times, axis=2)


def keras_layers(row: Row, *, seed: int, dtype: Precision = "float32") -> list[Any]:
    """The Keras layers of one row; only the last has the row's name."""
    options: dict[str, Any] = {"name": row.layer.name, "dtype": dtype}
    match row.layer:
        case Conv(channels=channels, kernel=kernel, stride=stride, padding=padding):
            # With a stride, Keras pads "same" unevenly, so the zeros are added explicitly.
            same = stride == 1 and 2 * padding == kernel - 1
            pad = [] if same or not padding else [keras.layers.ZeroPadding2D(padding, dtype=dtype)]
            mode = "same" if same else "valid"
            conv = keras.layers.Conv2D(
                channels, kernel, strides=stride, padding=mode, activation="relu", **options
            )
            return [*pad, conv]
        case MaxPool(kernel=kernel, stride=stride):
            return [keras.layers.MaxPooling2D(kernel, strides=stride, **options)]
        case AdaptiveAvgPool(size=size):
            return [AdaptiveAveragePooling(size, **options)]
        case Flatten():
            return [keras.layers.Flatten(**options)]
        case Dropout(rate=rate):
            return [keras.layers.Dropout(rate, seed=seed, **options)]
        case Dense(units=units, relu=relu):
            return [keras.layers.Dense(units, activation="relu" if relu else None, **options)]
