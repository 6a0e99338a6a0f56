"""The outputs of layers that keep channels last, in the form that the protocol asks for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from alexnet.spec import Network


def channels_first(net: Network, outputs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """(name, numpy output, channels last) of INPUT and of layers -> what `Trainer.activations` gives.

    Every array is a copy, row by row. From Flatten to the first Dense, an output is a flattened map, so
    its features come in the order of rows, columns, channels.
    """
    shapes = {row.layer.name: row.output_shape for row in net.rows}
    dense, (channels, rows, columns) = net.flattened
    before_dense = list(shapes)[: list(shapes).index(dense)]
    forms = {}
    for name, array in outputs:
        output = array
        if name in before_dense and output.ndim == 2:
            output = output.reshape(-1, rows, columns, channels)
        output = np.moveaxis(output, -1, 1)
        forms[name] = np.array(output.reshape(-1, *shapes.get(name, output.shape[1:])), order="C")
    return forms
