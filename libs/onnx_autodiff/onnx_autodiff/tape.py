"""Tape of the backward pass: its nodes, its constants, and the contributions to each value's gradient."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

from onnx_autodiff.subgraph import Subgraph

SEED = "seed"
"""The backward graph's input for the gradient of the output."""


class Tape:
    """The nodes of the backward pass, in order. A value is narrow if its time axis is missing or has length 1."""

    def __init__(self, subgraph: Subgraph, reached: set[str], rows: Sequence[str]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.subgraph = subgraph
        self._reached = reached
        self._contributions: dict[str, list[str]] = {}
        self._narrow = set(rows)
        for node in subgraph.nodes:
            inputs = node.input[:1] if node.op_type == "MatMul" else node.input
            if node.op_type == "ReduceMean" or all(self._is_narrow(name) for name in inputs if name):
                self._narrow.update(node.output)

    def seed(self, output: str) -> None:
        """Start with the gradient of the output, which has the output's shape."""
        if self._is_narrow(output):
            self._narrow.add(SEED)
        self.add_gradient(output, SEED)

    def has_gradient(self, name: str) -> bool:
        """Return whether a use of the value contributed to its gradient."""
        return name in self._contributions

    def requires_gradient(self, name: str) -> bool:
        """Return whether the value depends on the wanted input."""
        return name in self._reached

    def add_gradient(self, name: str, gradient: str, *, negative: bool = False) -> None:
        """Add a contribution to a value's gradient, or subtract it."""
        if self.requires_gradient(name):
            if self._is_narrow(name) and not self._is_narrow(gradient):
                gradient = self.append("ReduceSum", gradient, self.constant("last", [-1]), keepdims=1)
                self._narrow.add(gradient)
            if negative:
                gradient = self.append("Neg", gradient)
            self._contributions.setdefault(name, []).append(gradient)

    def sum_gradient(self, name: str) -> str:
        """Sum the contributions to a value's gradient; all uses of the value must be processed."""
        total, *more = self._contributions[name]
        for contribution in more:
            total = self.append("Add", total, contribution)
        if self._is_narrow(total) and not self._is_narrow(name):
            total = self.append("Expand", total, self.append("Shape", name))
            self._narrow.discard(total)
        return total

    def append(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        output = f"back:{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        if kind == "Shape" or all(map(self._is_narrow, inputs)):
            self._narrow.add(output)
        return output

    def split(self, value: str, sizes: str, count: int, axis: int) -> Sequence[str]:
        """Append a node that splits a value, and return the names of the parts."""
        outputs = [f"back:{len(self.nodes)}:{part}" for part in range(count)]
        self.nodes.append(helper.make_node("Split", [value, sizes], outputs, axis=axis))
        return outputs

    def constant(self, name: str, value: Any) -> str:
        """Store a constant, as int64 if all numbers are integers, else as float32, and return its name."""
        array = np.asarray(value)
        name = f"back:{name}"
        self.constants[name] = array if array.dtype == np.int64 else array.astype(np.float32)
        return name

    def _is_narrow(self, name: str) -> bool:
        if name in self.constants:
            return True
        if self.subgraph.is_stored(name):
            array = self.subgraph.array(name)
            return array.ndim < 2 or array.shape[-1] == 1
        return name in self._narrow
