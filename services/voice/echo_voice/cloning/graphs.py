"""Kokoro's graph in two parts: the front, which depends on text and prosody, and the decoder, which depends on the timbre.

The names of values are those of the published ONNX export; engines that rewrite the graph keep them.
"""

from pathlib import Path

import onnx

from onnx_autodiff import GradientPair, Subgraph, differentiate

TIMBRE = "/decoder/Slice_output_0"
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
STEPS_A_FRAME = {ALIGNED: (1, 0), PITCH: (2, 0), ENERGY: (2, 0), SOURCE: (120, 1)}
"""Sampling of the decoder's inputs: entries per frame, and additional entries."""
FRONT = (ALIGNED, PITCH, ENERGY, SOURCE, DURATIONS)


def cut(path: Path) -> tuple[onnx.ModelProto, GradientPair]:
    """Split the model into the front (`tokens`, `style`, `speed` to `FRONT`) and the decoder with its gradient of `TIMBRE`.

    `path` is Kokoro with float32 weights. Raises `UnknownGradientError` for another model.
    """
    model = onnx.load(path)
    integers = ("tokens",)
    whole = Subgraph(model, ("tokens", "style", "speed"), FRONT)
    front = whole.model(whole.nodes, ("tokens", "style", "speed"), FRONT, integers=integers)
    return front, differentiate(model, (TIMBRE, ALIGNED, PITCH, ENERGY, SOURCE), _SPOKEN, TIMBRE)
