"""Kokoro's decoder as a differentiable function of the timbre, on ONNX Runtime."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from echo_voice.cloning import graphs
from onnx_autodiff import SEED

Floats = NDArray[np.float32]
RATE = 24_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The decoder's inputs that depend on the text and the prosody."""

    values: Mapping[str, Any]
    pitch: float
    """Median pitch in Hz."""


class Decoder(Protocol):
    """A speech decoder that is differentiable in the timbre. Not safe for concurrent use."""

    def plan(self, tokens: Sequence[int], style: Floats) -> Plan:
        """Plan an utterance from the model's tokens and a style (256,), of which only the prosody half is used."""

    def speak(self, plan: Plan, timbre: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Synthesise PCM samples at 24 kHz; return them and a function from their gradient to that of the timbre (128,)."""


class KokoroDecoder:
    """Kokoro as a `Decoder`. It synthesises at most the middle `seconds` of an utterance, which bounds memory to about 3 GB.

    Whether less than a whole sentence suffices is open; see the findings in README.md.
    """

    def __init__(self, model: Path, threads: int = 1, seconds: float = 3.2) -> None:
        self._frames = round(seconds * graphs.FRAMES_A_SECOND)
        front, pair = graphs.cut(model)
        self._front, self._forward, self._backward = (_session(m, threads) for m in (front, pair.forward, pair.backward))
        self._kept = [value.name for value in self._forward.get_outputs()]

    def plan(self, tokens: Sequence[int], style: Floats) -> Plan:  # noqa: D102 - documented in the port
        inputs = {"tokens": np.array([[0, *tokens, 0]], np.int64), "style": style[None], "speed": np.ones(1, np.float32)}
        values = dict(zip(graphs.FRONT, self._front.run(list(graphs.FRONT), inputs), strict=True))
        voiced = values[graphs.PITCH][values[graphs.PITCH] > graphs.UNVOICED_BELOW]
        pitch = float(np.exp(np.median(np.log(voiced)))) if voiced.size else 0.0
        first = max(0, (values[graphs.ALIGNED].shape[2] - self._frames) // 2)
        parts = {
            name: values[name][..., first * scale : (first + self._frames) * scale + extra]
            for name, (scale, extra) in graphs.STEPS_A_FRAME.items()
        }
        return Plan({name: _value(part) for name, part in parts.items()}, pitch)

    def speak(self, plan: Plan, timbre: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:  # noqa: D102 - documented in the port
        values = {**plan.values, graphs.TIMBRE: _value(timbre[None])}
        outputs = self._forward.run_with_ort_values(None, _taken(self._forward, values))
        spoken = outputs[0].numpy()
        edge = graphs.EDGE
        values.update(zip(self._kept, outputs, strict=True))

        def back(gradient: Floats) -> Floats:
            seed = np.zeros_like(spoken)
            seed[..., edge:-edge] = gradient * graphs.GAIN
            inputs = _taken(self._backward, {**values, SEED: _value(seed)})
            return np.ravel(self._backward.run_with_ort_values(None, inputs)[0].numpy())

        return np.ravel(spoken)[edge:-edge] * np.float32(graphs.GAIN), back


def _session(model: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # spinning threads would take processor time from concurrent synthesis
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _value(array: Floats) -> Any:
    return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array, np.float32))


def _taken(session: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {entry.name: values[entry.name] for entry in session.get_inputs()}
