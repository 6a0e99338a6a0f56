"""The layer table in numpy: forward, loss, backward and SGD, which every engine is held against.

Arrays are (n, channels, rows, columns) or (n, features), in float64 unless asked otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from alexnet import pixels
from alexnet.data import Images, Labels
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, Layer, MaxPool
from alexnet.recipe import Recipe
from alexnet.spec import INPUT, Network
from alexnet.weights import Weights

Array = npt.NDArray[Any]
Backward = Callable[[Array], Array]
"""The gradient of a layer's output -> that of its input. It adds to the gradients of its weights."""

CHUNK = 32
"""Images in memory at once: the windows of a convolution take kernel x kernel times its input. With 16
at 64 px the Dense layers' weights were read so often that all took a quarter longer (AMD EPYC, one
thread, 2026-11-27)."""
BLOCK = 2**20
"""Elements of a weight that are changed at once, so that no copy of a whole tensor is made."""


class Reference:
    """A network that starts from the canonical `weights` and trains as the recipe says.

    `weights` and `velocity` have the canonical layout. With `operand_bits` every operand of a product or
    a convolution is rounded to so many mantissa bits, forward and backward, as an engine of a lower
    precision does; all else stays in `dtype`. Dropout does nothing, unless `mask` gives the
    factors, of the input's shape, that a Dropout layer multiplies its input by in training. `progress`
    is called after each layer of each chunk of images, forward and backward, and each tensor's update.
    """

    def __init__(
        self,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        *,
        dtype: npt.DTypeLike = np.float64,
        operand_bits: int | None = None,
        mask: Callable[[Dropout, Array], Array] | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.net, self.recipe, self.dtype, self.mask = net, recipe, np.dtype(dtype), mask
        self.progress, self.operand_bits = progress, operand_bits
        self._first_layer = net.rows[0].layer.name
        self.weights: dict[str, Array] = {n: a.astype(self.dtype) for n, a in weights.items()}
        self.velocity: dict[str, Array] = {n: np.zeros_like(a) for n, a in self.weights.items()}
        self._gradient: dict[str, Array] = {}

    def activations(self, images: Images) -> dict[str, Array]:
        """INPUT and each layer's name -> its output for uint8 images (n, 32, 32, 3), without dropout."""
        return {name: x for name, x, _ in self._outputs(images, training=False)}

    def logits(self, images: Images) -> Array:
        """(n, classes), without dropout."""
        logits = []
        for part in np.split(images, range(CHUNK, len(images), CHUNK)):
            for name, x, _ in self._outputs(part, training=False):
                if name == self.net.head:
                    logits.append(x)
        return np.concatenate(logits)

    def step(self, images: Images, labels: Labels, learning_rate: float) -> tuple[float, Array]:
        """One step of SGD: (mean cross-entropy in nats, logits) before it.

        The velocity is v = m v + g, and the weights are w = w - rate v, as in torch.
        """
        for name in self.velocity:
            self.velocity[name] *= self.recipe.momentum
        self._gradient = self.velocity  # it takes the gradient in place
        loss, logits = 0.0, []
        for start in range(0, len(images), CHUNK):
            part = slice(start, start + CHUNK)
            part_loss, part_logits = self._backpropagate(images[part], labels[part], of=len(images))
            loss += part_loss
            logits.append(part_logits)
        for name, velocity in self.velocity.items():
            for rows in _rows(velocity):
                self.weights[name][rows] -= learning_rate * velocity[rows]
            self.progress()
        return loss, np.concatenate(logits)

    def _backpropagate(self, images: Images, labels: Labels, *, of: int) -> tuple[float, Array]:
        """Adds the gradient of some images' share in the mean loss `of` a batch; (share, logits)."""
        backwards: list[Backward] = []
        for _, output, backward in self._outputs(images, training=True):
            x = output
            backwards.append(backward)
        shifted = x - x.max(axis=1, keepdims=True)
        log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        right = np.arange(len(labels)), labels
        gradient = np.exp(log_shares)
        gradient[right] -= 1
        gradient /= of
        while backwards:  # each frees what it kept of its layer
            gradient = backwards.pop()(gradient)
            self.progress()
        return float(-log_shares[right].sum() / of), x

    def _outputs(self, images: Images, *, training: bool) -> Iterator[tuple[str, Array, Backward]]:
        """The name, output and backward pass of the pixels and of each layer, one after the other."""
        large = pixels.prepare(images, self.recipe, size=self.net.image_size, dtype=self.dtype)
        x = np.ascontiguousarray(large.transpose(0, 3, 1, 2))
        yield INPUT, x, lambda gradient: gradient
        for row in self.net.rows:
            x, backward = self._forward(row.layer, x, training=training)
            self.progress()
            yield row.layer.name, x, backward

    def _forward(self, layer: Layer, x: Array, *, training: bool) -> tuple[Array, Backward]:
        match layer:
            case Conv():
                return self._convolution(layer, x)
            case MaxPool():
                return _max_pool(layer, x)
            case AdaptiveAvgPool():
                return _average_pool(layer, x)
            case Flatten():
                return x.reshape(len(x), -1), lambda gradient: gradient.reshape(x.shape)
            case Dense():
                return self._product(layer.name, x, relu=layer.relu)
            case Dropout() if training and self.mask:
                factors = self.mask(layer, x)
                return x * factors, lambda gradient: gradient * factors
            case Dropout():
                return x, lambda gradient: gradient

    def _product(self, name: str, x: Array, *, relu: bool) -> tuple[Array, Backward]:
        """(n, inputs) -> (n, outputs): x W' + b, and ReLU."""
        weight = self._operand(self.weights[f"{name}.weight"].reshape(-1, x.shape[1]))
        x = self._operand(x)
        output = x @ weight.T + self.weights[f"{name}.bias"]
        if relu:
            output = np.maximum(output, 0)

        def backward(gradient: Array) -> Array:
            if relu:
                gradient = gradient * (output > 0)
            self._gradient[f"{name}.bias"] += gradient.sum(axis=0)
            gradient = self._operand(gradient)
            total = self._gradient[f"{name}.weight"].reshape(weight.shape)
            for rows in _rows(total):
                total[rows] += gradient[:, rows].T @ x
            # Of the pixels, no step needs the gradient.
            into: Array = gradient[:0] if name == self._first_layer else gradient @ weight
            return into

        return output, backward

    def _operand(self, x: Array) -> Array:
        return x if self.operand_bits is None else rounded(x, self.operand_bits)

    def _convolution(self, layer: Conv, x: Array) -> tuple[Array, Backward]:
        """Each window becomes a row of a matrix, each kernel a column of another."""
        matrix, rows, columns = _unfold(layer, x)
        flat, backward_flat = self._product(layer.name, matrix, relu=True)

        def backward(gradient: Array) -> Array:
            into = backward_flat(gradient.transpose(0, 2, 3, 1).reshape(-1, layer.channels))
            return _fold(layer, into, x.shape, rows, columns) if len(into) else into

        return flat.reshape(len(x), rows, columns, -1).transpose(0, 3, 1, 2), backward


def rounded(x: Array, bits: int) -> Array:
    """Each number with so many mantissa bits after the leading one, the nearest, of two the even one.

    The exponent is kept, however small or large.
    """
    mantissa, exponent = np.frexp(x)
    scale = 2.0 ** (bits + 1)
    nearest: Array = np.ldexp(np.rint(mantissa * scale) / scale, exponent).astype(x.dtype)
    return nearest


def forward_backward(
    layer: Conv | Dense, x: Array, weight: Array, gradient: Array
) -> tuple[Array, Array, Array]:
    """One layer without bias and ReLU: (output, gradient of the weight, gradient of x).

    `weight` has the canonical layout and `gradient` the output's shape. All are of one dtype.
    """
    flat_weight = weight.reshape(len(weight), -1)
    if isinstance(layer, Dense):
        return x @ flat_weight.T, gradient.T @ x, gradient @ flat_weight
    matrix, rows, columns = _unfold(layer, x)
    flat_gradient = gradient.transpose(0, 2, 3, 1).reshape(len(matrix), -1)
    output = (matrix @ flat_weight.T).reshape(len(x), rows, columns, -1).transpose(0, 3, 1, 2)
    into = _fold(layer, flat_gradient @ flat_weight, x.shape, rows, columns)
    return output, (flat_gradient.T @ matrix).reshape(weight.shape), into


def _unfold(layer: Conv, x: Array) -> tuple[Array, int, int]:
    """(matrix, windows down, windows across): a row for each window, image by image."""
    edge, size = layer.padding, layer.kernel
    padded = np.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    windows = _windows(padded, size, layer.stride)
    n, _, rows, columns = windows.shape[:4]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1), rows, columns


