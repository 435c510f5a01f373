"""Kokoro's graph in two parts: the front, which depends on text and prosody, and the decoder, which depends on the timbre.

The names of values are those of the published ONNX export; engines that rewrite the graph keep them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from onnx_autodiff import GradientPair, Subgraph, differentiate

TIMBRE = "/decoder/Slice_output_0"
MODULATION = "modulation"
ALIGNED = "/encoder/MatMul_1_output_0"
PITCH = "/encoder/Reshape_output_0"
ENERGY = "/encoder/Reshape_1_output_0"
SOURCE = "/decoder/decoder/generator/Concat_3_output_0"
"""Spectrum of the harmonic source: a function of the pitch alone, too rough to train through."""
DURATIONS = "/encoder/Clip_output_0"
_LOWEST = "sine:0"
"""Last coefficient of the polynomial for the square of a sine, whose first node (`:1`) is the argument in half turns."""
_SPOKEN = "/decoder/decoder/generator/istft/stft/Squeeze_1_output_0"
UNVOICED_BELOW = 50.0
"""Pitch of the model, in Hz, below which speech is unvoiced."""
EDGE = 10
GAIN = 4.0
"""From the last convolution to the audio: PCM samples cut from both ends (`EDGE`), and the sum of overlapping windows (`GAIN`)."""
FRAMES_A_SECOND = 40
DECIBELS = 4.343
"""From the energy, a natural logarithm of power, to decibels."""
STEPS_A_FRAME = {ALIGNED: (1, 0), PITCH: (2, 0), ENERGY: (2, 0), SOURCE: (120, 1)}
"""Sampling of the decoder's inputs: entries per frame, and additional entries."""
FRONT = (ALIGNED, PITCH, ENERGY, SOURCE, DURATIONS)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the model: the front, the decoder with its gradient of `MODULATION`, and the projection of the timbre.

    `projection` (128, 37396) holds the weights with which the timbre sets the decoder's scales and shifts.
    """

    front: onnx.ModelProto
    decoder: GradientPair
    projection: NDArray[np.float32]


def cut(path: Path) -> Parts:
    """Split the model into the front (`tokens`, `style`, `speed`, `pitch` to `FRONT`) and the decoder.

    `path` is Kokoro with float32 weights and an adaptation. Raises `UnknownGradientError` for another model.
    """
    model = onnx.load(path)
    restore_cosines(model)
    given = ("tokens", "style", "speed", "pitch")
    whole = Subgraph(model, given, FRONT)
    front = whole.model(whole.nodes, given, FRONT, integers=("tokens",))
    decoder = differentiate(model, (MODULATION, TIMBRE, ALIGNED, PITCH, ENERGY, SOURCE), _SPOKEN, MODULATION, rows=(TIMBRE,))
    return Parts(front, decoder, _projection(model))


def restore_cosines(model: onnx.ModelProto) -> None:
    """Compute `sin(alpha x)^2` by a cosine instead of the engine's polynomial, whose gradient has thirty operators."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    producers = {name: node for node in model.graph.node for name in node.output}
    nodes, constants = [], {"cosine:half": np.array(0.5), "cosine:minus_half": np.array(-0.5)}
    for node in model.graph.node:
        if _LOWEST not in node.input:
            nodes.append(node)
            continue
        polynomial, _, _ = node.input[0].rpartition(":")
        x, turns = producers[f"{polynomial}:1"].input
        angle, cosine, half, factor = (f"{polynomial}:{name}" for name in ("angle", "cosine", "half", "factor"))
        constants[factor] = 2 * np.pi * onnx.numpy_helper.to_array(stored[turns])
        nodes += [
            onnx.helper.make_node("Mul", [x, factor], [angle]),
            onnx.helper.make_node("Cos", [angle], [cosine]),
            onnx.helper.make_node("Mul", [cosine, "cosine:minus_half"], [half]),
            onnx.helper.make_node("Add", [half, "cosine:half"], [node.output[0]]),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items())


def _projection(model: onnx.ModelProto) -> NDArray[np.float32]:
    producers = {name: node for node in model.graph.node for name in node.output}
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    (split,) = (node for node in model.graph.node if node.op_type == "Split" and node.input[0] == MODULATION)
    weights = []
    for offset in split.output:
        own = f"{offset.removesuffix(':offset')}:own"
        product = next(producers[name] for name in producers[own].input if name in producers)
        weights.append(onnx.numpy_helper.to_array(stored[next(name for name in product.input if name in stored)]))
    return np.asarray(np.concatenate(weights, axis=1), np.float32)
