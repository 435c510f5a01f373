"""A loaded Piper model: input ids to samples and the durations of the ids."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from echo_synthesis.audio.resample import Resampler
from echo_synthesis.engines.piper.voicefiles import read_config

_HOP = 256
_PEAK = 0.9


class PiperModel:
    """A model with its description."""

    def __init__(self, path: Path, threads: int) -> None:
        config = read_config(path)
        inference = config.get("inference") or {}
        self.phoneme_ids: Mapping[str, Sequence[int]] = config["phoneme_id_map"]
        self.sample_rate: int = config["audio"]["sample_rate"]
        self.espeak_voice: str = config["espeak"]["voice"]
        self.hop: int = config.get("hop_length") or _HOP
        self._noise = float(inference.get("noise_scale", 0.667))
        self._length = float(inference.get("length_scale", 1.0))
        self._noise_of_durations = float(inference.get("noise_w", 0.8))
        self._session = _open_session(path, threads)
        self._takes_speaker = "sid" in {each.name for each in self._session.get_inputs()}

    def run(self, ids: Sequence[int], speed: float, speaker: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return the samples, and the duration of each id in hops, if the model has them."""
        inputs = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array([self._noise, self._length / speed, self._noise_of_durations], np.float32),
        }
        if self._takes_speaker:
            inputs["sid"] = np.array([speaker], np.int64)
        samples, *durations = (np.ravel(output) for output in self._session.run(None, inputs))
        scaled = (samples * (_PEAK / max(float(np.abs(samples).max(initial=0.0)), 1e-3))).astype(np.float32)
        return scaled, durations[0] if durations and len(durations[0]) == len(ids) else None


def resampled(samples: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Return samples at `rate` Hz converted to `wanted` Hz."""
    if rate == wanted:
        return samples
    resampler = Resampler(rate, wanted)
    return np.concatenate([resampler.feed(samples), resampler.close()])


def _open_session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open a model; a published one, which outputs no durations, is modified in memory to output them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # a memory plan is cached per input shape; sentences differ in shape, so the cache would only grow
    options.enable_mem_pattern = False
    # a spinning thread would occupy the core of another worker
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    open_model = partial(onnxruntime.InferenceSession, sess_options=options, providers=["CPUExecutionProvider"])
    session = open_model(str(path))
    if len(session.get_outputs()) > 1:
        return session
    del session  # its memory is needed for the second one
    from echo_synthesis.engines.piper.prepare import with_durations  # imports onnx, which prepared models do not need

    modified = with_durations(path)
    return open_model(str(path) if modified is None else modified)
