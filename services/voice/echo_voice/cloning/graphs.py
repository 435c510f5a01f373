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
    given = ("tokens", "style", "speed", "pitch")
    whole = Subgraph(model, given, FRONT)
    front = whole.model(whole.nodes, given, FRONT, integers=("tokens",))
    decoder = differentiate(model, (MODULATION, TIMBRE, ALIGNED, PITCH, ENERGY, SOURCE), _SPOKEN, MODULATION, rows=(TIMBRE,))
    return Parts(front, decoder, _projection(model))


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
