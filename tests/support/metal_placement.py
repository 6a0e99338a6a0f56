"""Where a graph's operations would run on Apple's GPU, found out without a Mac.

TensorFlow gives an operation to the GPU if the plugin has a kernel for its types, or TensorFlow itself
has one for any device (DEVICE_DEFAULT: those keep int32 in the host's memory). Anything else runs on the
host, without a word. The first table is `metal_kernels`; the second is asked of the TensorFlow that is
installed, whose build for macOS is taken to have the same. What a step may not have:

- an operation on floats that runs on the host;
- an operation on the host that `LEFT_TO_HOST` does not explain;
- a read-back: a tensor in the GPU's memory that an operation needs on the host, which waits for all the
  work before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from graphlib import TopologicalSorter
from typing import Any, Literal

import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph, kernels, op_def_registry

from alexnet.frameworks.tensorflow.metal_kernels import KERNELS

Memory = Literal["host", "gpu"]
KernelsOf = Callable[[str, Mapping[str, str]], "frozenset[str] | None"]
"""(operation, attribute -> dtype) -> names of the inputs and outputs of its kernel that lie on the host,
or None if the GPU has no kernel for it."""

LEFT_TO_HOST: dict[str, str] = {
    "Pack": "puts a shape together: shapes are known on the host before any value is",
    "StridedSlice": "takes the batch size out of a shape: shapes are known on the host",
    "StatelessRandomGetKeyCounter": "makes a mask's key from the seed, which is counted on the host",
}
"""Operation on integers without a kernel in the plugin -> why that is no read-back in each step. The
walk checks it: an input in the GPU's memory is named all the same."""

