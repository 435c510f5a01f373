"""The parts of Kokoro's graph that training rewrites."""

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from echo_synthesis.engines.kokoro.graph import speed_up
from echo_voice.cloning.graphs import restore_cosines


def _snake() -> ModelProto:
    """The activation `sin(alpha x)^2` of two channels."""
    constants = {"alpha": np.array([[[0.3], [4.0]]], np.float32), "two": np.array(2, np.float32)}
    nodes = [
        helper.make_node("Mul", ["alpha", "x"], ["scaled"]),
        helper.make_node("Sin", ["scaled"], ["Sin_output_0"]),
        helper.make_node("Pow", ["Sin_output_0", "two"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, None]) for name in "xy")
    graph = helper.make_graph(nodes, "snake", [x], [y], [numpy_helper.from_array(v, k) for k, v in constants.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_the_engine_s_polynomial_is_replaced_by_a_cosine() -> None:
    model = _snake()
    speed_up(model)
    assert any(node.op_type == "Round" for node in model.graph.node)
    restore_cosines(model)
    x = np.linspace(-30, 30, 200, dtype=np.float32).reshape(1, 2, -1)
    (y,) = InferenceSession(model.SerializeToString()).run(["y"], {"x": x})
    assert np.allclose(y, np.sin([[[0.3], [4.0]]] * x.astype(np.float64)) ** 2, atol=1e-5)
    needed, kinds = ["y"], []
    producers = {name: node for node in model.graph.node for name in node.output}
    while needed:
        if node := producers.get(needed.pop()):
            kinds.append(node.op_type)
            needed += node.input
    assert sorted(kinds) == ["Add", "Cos", "Mul", "Mul"]