def _fold(layer: Conv, matrix: Array, shape: tuple[int, ...], rows: int, columns: int) -> Array:
    """The transpose of `_unfold`: each value of a window is added to the place that it came from."""
    (n, channels, height, width), edge, size = shape, layer.padding, layer.kernel
    parts = matrix.reshape(n, rows, columns, channels, size, size).transpose(0, 3, 4, 5, 1, 2)
    total = np.zeros((n, channels, height + 2 * edge, width + 2 * edge), matrix.dtype)
    for row in range(size):
        for column in range(size):
            _at(total, (row, column), layer.stride, (rows, columns))[:] += parts[:, :, row, column]
    return total[:, :, edge : edge + height, edge : edge + width]


def _rows(array: Array) -> Iterator[slice]:
    """Slices along the first axis, of BLOCK elements each or of one row."""
    count = max(BLOCK * len(array) // array.size, 1)
    return (slice(start, start + count) for start in range(0, len(array), count))


def _max_pool(layer: MaxPool, x: Array) -> tuple[Array, Backward]:
    """The largest value of each window; its gradient goes to the first of equal ones, as in torch."""
    size, stride = layer.kernel, layer.stride
    windows = _windows(x, size, stride)
    rows, columns = windows.shape[2:4]
    flat = windows.reshape(*windows.shape[:4], -1)
    winner = flat.argmax(axis=-1)

    def backward(gradient: Array) -> Array:
        total = np.zeros_like(x)
        for place in range(size * size):
            within = divmod(place, size)
            _at(total, within, stride, (rows, columns))[:] += gradient * (winner == place)
        return total

    return flat.max(axis=-1), backward


def _average_pool(layer: AdaptiveAvgPool, x: Array) -> tuple[Array, Backward]:
    """A matrix along each axis: it averages where the map is larger, and repeats where it is smaller."""
    down, across = (_averages(n, layer.size).astype(x.dtype) for n in x.shape[2:])

    def backward(gradient: Array) -> Array:
        into: Array = np.einsum("yi,ncyx,xj->ncij", down, gradient, across, optimize=True)
        return into

    return np.einsum("yi,ncij,xj->ncyx", down, x, across, optimize=True), backward


def _averages(old: int, new: int) -> Array:
    """(new, old): of each new place the shares of the old ones that it covers."""
    matrix = np.zeros((new, old))
    for place in range(new):
        covered = slice(place * old // new, -(-(place + 1) * old // new))
        matrix[place, covered] = 1
    averages: Array = matrix / matrix.sum(axis=1, keepdims=True)
    return averages


def _windows(x: Array, size: int, stride: int) -> Array:
    """(n, c, rows, columns) -> (n, c, windows down, windows across, size, size), a view."""
    view: Any = sliding_window_view
    windows: Array = view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]
    return windows


def _at(x: Array, within: tuple[int, int], stride: int, windows: tuple[int, int]) -> Array:
    """The values at one place within each window: (n, c, windows down, windows across), a view."""
    rows, columns = (
        slice(first, first + stride * count, stride)
        for first, count in zip(within, windows, strict=True)
    )
    return x[:, :, rows, columns]
