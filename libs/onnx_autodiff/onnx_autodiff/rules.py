"""Gradient rules: one function for each operator."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from onnx_autodiff.errors import UnknownGradientError
from onnx_autodiff.tape import Tape


def propagate(tape: Tape, node: NodeProto) -> None:
    """Propagate the gradient from a node's outputs to its inputs.

    Raises:
        UnknownGradientError: The node has no gradient rule, or its rule does not cover this use.
    """
    if node.op_type not in _RULES:
        raise UnknownGradientError(f"no gradient for {node.op_type}")
    if not all(tape.has_gradient(name) for name in node.output):
        if node.op_type == "Split":
            raise UnknownGradientError("a part of a split value that nothing uses")
        return
    _RULES[node.op_type](tape, node, *(tape.sum_gradient(name) for name in node.output))


def _add(tape: Tape, node: NodeProto, gradient: str) -> None:
    for name in node.input:
        tape.add_gradient(name, gradient)


def _subtract(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], gradient)
    tape.add_gradient(node.input[1], gradient, negative=True)


def _multiply(tape: Tape, node: NodeProto, gradient: str) -> None:
    a, b = node.input
    if a == b:
        tape.add_gradient(a, tape.append("Mul", tape.append("Mul", gradient, tape.constant("two", 2.0)), a))
        return
    tape.add_gradient(a, tape.append("Mul", gradient, b))
    tape.add_gradient(b, tape.append("Mul", gradient, a))


def _divide(tape: Tape, node: NodeProto, gradient: str) -> None:
    a, b = node.input
    share = tape.append("Div", gradient, b)
    tape.add_gradient(a, share)
    if tape.requires_gradient(b):
        tape.add_gradient(b, tape.append("Mul", share, node.output[0]), negative=True)


def _square_root(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(
        node.input[0], tape.append("Div", tape.append("Mul", gradient, tape.constant("half", 0.5)), node.output[0])
    )


def _power(tape: Tape, node: NodeProto, gradient: str) -> None:
    if tape.subgraph.array(node.input[1]) != 2:
        raise UnknownGradientError("a power other than the square")
    tape.add_gradient(node.input[0], tape.append("Mul", tape.append("Mul", gradient, node.input[0]), tape.constant("two", 2.0)))


def _exponential(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Mul", gradient, node.output[0]))


def _sine(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Mul", gradient, tape.append("Cos", node.input[0])))


def _cosine(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Neg", tape.append("Mul", gradient, tape.append("Sin", node.input[0]))))


def _step(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Propagate nothing: the gradient of a step function is zero."""


def _leaky_relu(tape: Tape, node: NodeProto, gradient: str) -> None:
    slope = _attributes(node).get("alpha", 0.01)
    below = tape.append("Mul", gradient, tape.constant(f"slope:{slope:.6f}", slope))
    tape.add_gradient(
        node.input[0], tape.append("Where", tape.append("Greater", node.input[0], tape.constant("zero", 0.0)), gradient, below)
    )


def _mean(tape: Tape, node: NodeProto, gradient: str) -> None:
    if tape.subgraph.array(node.input[1]).tolist() not in ([-1], [2]):
        raise UnknownGradientError("a mean that is not along time")
    steps = tape.append("Shape", node.input[0], start=-1)
    tape.add_gradient(node.input[0], tape.append("Div", gradient, tape.append("Cast", steps, to=TensorProto.FLOAT)))


def _matrix_product(tape: Tape, node: NodeProto, gradient: str) -> None:
    weight = tape.constant(f"{node.input[1]}:transposed", tape.subgraph.array(node.input[1]).T)
    tape.add_gradient(node.input[0], tape.append("MatMul", gradient, weight))


