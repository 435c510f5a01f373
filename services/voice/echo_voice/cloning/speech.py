"""Speech of a voice on ONNX Runtime: whole sentences, without gradients."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from echo_common.audio.style_file import MODULATION, VoiceStyle

Floats = NDArray[np.float32]


class KokoroSpeech:
    """Kokoro's float32 model, as the engine speaks with it."""

    def __init__(self, model: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def __call__(self, tokens: Sequence[int], voice: VoiceStyle) -> Floats:
        """Return samples at 24 kHz."""
        modulation = voice.modulation.astype(np.float32) if voice.modulation.size else np.zeros(MODULATION, np.float32)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": np.ascontiguousarray(voice.table[len(tokens) - 1][np.newaxis]),
            "speed": np.array([voice.rate], np.float32),
            "modulation": modulation[np.newaxis],
            "pitch": np.array([voice.pitch_scale, voice.pitch_shift], np.float32),
        }
        return np.ravel(self._session.run(None, inputs)[0])
