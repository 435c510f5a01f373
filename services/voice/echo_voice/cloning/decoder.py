"""Kokoro's decoder as a differentiable function of the timbre, on ONNX Runtime."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from echo_common.audio.style_file import VoiceStyle
from echo_voice.cloning import graphs
from echo_voice.cloning.pitch import HOP_SECONDS
from echo_voice.cloning.prosody import Contour
from onnx_autodiff import SEED

Floats = NDArray[np.float32]
RATE = 24_000
_AUDIBLE = 12.0
"""Least level of voiced speech in dB below the loud parts: there, trackers find a pitch in the audio, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The decoder's inputs that depend on the text and the prosody."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Gradient:
    """Gradient of a loss by the timbre (128,), and by the modulation (37396,)."""

    timbre: Floats
    modulation: Floats


@dataclass(frozen=True, slots=True)
class PitchMap:
    """Affine map of the predicted pitch of voiced frames: `scale * f + shift`, in Hz."""

    scale: float = 1.0
    shift: float = 0.0


UNCHANGED = PitchMap()


class ProsodyPredictor(Protocol):
    """A predictor of the prosody of a voice. Not safe for concurrent use."""

    def contour(self, tokens: Sequence[int], style: Floats, rate: float = 1.0) -> Contour:
        """Predict the pitch and the level of an utterance at a speaking rate; its syllables are not counted (0)."""


class Decoder(ProsodyPredictor, Protocol):
    """A speech decoder that is differentiable in the timbre and the modulation. Not safe for concurrent use."""

    def plan(self, tokens: Sequence[int], style: Floats, pitch: PitchMap = UNCHANGED, rate: float = 1.0) -> Plan:
        """Plan an utterance at a speaking rate from the model's tokens and a style (256,), of which only the prosody half is used."""

    def project(self, timbres: Floats) -> Floats:
        """Return the decoder's scales and shifts (n, 37396) that timbres (n, 128) set, apart from their constants."""

    def speak(
        self, plan: Plan, timbre: Floats, modulation: Floats | None = None
    ) -> tuple[Floats, Callable[[Floats], Gradient]]:
        """Synthesise PCM samples at 24 kHz; return them and a function from their gradient to that of the voice.

        `timbre` (128,), `modulation` (37396,): offsets of the decoder's scales and shifts, zero by default.
        """


