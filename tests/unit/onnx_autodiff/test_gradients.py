from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, helper, numpy_helper

from onnx_autodiff import GRADIENT, SEED, UnknownGradientError, differentiate

Array = NDArray[np.float32]
Node = tuple[str, list[str], str | list[str], dict[str, Any]]
_RANDOM = np.random.default_rng(5)
_CHANNELS, _STEPS = 4, 12


def _weight(*shape: int) -> Array:
    return (_RANDOM.standard_normal(shape) / 2).astype(np.float32)


def _model(*nodes: Node, **stored: NDArray[Any]) -> ModelProto:
    """From a `style` row (1, 3) and a `sound` (1, 4, 12), made into `column` (1, 4, 1), to `out`."""
    fixed: dict[str, NDArray[Any]] = {
        "to_column": _weight(3, _CHANNELS),
        "two": np.array([2], np.int64),
        "last": np.array([-1], np.int64),
        "square": np.array(2, np.float32),
        "tiny": np.array(1e-3, np.float32),
        **stored,
    }
    made = [
        helper.make_node("MatMul", ["style", "to_column"], ["row"]),
        helper.make_node("Unsqueeze", ["row", "two"], ["column"]),
        *(helper.make_node(kind, ins, [outs] if isinstance(outs, str) else outs, **more) for kind, ins, outs, more in nodes),
    ]
    inputs = [helper.make_tensor_value_info(name, 1, None) for name in ("style", "sound")]
    outputs = [helper.make_tensor_value_info("out", 1, None)]
    tensors = [numpy_helper.from_array(value, name) for name, value in fixed.items()]
    return helper.make_model(
        helper.make_graph(made, "test", inputs, outputs, tensors), opset_imports=[helper.make_opsetid("", 20)], ir_version=10
    )


NORMALISED: list[Node] = [
    ("Add", ["sound", "column"], "shifted", {}),
    ("Mul", ["shifted", "column"], "x", {}),
    ("ReduceMean", ["x", "last"], "mean", {"keepdims": 1}),
    ("Sub", ["x", "mean"], "centred", {}),
    ("Pow", ["centred", "square"], "squares", {}),
    ("ReduceMean", ["squares", "last"], "variance", {"keepdims": 1}),
    ("Add", ["variance", "tiny"], "above", {}),
    ("Sqrt", ["above"], "spread", {}),
    ("Div", ["centred", "spread"], "normal", {}),
    ("Mul", ["normal", "column"], "scaled", {}),
    ("Add", ["scaled", "sound"], "out", {}),
]
BENT: list[Node] = [
    ("Mul", ["sound", "column"], "x", {}),
    ("LeakyRelu", ["x"], "leaky", {"alpha": 0.2}),
    ("Sin", ["leaky"], "sine", {}),
    ("Cos", ["x"], "cosine", {}),
    ("Exp", ["cosine"], "power", {}),
    ("Round", ["x"], "steps", {}),
    ("Sub", ["x", "steps"], "rest", {}),
    ("Concat", ["sine", "power", "rest"], "out", {"axis": 1}),
]
CONVOLVED: list[Node] = [
    ("Add", ["sound", "column"], "x", {}),
    ("Conv", ["x", "kernel", "bias"], "wide", {"kernel_shape": [3], "dilations": [2], "pads": [2, 2]}),
    ("ConvTranspose", ["wide", "up"], "longer", {"kernel_shape": [4], "strides": [2], "pads": [1, 1]}),
    (
        "ConvTranspose",
        ["longer", "each"],
        "out",
        {"kernel_shape": [3], "strides": [2], "pads": [1, 1], "output_padding": [1], "group": 5},
    ),
]
MOVED: list[Node] = [
    ("Split", ["sound", "halves"], ["left", "right"], {"axis": 1}),
    ("Split", ["column", "halves"], ["low", "high"], {"axis": 1}),
    ("Mul", ["left", "low"], "first", {}),
    ("Mul", ["right", "high"], "second", {}),
    ("Concat", ["second", "first", "second"], "six", {"axis": 1}),
    ("Slice", ["six", "one", "five", "one", "one"], "x", {}),
    (
        "Resize",
        ["x", "", "double"],
        "longer",
        {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    ),
    ("Pad", ["longer", "reflect"], "padded", {"mode": "reflect"}),
    ("Transpose", ["padded"], "turned", {"perm": [0, 2, 1]}),
    ("Reshape", ["turned", "flat"], "line", {}),
    ("Unsqueeze", ["line", "one"], "lines", {}),
    ("Squeeze", ["lines", "one"], "out", {}),
]
GRAPHS = {
    "a norm with scale and shift from the style": _model(*NORMALISED),
    "bends": _model(*BENT),
    "convolutions": _model(
        *CONVOLVED, kernel=_weight(5, _CHANNELS, 3), bias=_weight(5), up=_weight(5, 5, 4), each=_weight(5, 1, 3)
    ),
    "an output without a time axis": _model(("Sin", ["row"], "out", {})),
    "what only moves": _model(
        *MOVED,
        halves=np.array([2, 2]),
        one=np.array([1]),
        five=np.array([5]),
        double=np.array([1, 1, 2], np.float32),
        reflect=np.array([0, 0, 1, 0, 0, 0]),
        flat=np.array([1, -1]),
    ),
}


@pytest.mark.parametrize("model", GRAPHS.values(), ids=GRAPHS)
def test_the_gradient_equals_finite_differences(model: ModelProto):
    pair = differentiate(model, ("style", "sound"), "out", "style")
    forward, backward = (onnxruntime.InferenceSession(m.SerializeToString()) for m in (pair.forward, pair.backward))
    given = {"style": _weight(1, 3), "sound": _weight(1, _CHANNELS, _STEPS)}
    given = {entry.name: given[entry.name] for entry in forward.get_inputs()}
    out, *kept = forward.run(None, given)
    seed = _weight(*out.shape)
    values = {**given, **dict(zip(pair.kept, kept, strict=True)), SEED: seed}
    (gradient,) = backward.run([GRADIENT], {entry.name: values[entry.name] for entry in backward.get_inputs()})

    step = 1e-3
    for place in range(3):
        ends = []
        for direction in (step, -step):
            style = given["style"].copy()
            style[0, place] += direction
            ends.append(float((forward.run(["out"], {**given, "style": style})[0] * seed).sum(dtype=np.float64)))
        assert gradient[0, place] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=0.02, abs=0.02)


def test_unsupported_operators_are_named():
    model = _model(("Erf", ["column"], "out", {}))
    with pytest.raises(UnknownGradientError, match="Erf"):
        differentiate(model, ("style", "sound"), "out", "style")
