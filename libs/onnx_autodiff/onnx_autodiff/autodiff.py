"""Reverse-mode differentiation of ONNX graphs, so that training through a model needs only ONNX Runtime.

The result is two graphs. The forward graph computes the output and *keeps* the outputs of its expensive nodes (convolutions,
products with weights). The backward graph takes the kept values and the output's gradient, recomputes the cheap nodes and
returns the gradient of one input. Weights are constants. The rules cover a convolutional decoder whose time axis is the last.
Method: Griewank and Walther, Evaluating Derivatives, 2008.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

SEED = "seed"
GRADIENT = "gradient"
_EXPENSIVE = ("Conv", "ConvTranspose", "MatMul")


class UnknownGradientError(Exception):
    """An operator, or a use of an operator, without a gradient rule."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The forward and the backward graph. `kept` names outputs of the forward graph after its first that the backward graph takes.

    The backward graph takes the output's gradient as its input `SEED` and has one output, `GRADIENT`. Each graph takes only the
    given inputs that it needs.
    """

    forward: ModelProto
    backward: ModelProto
    kept: Sequence[str]


def differentiate(model: ModelProto, given: Sequence[str], output: str, wanted: str) -> Pair:
    """Extract the part of `model` from the values `given` to `output`, and build the gradient of `wanted`, a given row (1, n).

    Raises:
        UnknownGradientError: A node on the path has no gradient rule.
    """
    part = Part(model, given, [output])
    reached = {wanted}
    for node in part.nodes:
        if reached.intersection(node.input):
            reached.update(node.output)
    kept = [node.output[0] for node in part.nodes if node.op_type in _EXPENSIVE and node.output[0] != output]
    tape = Tape(part, reached, wanted)
    tape.seed(output)
    for node in reversed(part.nodes):
        if reached.intersection(node.output):
            tape.back(node)
    tape.nodes.append(helper.make_node("Identity", [tape.finish(wanted)], [GRADIENT]))
    cheap = [node for node in part.nodes if node.op_type not in _EXPENSIVE]
    return Pair(
        forward=part.model(part.nodes, given, [output, *kept]),
        backward=part.model([*cheap, *tape.nodes], [*given, *kept, SEED], [GRADIENT], tape.constants),
        kept=kept,
    )


class Part:
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
            "part",
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


class Tape:
    """The nodes of the backward pass, in order. A value is narrow if its time axis is missing or has length 1."""

    def __init__(self, part: Part, reached: set[str], wanted: str) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[Any]] = {}
        self.part = part
        self._reached = reached
        self._shares: dict[str, list[str]] = {}
        self._narrow = {wanted}
        for node in part.nodes:
            inputs = node.input[:1] if node.op_type == "MatMul" else node.input
            if node.op_type == "ReduceMean" or all(self._is_narrow(name) for name in inputs if name):
                self._narrow.update(node.output)

    def seed(self, output: str) -> None:
        """Start with the gradient of the output, which has the output's shape."""
        if self._is_narrow(output):
            self._narrow.add(SEED)
        self.add(output, SEED)

    def back(self, node: NodeProto) -> None:
        """Propagate the gradient from a node's outputs to its inputs."""
        if node.op_type not in _RULES:
            raise UnknownGradientError(f"no gradient for {node.op_type}")
        if any(name not in self._shares for name in node.output):
            if node.op_type == "Split":
                raise UnknownGradientError("a part of a split value that nothing uses")
            return
        _RULES[node.op_type](self, node, *(self.finish(name) for name in node.output))

    def wants(self, name: str) -> bool:
        """Return whether the value depends on the wanted input."""
        return name in self._reached

    def add(self, name: str, gradient: str) -> None:
        """Add a contribution to a value's gradient."""
        if self.wants(name):
            if self._is_narrow(name) and not self._is_narrow(gradient):
                gradient = self.put("ReduceSum", gradient, self.constant("last", [-1]), keepdims=1)
                self._narrow.add(gradient)
            self._shares.setdefault(name, []).append(gradient)

    def finish(self, name: str) -> str:
        """Sum the contributions to a value's gradient; all uses of the value must be processed."""
        total, *more = self._shares[name]
        for share in more:
            total = self.put("Add", total, share)
        if self._is_narrow(total) and not self._is_narrow(name):
            total = self.put("Expand", total, self.put("Shape", name))
            self._narrow.discard(total)
        return total

    def put(self, kind: str, *inputs: str, **attributes: Any) -> str:
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
        if self.part.is_stored(name):
            array = self.part.array(name)
            return array.ndim < 2 or array.shape[-1] == 1
        return name in self._narrow


