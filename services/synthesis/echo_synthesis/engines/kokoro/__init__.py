"""Kokoro-82M v1.0 engine (Apache-2.0): neural speech in 41 built-in voices, word times from the model's durations."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from echo_synthesis.engine import BackendFigures, Engine, EngineConfig, EngineSpec, EngineVoice, Gender, Progress
from echo_synthesis.engines.kokoro.choice import read_choice
from echo_synthesis.engines.kokoro.digests import DIGESTS
from echo_synthesis.engines.kokoro.machine import machine

LANGUAGES = {"a": "en-US", "b": "en-GB", "e": "es-ES", "f": "fr-FR", "h": "hi-IN", "i": "it-IT", "p": "pt-BR"}
"""Language by the first letter of a voice's name. Japanese (j) and Mandarin (z) need better pronunciation than espeak's."""

ESPEAK_LANGUAGES = {
    "en-US": "en-us",
    "en-GB": "en",
    "es-ES": "es",
    "fr-FR": "fr",
    "hi-IN": "hi",
    "it-IT": "it",
    "pt-BR": "pt-br",
}
SAMPLE_RATE = 24_000
_GENDERS: dict[str, Gender] = {"f": "female", "m": "male"}
INT8_MODEL = "model-int8-4.onnx"
FLOAT_MODEL = "model-float32-4.onnx"
"""Files that are generated when models are fetched. Raise the number whenever the generation changes."""

_PACKAGES = ("espeakng_loader", "onnxruntime")


def folder(models: Path) -> Path:
    """Return the folder of this engine's files."""
    return models / "kokoro"


def _voices(config: EngineConfig) -> Sequence[EngineVoice]:
    return [
        EngineVoice(name, name[3:].title(), LANGUAGES[name[0]], _GENDERS[name[1]], ("neural",))
        for name in DIGESTS
        if name[0] in LANGUAGES
    ]


def _style_file(models: Path, voice: str) -> Path:
    return folder(models) / "voices" / f"{voice}.bin"


def _missing(config: EngineConfig) -> Sequence[str]:
    packages = [f"the package {package}" for package in _PACKAGES if not _installed(package)]
    files = (folder(config.models) / name for name in (INT8_MODEL, FLOAT_MODEL))
    if not all(file.exists() for file in files):
        return [*packages, "its model files"]
    choice = read_choice(folder(config.models))
    if choice is None:
        return [*packages, "figures of its backends"]
    return packages if choice.ranking else [*packages, "a backend that speaks correctly on this machine"]


def _backends(models: Path) -> Sequence[BackendFigures]:
    choice = read_choice(folder(models))
    if choice is None or choice.machine != machine():
        return []
    selected = next(iter(choice.ranking), None)
    return [
        BackendFigures(trial.backend, trial.backend == selected, trial.problem, trial.seconds, trial.figures)
        for trial in choice.trials
    ]


@lru_cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _load(config: EngineConfig) -> Engine:
    from echo_synthesis.engines.kokoro.speaker import load

    return load(config)


def _fetch(models: Path, hub: str, progress: Progress) -> None:
    from echo_synthesis.engines.kokoro.files import fetch

    fetch(folder(models), hub, progress)


def _damaged(models: Path) -> Sequence[str]:
    from echo_synthesis.engines.kokoro.files import damaged

    return damaged(folder(models))


SPEC = EngineSpec(
    name="kokoro",
    version="kokoro-82m-v1.0-5",
    description="Kokoro-82M: natural neural voices, on the CPU.",
    max_characters=300,
    sample_rate=SAMPLE_RATE,
    voices=_voices,
    missing=_missing,
    load=_load,
    fetch=_fetch,
    damaged=_damaged,
    backends=_backends,
    tags=("neural", "local"),
    clone_languages=tuple(ESPEAK_LANGUAGES),
    style_file=_style_file,
    phonemes=True,
)
