"""The rows of a layer table as Keras layers, channels last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, MaxPool
from alexnet.spec import Row

HOST = "/CPU:0"


class AdaptiveAveragePooling(keras.layers.Layer):  # type: ignore[misc]
    """Averages (n, h, w, c) to (n, size, size, c), or repeats values if h < size.

    Keras has no such layer. One size must divide the other, as the layer table requires; there the
    result equals torch's.
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        input_size, channels = inputs.shape[1], inputs.shape[3]
        if input_size >= self.size:
            window = input_size // self.size
            return tf.nn.avg_pool2d(inputs, window, window, "VALID") if window > 1 else inputs
        # Not tf.repeat: its gradient transposes a shape, which Apple's plugin does on the GPU, and each
        # step would read it back.
        count, times = tf.shape(inputs)[0], self.size // input_size
        rows = tf.broadcast_to(
            tf.reshape(inputs, (-1, input_size, 1, input_size, channels)),
            (count, input_size, times, input_size, channels),
        )
        columns = tf.broadcast_to(
            tf.reshape(rows, (-1, self.size, input_size, 1, channels)),
            (count, self.size, input_size, times, channels),
        )
        return tf.reshape(columns, (-1, self.size, self.size, channels))


class HostSeededDropout(keras.layers.Dropout):  # type: ignore[misc]
    """Keras's Dropout, mask for mask, with its seed kept and counted on the host.

    The random operations take their seed from the host. A seed on the GPU would be read back in every
    step, which waits for all the work before it. `given_seed` is what `next_seed` drew before the step,
    where the step cannot draw it.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        with tf.device(HOST):
            super().__init__(rate, **kwargs)
        self.given_seed: Any = None

    def next_seed(self) -> Any:
        """int32 (2,) on the host: the seed of the next mask."""
        with tf.device(HOST):
            # From int64 to int32 as Keras does it, but here: the plugin would cast on the GPU.
            return tf.cast(tf.math.floormod(self.seed_generator.next(), tf.int32.max - 1), tf.int32)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        seed = self.next_seed() if self.given_seed is None else self.given_seed
        return tf.nn.experimental.stateless_dropout(inputs, rate=self.rate, seed=seed)


@contextmanager
def given_seeds(layers: Sequence[HostSeededDropout], seeds: Any) -> Iterator[None]:
    """Within it, each layer takes its row of `seeds`, int32 (layers, 2), for the seed of its mask."""
    for layer, seed in zip(layers, tf.unstack(seeds, len(layers)), strict=True):
        layer.given_seed = seed
    try:
        yield
    finally:
        for layer in layers:
            layer.given_seed = None


def keras_layers(row: Row, *, seed: int, policy: str = "float32") -> list[Any]:
    """The Keras layers of one row, which compute in `policy`; only the last has the row's name.

    Dropout draws and multiplies in float32: Apple's plugin draws no bfloat16, and a factor of 2 makes no
    other error there than in the precision of the layer that follows.
    """
    options: dict[str, Any] = {"name": row.layer.name, "dtype": policy}
    match row.layer:
        case Conv(channels=channels, kernel=kernel, stride=stride, padding=padding):
            # With a stride, Keras pads "same" unevenly, so the zeros are added explicitly.
            same = stride == 1 and 2 * padding == kernel - 1
            pad = [] if same or not padding else [keras.layers.ZeroPadding2D(padding, dtype=policy)]
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
            return [HostSeededDropout(rate, seed=seed, **options | {"dtype": "float32"})]
        case Dense(units=units, relu=relu):
            return [keras.layers.Dense(units, activation="relu" if relu else None, **options)]
