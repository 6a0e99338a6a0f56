"""Where TensorFlow placed the operations of a step: those that Metal lacks run silently on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context  # the only access to the placed graphs

from alexnet.frameworks.protocol import PlacementNotReported

# Operations that move or name values or read shapes, and compute nothing.
_NOT_COMPUTING = {
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
_COUNT_TYPES = {tf.int32.as_datatype_enum, tf.int64.as_datatype_enum}
_FLOAT_TYPES = {dtype.as_datatype_enum for dtype in (tf.float32, tf.bfloat16, tf.float16)}


def ops_off_device(run: Callable[[], None], device: str) -> list[str]:
    """The types of operation on floats that `run` executes in tf.functions, off `device` ("/GPU:0").

    Each is "OP on DEVICE"; the floats are float32, bfloat16 and float16. Integers are not counted:
    TensorFlow keeps shapes and counters on the host, whatever the device. Raises PlacementNotReported if
    TensorFlow recorded no graph.
    """
    expected = device.strip("/")
    placements = set(_float_op_placements(run))
    if not placements:
        raise PlacementNotReported("TensorFlow has recorded no graph of the step")
    return sorted(f"{op} on {actual}" for op, actual in placements if actual != expected)


def _float_op_placements(run: Callable[[], None]) -> Iterator[tuple[str, str]]:
    """(operation type, device) of each operation on floats."""
    eager_context = context.context()
    eager_context.enable_run_metadata()
    try:
        run()
        metadata = eager_context.export_run_metadata()
    finally:
        eager_context.disable_run_metadata()
    for function in metadata.function_graphs:
        for graph in function.partition_graphs:
            for node in graph.node:
                if node.op not in _NOT_COMPUTING and _computes_floats(node):
                    yield node.op, node.device.split("device:")[-1]


def _computes_floats(node: Any) -> bool:
    if node.op == "Cast" and node.attr["SrcT"].type in _COUNT_TYPES:
        return False  # a count or labels cast to float, a few bytes
    types = {node.attr[name].type for name in ("T", "dtype", "DstT", "SrcT") if name in node.attr}
    return not types.isdisjoint(_FLOAT_TYPES)