class KokoroDecoder:
    """Kokoro as a `Decoder`. It synthesises at most the middle `seconds` of an utterance, which bounds memory to about 3 GB.

    Whether less than a whole sentence suffices is open; see the findings in README.md.
    """

    def __init__(self, model: Path, threads: int = 1, seconds: float = 3.2) -> None:
        self._frames = round(seconds * graphs.FRAMES_A_SECOND)
        parts = graphs.cut(model)
        models = (parts.front, parts.decoder.forward, parts.decoder.backward)
        with ThreadPoolExecutor(threads) as pool:
            self._front, self._forward, self._backward = pool.map(lambda model: _session(model, threads), models)
        self._projection = parts.projection
        self._kept = [value.name for value in self._forward.get_outputs()]

    def contour(  # noqa: D102 - documented in the port
        self, tokens: Sequence[int], style: Floats, rate: float = 1.0
    ) -> Contour:
        outputs = self._predict(tokens, style, rate, UNCHANGED, (graphs.PITCH, graphs.ENERGY))
        pitch, energy = (np.ravel(output).astype(np.float64) for output in outputs)
        level = graphs.DECIBELS * energy
        voiced = (pitch > graphs.UNVOICED_BELOW) & (level > np.percentile(level, 90) - _AUDIBLE)
        step = 1 / graphs.FRAMES_A_SECOND / graphs.STEPS_A_FRAME[graphs.PITCH][0]
        at = np.arange(0, len(pitch) * step - HOP_SECONDS / 2, HOP_SECONDS) / step
        nearest = np.minimum(at.astype(int), len(pitch) - 1)
        return Contour(np.where(voiced, pitch, 0.0)[nearest], np.interp(at, np.arange(len(level)), level), 0.0)

    def plan(  # noqa: D102 - documented in the port
        self, tokens: Sequence[int], style: Floats, pitch: PitchMap = UNCHANGED, rate: float = 1.0
    ) -> Plan:
        return self._plan(tokens, style, pitch, rate, self._frames)

    def synthesize(self, tokens: Sequence[int], voice: VoiceStyle) -> Floats:
        """Synthesise a whole utterance at 24 kHz."""
        style = voice.table[len(tokens) - 1]
        plan = self._plan(tokens, style, PitchMap(voice.pitch_scale, voice.pitch_shift), voice.rate, None)
        inputs = _taken(self._forward, self._values(plan, style[: len(self._projection)], voice.modulation))
        return _samples(self._forward.run_with_ort_values(self._kept[:1], inputs)[0].numpy())

    def discard_gradient(self) -> None:
        """Release the backward pass, which needs most of the memory; `speak` no longer works."""
        self._backward = None

    def _plan(self, tokens: Sequence[int], style: Floats, pitch: PitchMap, rate: float, frames: int | None) -> Plan:
        """Plan the middle `frames` of an utterance, or all."""
        values = dict(zip(graphs.FRONT, self._predict(tokens, style, rate, pitch, graphs.FRONT), strict=True))
        whole = values[graphs.ALIGNED].shape[2]
        count = whole if frames is None else min(frames, whole)
        first = (whole - count) // 2
        parts = {
            name: values[name][..., first * scale : (first + count) * scale + extra]
            for name, (scale, extra) in graphs.STEPS_A_FRAME.items()
        }
        return Plan({name: _value(part) for name, part in parts.items()})

    def _predict(
        self, tokens: Sequence[int], style: Floats, rate: float, pitch: PitchMap, outputs: Sequence[str]
    ) -> Sequence[Any]:
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style[None],
            "speed": np.array([rate], np.float32),
            "pitch": np.array([pitch.scale, pitch.shift], np.float32),
        }
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True
        outcome: Sequence[Any] = self._front.run(list(outputs), inputs, options)
        return outcome

    def project(self, timbres: Floats) -> Floats:  # noqa: D102 - documented in the port
        return np.asarray(timbres @ self._projection, np.float32)

    def speak(  # noqa: D102 - documented in the port
        self, plan: Plan, timbre: Floats, modulation: Floats | None = None
    ) -> tuple[Floats, Callable[[Floats], Gradient]]:
        values = self._values(plan, timbre, modulation)
        outputs = self._forward.run_with_ort_values(None, _taken(self._forward, values))
        spoken = outputs[0].numpy()
        edge = graphs.EDGE
        values.update(zip(self._kept, outputs, strict=True))

        def back(gradient: Floats) -> Gradient:
            seed = np.zeros_like(spoken)
            seed[..., edge:-edge] = gradient * graphs.GAIN
            inputs = _taken(self._backward, {**values, SEED: _value(seed)})
            by_modulation = np.ravel(self._backward.run_with_ort_values(None, inputs)[0].numpy())
            return Gradient(self._projection @ by_modulation, by_modulation)

        return _samples(spoken), back

    def _values(self, plan: Plan, timbre: Floats, modulation: NDArray[np.floating] | None) -> dict[str, Any]:
        offsets = np.zeros(self._projection.shape[1]) if modulation is None or not modulation.size else modulation
        return {**plan.values, graphs.TIMBRE: _value(timbre[None]), graphs.MODULATION: _value(offsets[None])}


def _samples(spoken: Floats) -> Floats:
    return np.ravel(spoken)[graphs.EDGE : -graphs.EDGE] * np.float32(graphs.GAIN)


def _session(model: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # spinning threads would take processor time from concurrent synthesis
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _value(array: NDArray[np.floating]) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array, np.float32))


def _taken(session: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {entry.name: values[entry.name] for entry in session.get_inputs()}
