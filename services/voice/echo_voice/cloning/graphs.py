"""Kokoro cut where it is trained: what a text and a prosody give (front), and what timbre makes of it (decoder).

Names of values are those of the published ONNX export; engines that rewrite the graph keep them.
"""

from pathlib import Path

import onnx

from echo_voice.cloning.autodiff import Pair, Part, differentiate

TIMBRE = "/decoder/Slice_output_0"
ALIGNED = "/encoder/MatMul_1_output_0"
PITCH = "/encoder/Reshape_output_0"
ENERGY = "/encoder/Reshape_1_output_0"
SOURCE = "/decoder/decoder/generator/Concat_3_output_0"
"""The harmonic source's spectrum: a function of the pitch alone, and too rough a one to be trained through."""
DURATIONS = "/encoder/Clip_output_0"
_SPOKEN = "/decoder/decoder/generator/istft/stft/Squeeze_1_output_0"
UNVOICED_BELOW = 50.0
"""The model's own pitch, in Hz, under which nothing is voiced."""
EDGE = 10
GAIN = 4.0
"""Between what the last convolution makes and the audio: samples cut from both ends, and the overlapping windows' sum."""
FRAMES_A_SECOND = 40
STEPS_A_FRAME = {ALIGNED: (1, 0), PITCH: (2, 0), ENERGY: (2, 0), SOURCE: (120, 1)}
"""How the decoder's inputs are sampled: so many entries a frame, and so many more."""
FRONT = (ALIGNED, PITCH, ENERGY, SOURCE, DURATIONS)


def cut(path: Path) -> tuple[onnx.ModelProto, Pair]:
    """The front, which takes `tokens`, `style`, `speed` and makes `FRONT`, and the decoder with its gradient for `TIMBRE`.

    `path` is Kokoro with float32 weights. Raises `UnknownGradientError` where it is another model.
    """
    model = onnx.load(path)
    integers = ("tokens",)
    whole = Part(model, ("tokens", "style", "speed"), FRONT)
    front = whole.model(whole.nodes, ("tokens", "style", "speed"), FRONT, integers=integers)
    return front, differentiate(model, (TIMBRE, ALIGNED, PITCH, ENERGY, SOURCE), _SPOKEN, TIMBRE)
