"""Part of an ONNX model between given values and outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from onnx_autodiff.errors import UnknownGradientError


class Subgraph:
    """The nodes of a model between given values and outputs, in topological order."""

    def __init__(self, model: ModelProto, given: Sequence[str], outputs: Sequence[str]) -> None:
        self._opsets = model.opset_import
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self.nodes = _needed(model.graph.node, outputs, {*given, *self._stored})

    def is_stored(self, name: str) -> bool:
        """Return whether a value is a constant of the model."""
        return name in self._stored

    def array(self, name: str) -> NDArray[Any]:
        """Return a constant. Raises `UnknownGradientError` if the value is not a constant."""
        if name not in self._stored:
            raise UnknownGradientError(f"{name} is not a constant")
        return np.asarray(numpy_helper.to_array(self._stored[name]))

    def model(
        self,
        nodes: Sequence[NodeProto],
        inputs: Sequence[str],
        outputs: Sequence[str],
        constants: Mapping[str, NDArray[Any]] | None = None,
        integers: Sequence[str] = (),
    ) -> ModelProto:
        """Build a model of the nodes that the outputs need; the inputs in `integers` are int64, all others float32."""
        nodes = _needed(nodes, outputs, set(inputs))
        used = {name for node in nodes for name in node.input}
        tensors = [self._stored[name] for name in sorted(used.intersection(self._stored))]
        tensors += [numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in (constants or {}).items()]
        graph = helper.make_graph(
            nodes,
            "subgraph",
            [_value(name, TensorProto.INT64 if name in integers else TensorProto.FLOAT) for name in inputs if name in used],
            [_value(name, TensorProto.FLOAT) for name in outputs],
            tensors,
        )
        return helper.make_model(graph, opset_imports=self._opsets, ir_version=10)


def _needed(nodes: Sequence[NodeProto], outputs: Sequence[str], have: set[str]) -> list[NodeProto]:
    producer = {name: node for node in nodes for name in node.output}
    needed: set[int] = set()
    names = list(outputs)
    while names:
        name = names.pop()
        if name in producer and name not in have and id(producer[name]) not in needed:
            needed.add(id(producer[name]))
            names.extend(producer[name].input)
    return [node for node in nodes if id(node) in needed]


def _value(name: str, kind: int) -> Any:
    return helper.make_tensor_value_info(name, kind, None)