_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_ARGUMENTS = {"Placeholder", "_Arg"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
_LOOPS = {"While", "StatelessWhile"}
_BRANCHES = {"If", "StatelessIf"}


@dataclass(frozen=True)
class Found:
    """`problems` are sentences; `left_to_host` are the operations for which a reason was needed.

    `operations` are all that were looked at.
    """

    problems: list[str] = field(default_factory=list)
    operations: set[str] = field(default_factory=set)
    left_to_host: set[str] = field(default_factory=set)


def metal_kernel(operation: str, types: Mapping[str, str]) -> frozenset[str] | None:
    """The plugin's kernel, or else TensorFlow's own for any device."""
    own = KERNELS.get(operation)
    if own and all(types.get(attribute) in allowed for attribute, allowed in own.types.items()):
        return own.host
    return _registered(operation, types, "DEFAULT")


def cuda_kernel(operation: str, types: Mapping[str, str]) -> frozenset[str] | None:
    """TensorFlow's kernel for CUDA, or else its own for any device."""
    own = _registered(operation, types, "GPU")
    return _registered(operation, types, "DEFAULT") if own is None else own


def _registered(operation: str, types: Mapping[str, str], device: str) -> frozenset[str] | None:
    for constraints, host in _all_registered(operation, device):
        if all(types.get(attribute) in allowed for attribute, allowed in constraints):
            return host
    return None


@cache
def _all_registered(
    operation: str, device: str
) -> list[tuple[list[tuple[str, frozenset[str]]], frozenset[str]]]:
    """(attribute -> dtypes, names on the host) of each kernel that TensorFlow has for a device."""
    return [
        (
            [
                (c.name, frozenset(tf.dtypes.as_dtype(t).name for t in c.allowed_values.list.type))
                for c in kernel.constraint
            ],
            frozenset(kernel.host_memory_arg),
        )
        for kernel in kernels.get_registered_kernels_for_op(operation).kernel
        if kernel.device_type == device
    ]


def check_concrete_function(function: Any, *, host: str, kernel_of: KernelsOf = metal_kernel) -> Found:
    """What a tf.function's graph does that a step on the GPU may not do.

    Its variables and constants lie where they were made: on the device whose name ends with `host`, or
    on the one that stands for the GPU.
    """
    graph_def = function.graph.as_graph_def()
    captured = {inner.op.name: outer.device for outer, inner in function.graph.captures}
    arguments: dict[str, Memory] = {}
    for node in graph_def.node:
        if node.op in _ARGUMENTS:
            on_host = node.name in captured and captured[node.name].endswith(host)
            # TensorFlow keeps arguments in int32 on the host.
            is_count = node.attr["dtype"].type == tf.int32.as_datatype_enum
            arguments[node.name] = "host" if on_host or is_count else "gpu"
    return check_graph(graph_def, arguments, host=host, kernel_of=kernel_of)


def check_graph(
    graph_def: Any, arguments: Mapping[str, Memory], *, host: str, kernel_of: KernelsOf = metal_kernel
) -> Found:
    """The same of a GraphDef, whose functions lie in its library."""
    library = {function.signature.name: function for function in graph_def.library.function}
    found = Found()
    _Walk(library=library, host=host, kernel_of=kernel_of, found=found).outputs(graph_def, arguments)
    return found


@dataclass(kw_only=True)
class _Walk:
    """One walk over the nodes of a graph, from arguments to results, into the functions it calls."""

    library: Mapping[str, Any]
    host: str
    kernel_of: KernelsOf
    found: Found

    def outputs(self, graph_def: Any, arguments: Mapping[str, Memory]) -> dict[str, list[Memory]]:
        """Node -> where each of its outputs lies."""
        self.arguments = arguments
        self.nodes = {node.name: node for node in graph_def.node}
        self.inputs = {name: list(_data_inputs(node)) for name, node in self.nodes.items()}
        self.users: dict[str, set[str]] = defaultdict(set)
        for name, inputs in self.inputs.items():
            for producer, _ in inputs:
                self.users[producer].add(name)
        memory: dict[str, list[Memory]] = {}
        order = TopologicalSorter({n: {p for p, _ in inputs} for n, inputs in self.inputs.items()})
        for name in order.static_order():
            node = self.nodes[name]
            self.found.operations.add(node.op)
            given = [memory[producer][index] for producer, index in self.inputs[name]]
            if node.op in _ARGUMENTS:
                memory[name] = [self.arguments[name]]
            elif node.op in _CALLS | _LOOPS | _BRANCHES:
                memory[name] = self._call(node, given)
            else:
                memory[name] = self._run(node, given)
        return memory

    def _run(self, node: Any, given: list[Memory]) -> list[Memory]:
        """Where the outputs of an operation lie; notes what is wrong with it."""
        types = _types(node)
        definition = op_def_registry.get(node.op)
        kernel = self.kernel_of(node.op, types)
        on_host = self._is_put_on_host(node) or kernel is None
        if on_host and definition.input_arg and set(types.values()) & _FLOATS:
            self._note(node, types, "computes with floats on the host")
        elif kernel is None and not self._is_put_on_host(node):
            if node.op in LEFT_TO_HOST:
                self.found.left_to_host.add(node.op)
            else:
                self._note(node, types, "has no kernel on the GPU, and no reason to be on the host")
        names = [argument.name for argument in _each(definition.input_arg, node)]
        for argument, (producer, _), place in zip(names, self.inputs[node.name], given, strict=True):
            moved = place == "gpu" and (on_host or argument in (kernel or ()))
            if moved and not self._is_variable(producer):  # what moves then is a handle, not the value
                self._note(node, types, f"reads {producer} back as its input {argument!r}")
        return [
            "host" if on_host or argument.name in (kernel or ()) else "gpu"
            for argument in _each(definition.output_arg, node)
        ]

    def _is_put_on_host(self, node: Any) -> bool:
        """Whether it is asked for, or a variable lies there, or all that use a constant run there."""
        if node.device.endswith(self.host):
            return True
        variables = [p for p, _ in self.inputs[node.name] if self._is_variable(p)]
        if variables:
            return any(self.arguments[p] == "host" for p in variables)
        if not self.inputs[node.name] and self.users[node.name]:
            users = [self.nodes[user] for user in self.users[node.name]]
            return all(
                user.op not in _CALLS | _LOOPS | _BRANCHES
                and (self._is_put_on_host(user) or self.kernel_of(user.op, _types(user)) is None)
                for user in users
            )
        return False

    def _is_variable(self, name: str) -> bool:
        node = self.nodes[name]
        resource = tf.resource.as_datatype_enum
        return node.op in _ARGUMENTS and resource in (node.attr["dtype"].type, node.attr["T"].type)

    def _call(self, node: Any, given: list[Memory]) -> list[Memory]:
        """Where a function's results lie. A loop's lie where its first values do."""
        if node.op in _CALLS:
            return self._body(node.attr["f"].func.name, given)
        if node.op in _LOOPS:
            (goes_on,) = self._body(node.attr["cond"].func.name, given)
            self._must_be_on_host(node, goes_on, "its condition")
            self._body(node.attr["body"].func.name, given)
            return given
        self._must_be_on_host(node, given[0], "its condition")
        results = [self._body(node.attr[b].func.name, given[1:]) for b in ("then_branch", "else_branch")]
        return ["gpu" if "gpu" in places else "host" for places in zip(*results, strict=True)]

    def _must_be_on_host(self, node: Any, place: Memory, what: str) -> None:
        if place == "gpu":
            self._note(node, _types(node), f"reads {what} back")

    def _body(self, name: str, given: list[Memory]) -> list[Memory]:
        function = self.library[name]
        graph_def, flat = function_def_to_graph.function_def_to_graph_def(function)
        names = [argument.name for argument in function.signature.input_arg]
        memory = replace(self).outputs(graph_def, dict(zip(names, given, strict=True)))
        results = [flat[function.ret[r.name]].split(":") for r in function.signature.output_arg]
        return [memory[producer][int(index)] for producer, index in results]

    def _note(self, node: Any, types: Mapping[str, str], what: str) -> None:
        listed = ", ".join(f"{attribute}={dtype}" for attribute, dtype in sorted(types.items()))
        self.found.problems.append(f"{node.op}({listed}) {what}: {node.name}")


def _types(node: Any) -> dict[str, str]:
    """Attribute -> dtype, of each attribute that is one dtype."""
    return {name: tf.dtypes.as_dtype(value.type).name for name, value in node.attr.items() if value.type}


def _data_inputs(node: Any) -> Iterator[tuple[str, int]]:
    """(producer, index of its output) of each input that carries a value."""
    for name in node.input:
        if not name.startswith("^"):
            producer, _, index = name.partition(":")
            yield producer, int(index or 0)


def _each(arguments: Any, node: Any) -> Iterator[Any]:
    """The arguments of a definition, each as often as the node has it."""
    for argument in arguments:
        if argument.number_attr:
            count = node.attr[argument.number_attr].i
        elif argument.type_list_attr:
            count = len(node.attr[argument.type_list_attr].list.type)
        else:
            count = 1
        for _ in range(count):
            yield argument
