"""Where TensorFlow put the operations of a step: the plugin leaves what it lacks to the CPU unasked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # the one door to the graphs as they were placed

from alexnet.frameworks.protocol import PlacementUnknown

# Moves and names values or asks for their shapes, computes nothing.
_PLUMBING = {
    "Const",
    "ExpandDims",
    "Identity",
    "NoOp",
    "Placeholder",
    "Rank",
    "ReadVariableOp",
    "Reshape",
    "Shape",
    "ShapeN",
    "Size",
    "Squeeze",
    "VarHandleOp",
    "_Arg",
    "_DeviceArg",
    "_DeviceRetval",
    "_HostRecv",
    "_HostSend",
    "_Recv",
    "_Retval",
    "_Send",
}


_COUNTS = {tf.int32.as_datatype_enum, tf.int64.as_datatype_enum}


def elsewhere(run: Callable[[], None], device: str) -> list[str]:
    """The kinds of float32 operation, in the functions that `run` calls, placed off `device` ("/GPU:0").

    Shapes and counters are integers that TensorFlow keeps on the host, whatever the device. Raises
    PlacementUnknown where nothing was recorded.
    """
    wanted = device.strip("/")
    placed = {(op, at) for op, at in _placed(run)}
    if not placed:
        raise PlacementUnknown("TensorFlow has recorded no graph of the step")
    return sorted({f"{op} on {at}" for op, at in placed if at != wanted})


def _placed(run: Callable[[], None]) -> Iterator[tuple[str, str]]:
    here = context.context()
    here.enable_run_metadata()
    try:
        run()
        recorded = here.export_run_metadata()
    finally:
        here.disable_run_metadata()
    for function in recorded.function_graphs:
        for graph in function.partition_graphs:
            for node in graph.node:
                if node.op not in _PLUMBING and _computes_floats(node):
                    yield node.op, node.device.split("device:")[-1]


def _computes_floats(node: Any) -> bool:
    if node.op == "Cast" and node.attr["SrcT"].type in _COUNTS:
        return False  # a count or labels on their way to a float, a few bytes
    kinds = {node.attr[name].type for name in ("T", "dtype", "DstT", "SrcT") if name in node.attr}
    return tf.float32.as_datatype_enum in kinds
