"""Which runtime speaks quickest on this machine: measured once when models are fetched, remembered beside them."""

# ruff: noqa: RUF001
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echo_synthesis.engines.kokoro import CHOICE, FLOAT_MODEL, INT8_MODEL
from echo_synthesis.engines.kokoro.alphabet import TOKENS

_SAMPLES_A_FRAME = 600
# about as long as a sentence
_SAMPLE = "həlˈoʊ wˈɜːld, ɪt ɪz ɐ tˈɛst. " * 3
_SAMPLE_VOICE = "af_heart"


class Runtime(Protocol):
    """An opened model."""

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Samples, and the duration of each token in frames of 600 samples. `tokens` is (1, n), `style` (1, 256)."""


class _OnnxRuntime:
    def __init__(self, home: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # a plan of memory is kept for every shape of input: no two sentences have the same, and the memory grows
        options.enable_mem_pattern = False
        # a spinning thread would take the core that another worker needs
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(home / INT8_MODEL), options, providers=["CPUExecutionProvider"])

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        inputs = {"tokens": tokens, "style": style, "speed": np.array([speed], np.float32)}
        samples, durations = self._session.run(None, inputs)
        return np.ravel(samples), np.ravel(durations)


class _OpenVino:
    def __init__(self, home: Path, threads: int, precision: str) -> None:
        # Its telemetry would tell a stranger of every start, and fork a process for it that may never end.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino

        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # pinned threads of two processes would share one core
            "ENABLE_CPU_PINNING": False,
        }
        if os.access(home, os.W_OK):
            options["CACHE_DIR"] = str(home / "compiled")
        self._request = openvino.Core().compile_model(home / FLOAT_MODEL, "CPU", options).create_infer_request()

    def run(
        self, tokens: NDArray[np.int64], style: NDArray[np.float32], speed: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self._request.infer({"tokens": tokens, "style": style, "speed": np.array([speed], np.float32)})
        # copied: the request's own memory is written again by the next run
        samples, durations = (np.ravel(self._request.get_output_tensor(index).data).copy() for index in (0, 1))
        return samples[: round(float(durations.sum())) * _SAMPLES_A_FRAME], durations


_BACKENDS: Mapping[str, Callable[[Path, int], Runtime]] = {
    "onnxruntime-int8": _OnnxRuntime,
    "openvino-bf16": lambda home, threads: _OpenVino(home, threads, "bf16"),
    "openvino-f32": lambda home, threads: _OpenVino(home, threads, "f32"),
}


def open_runtime(home: Path, threads: int) -> Runtime:
    """The model in the backend that was chosen, or where that was another machine, in the one that is likely best."""
    choice = json.loads((home / CHOICE).read_text())
    name = choice["backend"] if choice["machine"] == machine() else _likely()
    runtime = _BACKENDS[name](home, threads)
    _speak_sample(runtime, home)
    return runtime


def choose(home: Path, threads: int) -> Mapping[str, Any]:
    """Measure the backends that work here, remember the quickest; what was remembered, if it was on this machine."""
    path = home / CHOICE
    if path.exists() and (choice := json.loads(path.read_text()))["machine"] == machine():
        return dict(choice)
    seconds: dict[str, float] = {}
    # twice round, and the least of each: another process may have had the processor
    for name in 2 * _candidates():
        runtime = _BACKENDS[name](home, threads)
        took = min(_speak_sample(runtime, home) for _ in range(4))
        seconds[name] = min(took, seconds.get(name, took))
    choice = {"backend": min(seconds, key=lambda name: seconds[name]), "machine": machine(), "seconds": seconds}
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(choice, indent=2) + "\n")
    temporary.replace(path)
    return choice


def machine() -> str:
    """A digest of what decides which backend is quickest: the processor and the libraries."""
    facts = [platform.machine(), _cpu("model name"), _cpu("flags"), *(_version(name) for name in ("onnxruntime", "openvino"))]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _candidates() -> list[str]:
    openvino = _version("openvino") != ""
    bf16 = openvino and _has_bf16()
    return ["onnxruntime-int8", *(["openvino-f32"] if openvino else []), *(["openvino-bf16"] if bf16 else [])]


def _likely() -> str:
    return "openvino-bf16" if "openvino-bf16" in _candidates() else "onnxruntime-int8"


def _has_bf16() -> bool:
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(_cpu("flags").split())


def _speak_sample(runtime: Runtime, home: Path) -> float:
    tokens = np.array([[0, *(TOKENS[symbol] for symbol in _SAMPLE), 0]], np.int64)
    styles = np.fromfile(home / "voices" / f"{_SAMPLE_VOICE}.bin", np.float32).reshape(-1, 256)
    started = time.perf_counter()
    runtime.run(tokens, styles[len(_SAMPLE) - 1 : len(_SAMPLE)], 1.0)
    return time.perf_counter() - started


def _cpu(fact: str) -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(fact)), "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
