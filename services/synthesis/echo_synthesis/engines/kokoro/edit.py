"""Editing of ONNX graphs: adds nodes, and removes nodes and constants that become unused."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper


class Edit:
    """An editing pass over a graph: inspect it, `put` nodes, then call `finish`."""

    def __init__(self, model: ModelProto) -> None:
        self.graph = model.graph
        self._constants = {tensor.name: tensor for tensor in self.graph.initializer}
        self._producer: dict[str, NodeProto] = {output: node for node in self.graph.node for output in node.output}
        self._consumers: dict[str, list[NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                self._consumers.setdefault(name, []).append(node)
        self._put: dict[int, list[NodeProto]] = {}
        self._new_constants: dict[str, TensorProto] = {}

    def nodes(self, kind: str) -> Sequence[NodeProto]:
        """Return the nodes of an operator."""
        return [node for node in self.graph.node if node.op_type == kind]

    def producer(self, name: str) -> NodeProto:
        """Return the node that outputs this value."""
        return self._producer[name]

    def consumers(self, name: str) -> Sequence[NodeProto]:
        """Return the nodes that use this value."""
        return self._consumers.get(name, [])

    def next(self, node: NodeProto) -> NodeProto:
        """Return the only node that uses the first output of `node`."""
        (following,) = self._consumers[node.output[0]]
        return following

    def is_constant(self, name: str) -> bool:
        """Return whether the value is stored in the model."""
        return name in self._constants

    def array(self, name: str) -> NDArray[Any]:
        """Return a stored value."""
        return np.asarray(numpy_helper.to_array(self._constants[name]))

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Store a value and return its name."""
        self._new_constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def put(self, at: NodeProto, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> str:
        """Insert a node at the position of `at`, replace the nodes that produced its outputs, and return its first output's
        name.
        """
        node = helper.make_node(kind, list(inputs), list(outputs), f"put:{outputs[0]}", **attributes)
        self._put.setdefault(id(at), []).append(node)
        return outputs[0]

    def finish(self) -> None:
        """Write the new graph: add the new nodes, and keep only the nodes and constants that the outputs need."""
        made = {name for nodes in self._put.values() for node in nodes for name in node.output}
        nodes: list[NodeProto] = []
        for node in self.graph.node:
            nodes += self._put.get(id(node), [])
            if not made.intersection(node.output):
                nodes.append(node)
        needed = self._needed(nodes)
        kept = [NodeProto.FromString(node.SerializeToString()) for node in nodes if id(node) in needed]
        used = {name for node in kept for name in node.input}
        tensors = [*self._new_constants.values(), *(t for t in self.graph.initializer if t.name not in self._new_constants)]
        stored = [TensorProto.FromString(tensor.SerializeToString()) for tensor in tensors if tensor.name in used]
        del self.graph.node[:], self.graph.initializer[:], self.graph.value_info[:]
        self.graph.node.extend(kept)
        self.graph.initializer.extend(stored)

    def _needed(self, nodes: Sequence[NodeProto]) -> set[int]:
        producer = {output: node for node in nodes for output in node.output}
        needed: set[int] = set()
        names = [output.name for output in self.graph.output]
        while names:
            node = producer.get(names.pop())
            if node is not None and id(node) not in needed:
                needed.add(id(node))
                names.extend(node.input)
        return needed