def _convolution(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Convolve the gradient with the reversed kernel, which is exact for stride 1; other strides have no rule."""
    if not tape.requires_gradient(node.input[0]):
        return
    has = _attributes(node)
    weight = tape.subgraph.array(node.input[1])
    stride, dilation = has.get("strides", [1])[0], has.get("dilations", [1])[0]
    pads, reach = has.get("pads", [0, 0]), dilation * (weight.shape[2] - 1)
    if stride != 1 or has.get("group", 1) != 1 or weight.ndim != 3:
        raise UnknownGradientError("a convolution with strides or groups")
    transposed = tape.constant(f"{node.input[1]}:transposed", weight.transpose(1, 0, 2)[:, :, ::-1])
    padding = [reach - pads[0], reach - pads[1]]
    tape.add_gradient(
        node.input[0],
        tape.append("Conv", gradient, transposed, dilations=[dilation], pads=padding, kernel_shape=weight.shape[2:]),
    )


def _transposed_convolution(tape: Tape, node: NodeProto, gradient: str) -> None:
    kept = {key: value for key, value in _attributes(node).items() if key in ("strides", "pads", "group", "kernel_shape")}
    tape.add_gradient(node.input[0], tape.append("Conv", gradient, node.input[1], **kept))


def _concatenation(tape: Tape, node: NodeProto, gradient: str) -> None:
    axis = _attributes(node)["axis"]
    sizes = tape.append("Concat", *(tape.append("Shape", name, start=axis, end=axis + 1) for name in node.input), axis=0)
    for name, part in zip(node.input, tape.split(gradient, sizes, len(node.input), axis), strict=True):
        tape.add_gradient(name, part)


def _split(tape: Tape, node: NodeProto, *gradients: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Concat", *gradients, axis=_attributes(node)["axis"]))


def _slice(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Pad the gradient with zeros where the slice left values out."""
    start, _, axis, step = (int(tape.subgraph.array(name)[0]) for name in node.input[1:5])
    if step != 1 or start < 0 or axis < 0:
        raise UnknownGradientError("a slice from the end or with steps")
    first = tape.constant(f"int:{start}", [start])
    size, left = (tape.append("Shape", name, start=axis, end=axis + 1) for name in (node.input[0], node.output[0]))
    pads = tape.append("Concat", first, tape.append("Sub", tape.append("Sub", size, left), first), axis=0)
    nothing = tape.constant("zero", 0.0)
    tape.add_gradient(node.input[0], tape.append("Pad", gradient, pads, nothing, tape.constant(f"int:{axis}", [axis])))


def _pad(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Add the gradient of the reflected first step to the second step, which the padding duplicated."""
    if tape.subgraph.array(node.input[1]).tolist() != [0, 0, 1, 0, 0, 0] or _attributes(node)["mode"] != b"reflect":
        raise UnknownGradientError("padding that is not one reflected step")
    one, two, three = (tape.constant(f"int:{n}", [n]) for n in (1, 2, 3))
    cut = [(tape.constant("int:0", [0]), one), (one, two), (two, three), (three, tape.constant("end", [2**62]))]
    reflected, first, second, rest = (tape.append("Slice", gradient, *ends, tape.constant("last", [-1])) for ends in cut)
    tape.add_gradient(node.input[0], tape.append("Concat", first, tape.append("Add", second, reflected), rest, axis=2))


def _nearest_resize(tape: Tape, node: NodeProto, gradient: str) -> None:
    factor = int(tape.subgraph.array(node.input[2])[-1])
    apart = tape.append("Reshape", gradient, tape.constant(f"apart:{factor}", [0, 0, -1, factor]))
    tape.add_gradient(node.input[0], tape.append("ReduceSum", apart, tape.constant("last", [-1]), keepdims=0))


def _reshape(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Reshape", gradient, tape.append("Shape", node.input[0])))


def _transposition(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Transpose", gradient, perm=np.argsort(_attributes(node)["perm"]).tolist()))


def _unsqueeze(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Squeeze", gradient, node.input[1]))


def _squeeze(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add_gradient(node.input[0], tape.append("Unsqueeze", gradient, node.input[1]))


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


_RULES: Mapping[str, Callable[..., None]] = {
    "Add": _add,
    "Concat": _concatenation,
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "Cos": _cosine,
    "Div": _divide,
    "Exp": _exponential,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matrix_product,
    "Mul": _multiply,
    "Pad": _pad,
    "Pow": _power,
    "ReduceMean": _mean,
    "Reshape": _reshape,
    "Resize": _nearest_resize,
    "Round": _step,
    "Sin": _sine,
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _square_root,
    "Squeeze": _squeeze,
    "Sub": _subtract,
    "Transpose": _transposition,
    "Unsqueeze": _unsqueeze,
}
