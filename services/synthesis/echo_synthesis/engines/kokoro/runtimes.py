"""Backends: the libraries that can run Kokoro's model, each with its precision."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echo_common.audio.style_file import MODULATION, VoiceStyle
from echo_synthesis.engines.kokoro import FLOAT_MODEL, INT8_MODEL
from echo_synthesis.engines.kokoro.compiled import compile_cache
from echo_synthesis.engines.kokoro.machine import flags, package_version
from echo_synthesis.engines.kokoro.mapped import drop_mapped
from echo_synthesis.engines.kokoro.quantise import quantise
from echo_synthesis.engines.kokoro.ranges import ranges_digest

SAMPLES_A_FRAME = 600


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Adaptation of a voice beyond its style; see `graph.add_adaptation`. `modulation` is (1, 37396), `pitch` (2,)."""

    modulation: NDArray[np.float32]
    pitch: NDArray[np.float32]

    @classmethod
    def of(cls, style: VoiceStyle) -> "Adaptation":
        """Return the adaptation of a voice."""
        modulation = style.modulation.astype(np.float32) if style.modulation.size else np.zeros(MODULATION, np.float32)
        return cls(modulation[np.newaxis], np.array([style.pitch_scale, style.pitch_shift], np.float32))


UNADAPTED = Adaptation(np.zeros((1, MODULATION), np.float32), np.array([1, 0], np.float32))
"""The adaptation of built-in voices: none."""


class Runtime(Protocol):
    """A loaded model."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return samples, and the duration of each token in frames of 600 samples. `tokens` is (1, n), `style` (1, 256)."""

    def release_memory(self) -> None:
        """Release memory that is only needed during a run."""


Opener = Callable[[Path, int], Runtime]
"""Function that opens the model in a folder with a number of threads. Child processes import it by its name."""


class OnnxRuntime:
    """A model in ONNX Runtime."""

    def __init__(self, home: Path, threads: int, model: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # a memory plan is cached per input shape; sentences differ in shape, so the cache would only grow
        options.enable_mem_pattern = False
        # a spinning thread would occupy the core of another worker
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(home / model), options, providers=["CPUExecutionProvider"])

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        samples, durations = self._session.run(None, model_inputs(tokens, style, speed, adaptation))
        return _spoken(np.ravel(samples), np.ravel(durations))

    def release_memory(self) -> None:
        """Do nothing: the arena is part of the session."""


class OpenVino:
    """The float model in OpenVINO, compiled for one precision; the slowest part is in 8 bits with `quantised`."""

    def __init__(self, home: Path, threads: int, name: str, precision: str, *, quantised: bool = False) -> None:
        # Its telemetry would report every start to a third party, and fork a process that may never end.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # pinned threads of two processes would share one core
            "ENABLE_CPU_PINNING": False,
        }
        core, model = openvino.Core(), home / FLOAT_MODEL
        build = f"openvino {package_version('openvino')} {precision} f16 weights"
        if quantised:
            build += f" ranges {ranges_digest()}"
        with compile_cache(home, name, model, build) as folder:
            if folder is None:
                source: Any = _read(core, model, quantised=quantised)
            else:
                options["CACHE_DIR"] = str(folder)
                source = folder / "model.xml"
                if not source.exists():
                    openvino.save_model(_read(core, model, quantised=quantised), source, compress_to_fp16=False)
            self._model = core.compile_model(source, "CPU", options)
            self._folder = folder
            self._request = self._model.create_infer_request()

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self._request.infer(model_inputs(tokens, style, speed, adaptation))
        # copy: the next run overwrites the request's memory
        samples, durations = (np.ravel(self._request.get_output_tensor(index).data).copy() for index in (0, 1))
        return _spoken(samples, durations)

    def release_memory(self) -> None:
        self._model.release_memory()
        if self._folder is not None:
            drop_mapped(self._folder)


BACKENDS: Mapping[str, Opener] = {
    "onnxruntime-int8": partial(OnnxRuntime, model=INT8_MODEL),
    "onnxruntime-f32": partial(OnnxRuntime, model=FLOAT_MODEL),
    "openvino-f32": partial(OpenVino, name="openvino-f32", precision="f32"),
    "openvino-bf16": partial(OpenVino, name="openvino-bf16", precision="bf16"),
    "openvino-int8": partial(OpenVino, name="openvino-int8", precision="f32", quantised=True),
    "openvino-int8+bf16": partial(OpenVino, name="openvino-int8+bf16", precision="bf16", quantised=True),
}

REFERENCE = "onnxruntime-f32"
"""Backend with plain IEEE arithmetic, equal on every processor. The int8 kernels differ: without VNNI they saturate."""

FLOAT32 = frozenset({REFERENCE, "openvino-f32"})
"""Backends that compute everything in float32."""


def available() -> list[str]:
    """Return the backends that this processor and the installed packages support, the likely fastest first."""
    openvino = package_version("openvino") != ""
    bf16 = openvino and not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags())
    # without these instructions, the integer kernels are slow or saturate
    int8 = openvino and not {"avx512_vnni", "avx_vnni", "amx_int8"}.isdisjoint(flags())
    return [
        *(["openvino-int8+bf16"] if int8 and bf16 else ["openvino-int8"] if int8 else []),
        *(["openvino-bf16"] if bf16 else []),
        "onnxruntime-int8",
        *(["openvino-f32"] if openvino else []),
        "onnxruntime-f32",
    ]


def model_inputs(
    tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float, adaptation: Adaptation = UNADAPTED
) -> Mapping[str, NDArray[np.generic]]:
    """Return the model's inputs by name."""
    return {
        "tokens": tokens,
        "style": style,
        "speed": np.array([speed], np.float32),
        "modulation": adaptation.modulation,
        "pitch": adaptation.pitch,
    }


def _read(core: Any, model: Path, *, quantised: bool) -> Any:
    """Read the model with weights of 16 bits: they are 8-bit numbers with a scale, and OpenVINO keeps no float copies in memory."""
    from openvino._offline_transformations import compress_model_transformation

    read = core.read_model(model)
    compress_model_transformation(read)  # before the quantisation, because it skips quantised models
    if quantised:
        quantise(read)
    return read


def _spoken(samples: NDArray[np.float32], durations: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Remove the silence that `pad_to_multiple` adds."""
    total = float(durations.sum())
    return (samples[: round(total) * SAMPLES_A_FRAME] if np.isfinite(total) else samples), durations
