"""Reverse-mode differentiation of ONNX graphs, so that training through a model needs only ONNX Runtime.

The result is two graphs. The forward graph computes the output and *keeps* the outputs of its expensive nodes (convolutions,
products with weights). The backward graph takes the kept values and the output's gradient, recomputes the cheap nodes and
returns the gradient of one input. Weights are constants. The rules cover a convolutional decoder whose time axis is the last.
Method: Griewank and Walther, Evaluating Derivatives, 2008.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import ModelProto, helper

from onnx_autodiff.rules import propagate
from onnx_autodiff.subgraph import Subgraph
from onnx_autodiff.tape import SEED, Tape

GRADIENT = "gradient"
"""The backward graph's output: the gradient of the wanted value."""

_EXPENSIVE = ("Conv", "ConvTranspose", "MatMul")


@dataclass(frozen=True, slots=True)
class GradientPair:
    """The forward and the backward graph. `kept` names outputs of the forward graph after its first that the backward graph takes.

    The backward graph takes the output's gradient as its input `SEED` and has one output, `GRADIENT`. Each graph takes only the
    given inputs that it needs.
    """

    forward: ModelProto
    backward: ModelProto
    kept: Sequence[str]


def differentiate(model: ModelProto, given: Sequence[str], output: str, wanted: str, rows: Sequence[str] = ()) -> GradientPair:
    """Extract the part of `model` from the values `given` to `output`, and build the gradient of `wanted`, a given row (1, n).

    `rows` names other given values that are rows: their last axis is not time.

    Raises:
        UnknownGradientError: A node on the path has no gradient rule.
    """
    subgraph = Subgraph(model, given, [output])
    reached = {wanted}
    for node in subgraph.nodes:
        if reached.intersection(node.input):
            reached.update(node.output)
    kept = [node.output[0] for node in subgraph.nodes if node.op_type in _EXPENSIVE and node.output[0] != output]
    tape = Tape(subgraph, reached, (wanted, *rows))
    tape.seed(output)
    for node in reversed(subgraph.nodes):
        if reached.intersection(node.output):
            propagate(tape, node)
    tape.nodes.append(helper.make_node("Identity", [tape.sum_gradient(wanted)], [GRADIENT]))
    cheap = [node for node in subgraph.nodes if node.op_type not in _EXPENSIVE]
    return GradientPair(
        forward=subgraph.model(subgraph.nodes, given, [output, *kept]),
        backward=subgraph.model([*cheap, *tape.nodes], [*given, *kept, SEED], [GRADIENT], tape.constants),
        kept=kept,
    )