def _add(tape: Tape, node: NodeProto, gradient: str) -> None:
    for name in node.input:
        tape.add(name, gradient)


def _subtract(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], gradient)
    tape.add(node.input[1], tape.put("Neg", gradient))


def _multiply(tape: Tape, node: NodeProto, gradient: str) -> None:
    a, b = node.input
    tape.add(a, tape.put("Mul", gradient, b))
    tape.add(b, tape.put("Mul", gradient, a))


def _divide(tape: Tape, node: NodeProto, gradient: str) -> None:
    a, b = node.input
    share = tape.put("Div", gradient, b)
    tape.add(a, share)
    tape.add(b, tape.put("Neg", tape.put("Mul", share, node.output[0])))


def _root(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Div", tape.put("Mul", gradient, tape.constant("half", 0.5)), node.output[0]))


def _power(tape: Tape, node: NodeProto, gradient: str) -> None:
    if tape.part.array(node.input[1]) != 2:
        raise UnknownGradientError("a power other than the square")
    tape.add(node.input[0], tape.put("Mul", tape.put("Mul", gradient, node.input[0]), tape.constant("two", 2.0)))


def _exponential(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Mul", gradient, node.output[0]))


def _sine(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Mul", gradient, tape.put("Cos", node.input[0])))


def _cosine(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Neg", tape.put("Mul", gradient, tape.put("Sin", node.input[0]))))


def _step(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Propagate nothing: the gradient of a step function is zero."""


def _leaky(tape: Tape, node: NodeProto, gradient: str) -> None:
    slope = _attributes(node).get("alpha", 0.01)
    below = tape.put("Mul", gradient, tape.constant(f"slope:{slope:.6f}", slope))
    tape.add(node.input[0], tape.put("Where", tape.put("Greater", node.input[0], tape.constant("zero", 0.0)), gradient, below))


def _mean(tape: Tape, node: NodeProto, gradient: str) -> None:
    if tape.part.array(node.input[1]).tolist() not in ([-1], [2]):
        raise UnknownGradientError("a mean that is not along time")
    steps = tape.put("Shape", node.input[0], start=-1)
    tape.add(node.input[0], tape.put("Div", gradient, tape.put("Cast", steps, to=TensorProto.FLOAT)))


def _product(tape: Tape, node: NodeProto, gradient: str) -> None:
    weight = tape.constant(f"{node.input[1]}:turned", tape.part.array(node.input[1]).T)
    tape.add(node.input[0], tape.put("MatMul", gradient, weight))


def _convolution(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Convolve the gradient with the reversed kernel, which is exact for stride 1; other strides have no rule."""
    if not tape.wants(node.input[0]):
        return
    has = _attributes(node)
    weight = tape.part.array(node.input[1])
    stride, dilation = has.get("strides", [1])[0], has.get("dilations", [1])[0]
    pads, reach = has.get("pads", [0, 0]), dilation * (weight.shape[2] - 1)
    if stride != 1 or has.get("group", 1) != 1 or weight.ndim != 3:
        raise UnknownGradientError("a convolution with strides or groups")
    turned = tape.constant(f"{node.input[1]}:turned", weight.transpose(1, 0, 2)[:, :, ::-1])
    padding = [reach - pads[0], reach - pads[1]]
    tape.add(
        node.input[0], tape.put("Conv", gradient, turned, dilations=[dilation], pads=padding, kernel_shape=weight.shape[2:])
    )


def _transposed_convolution(tape: Tape, node: NodeProto, gradient: str) -> None:
    kept = {key: value for key, value in _attributes(node).items() if key in ("strides", "pads", "group", "kernel_shape")}
    tape.add(node.input[0], tape.put("Conv", gradient, node.input[1], **kept))


def _concatenation(tape: Tape, node: NodeProto, gradient: str) -> None:
    axis = _attributes(node)["axis"]
    sizes = tape.put("Concat", *(tape.put("Shape", name, start=axis, end=axis + 1) for name in node.input), axis=0)
    for name, part in zip(node.input, tape.split(gradient, sizes, len(node.input), axis), strict=True):
        tape.add(name, part)


def _split(tape: Tape, node: NodeProto, *gradients: str) -> None:
    tape.add(node.input[0], tape.put("Concat", *gradients, axis=_attributes(node)["axis"]))


def _slice(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Pad the gradient with zeros where the slice left values out."""
    start, _, axis, step = (int(tape.part.array(name)[0]) for name in node.input[1:5])
    if step != 1 or start < 0 or axis < 0:
        raise UnknownGradientError("a slice from the end or with steps")
    first = tape.constant(f"int:{start}", [start])
    size, left = (tape.put("Shape", name, start=axis, end=axis + 1) for name in (node.input[0], node.output[0]))
    pads = tape.put("Concat", first, tape.put("Sub", tape.put("Sub", size, left), first), axis=0)
    nothing = tape.constant("zero", 0.0)
    tape.add(node.input[0], tape.put("Pad", gradient, pads, nothing, tape.constant(f"int:{axis}", [axis])))


def _pad(tape: Tape, node: NodeProto, gradient: str) -> None:
    """Add the gradient of the reflected first step to the second step, which the padding duplicated."""
    if tape.part.array(node.input[1]).tolist() != [0, 0, 1, 0, 0, 0] or _attributes(node)["mode"] != b"reflect":
        raise UnknownGradientError("padding that is not one reflected step")
    one, two, three = (tape.constant(f"int:{n}", [n]) for n in (1, 2, 3))
    cut = [(tape.constant("int:0", [0]), one), (one, two), (two, three), (three, tape.constant("end", [2**62]))]
    reflected, first, second, rest = (tape.put("Slice", gradient, *ends, tape.constant("last", [-1])) for ends in cut)
    tape.add(node.input[0], tape.put("Concat", first, tape.put("Add", second, reflected), rest, axis=2))


def _nearest(tape: Tape, node: NodeProto, gradient: str) -> None:
    factor = int(tape.part.array(node.input[2])[-1])
    apart = tape.put("Reshape", gradient, tape.constant(f"apart:{factor}", [0, 0, -1, factor]))
    tape.add(node.input[0], tape.put("ReduceSum", apart, tape.constant("last", [-1]), keepdims=0))


def _reshape(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Reshape", gradient, tape.put("Shape", node.input[0])))


def _transposition(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Transpose", gradient, perm=np.argsort(_attributes(node)["perm"]).tolist()))


def _unsqueeze(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Squeeze", gradient, node.input[1]))


def _squeeze(tape: Tape, node: NodeProto, gradient: str) -> None:
    tape.add(node.input[0], tape.put("Unsqueeze", gradient, node.input[1]))


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
    "LeakyRelu": _leaky,
    "MatMul": _product,
    "Mul": _multiply,
    "Pad": _pad,
    "Pow": _power,
    "ReduceMean": _mean,
    "Reshape": _reshape,
    "Resize": _nearest,
    "Round": _step,
    "Sin": _sine,
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _root,
    "Squeeze": _squeeze,
    "Sub": _subtract,
    "Transpose": _transposition,
    "Unsqueeze": _unsqueeze,
}
