"""The rows of a layer table as Keras layers, channels last."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from alexnet.frameworks.protocol import Precision
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, MaxPool
from alexnet.spec import Row


class AdaptiveAveragePooling(keras.layers.Layer):  # type: ignore[misc]
    """Brings (n, h, w, c) to (n, size, size, c) by averaging, or by repeating where h < size.

    Keras has no such layer. The table allows only sizes of which one divides the other, where
    this is what torch's does.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        have = inputs.shape[1]
        if have >= self.size:
            window = have // self.size
            return tf.nn.avg_pool2d(inputs, window, window, "VALID") if window > 1 else inputs
        times = self.size // have
        return tf.repeat(tf.repeat(inputs, times, axis=1), times, axis=2)


def layers(row: Row, *, seed: int, dtype: Precision = "float32") -> list[Any]:
    """The Keras layers of one row; only the last one carries the row's name."""
    named: dict[str, Any] = {"name": row.layer.name, "dtype": dtype}
    match row.layer:
        case Conv(channels=channels, kernel=kernel, stride=stride, padding=padding):
            # Keras pads "same" unevenly under a stride, so the zeros are written out there.
            same = stride == 1 and 2 * padding == kernel - 1
            pad = [] if same or not padding else [keras.layers.ZeroPadding2D(padding, dtype=dtype)]
            mode = "same" if same else "valid"
            conv = keras.layers.Conv2D(
                channels, kernel, strides=stride, padding=mode, activation="relu", **named
            )
            return [*pad, conv]
        case MaxPool(kernel=kernel, stride=stride):
            return [keras.layers.MaxPooling2D(kernel, strides=stride, **named)]
        case AdaptiveAvgPool(size=size):
            return [AdaptiveAveragePooling(size, **named)]
        case Flatten():
            return [keras.layers.Flatten(**named)]
        case Dropout(rate=rate):
            return [keras.layers.Dropout(rate, seed=seed, **named)]
        case Dense(units=units, relu=relu):
            return [keras.layers.Dense(units, activation="relu" if relu else None, **named)]
