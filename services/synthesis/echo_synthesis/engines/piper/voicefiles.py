"""Piper voices in the folder of the models: pairs of `NAME.onnx` and `NAME.onnx.json`, read without loading a model."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from echo_synthesis.engine import EngineVoice

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LONGEST_ID = 64
_GRAPH = 7
"""Number of the field of an ONNX file that holds the graph."""

_VARINT, _EIGHT_BYTES, _SIZED, _FOUR_BYTES = 0, 1, 2, 5
"""Types of fields in the protobuf encoding."""


class UnusableVoiceError(Exception):
    """A voice file that cannot be used; the message is the reason."""


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """A voice, its model, and the number of its speaker in a model of several speakers."""

    voice: EngineVoice
    model: Path
    speaker: int = 0


@dataclass(frozen=True, slots=True)
class VoiceFiles:
    """The voices of a folder, and for each file that is skipped its name and the reason."""

    voices: Sequence[VoiceFile]
    unusable: Sequence[tuple[str, str]]


def find_voices(home: Path) -> VoiceFiles:
    """Read the descriptions of all voices in a folder, in the order of their names."""
    voices: list[VoiceFile] = []
    unusable: list[tuple[str, str]] = []
    for model in sorted(home.glob("*.onnx")):
        try:
            voices += _voices_of(model)
        except UnusableVoiceError as error:
            unusable.append((model.name, str(error)))
    return VoiceFiles(voices, unusable)


def read_config(model: Path) -> dict[str, Any]:
    """Read the description of a model. Raises `UnusableVoiceError`."""
    file = model.with_name(f"{model.name}.json")
    try:
        config = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise UnusableVoiceError(f"{file.name} is missing") from None
    except (OSError, ValueError):
        raise UnusableVoiceError(f"{file.name} is not readable as JSON") from None
    if not isinstance(config, dict):
        raise UnusableVoiceError(f"{file.name} is not an object")
    return config


def _voices_of(model: Path) -> list[VoiceFile]:
    config = read_config(model)
    try:
        phoneme_type, speakers = config.get("phoneme_type", "espeak"), config.get("speaker_id_map") or {}
        language = _language((config.get("language") or {}).get("code") or config["espeak"]["voice"])
        complete = int(config["audio"]["sample_rate"]) > 0 and config["espeak"]["voice"] and config["phoneme_id_map"]["_"]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UnusableVoiceError(f"{model.name}.json is not the description of a Piper voice") from None
    if not complete:
        raise UnusableVoiceError(f"{model.name}.json is not the description of a Piper voice")
    if phoneme_type != "espeak" or config.get("vowel_clusters"):
        raise UnusableVoiceError("it needs other phonemes than those of espeak")
    if not _is_complete(model):
        raise UnusableVoiceError("it is no complete ONNX file")
    name = str(config.get("dataset") or model.stem.split("-")[1 if "-" in model.stem else 0])
    named = sorted(speakers.items(), key=lambda pair: pair[1]) if len(speakers) > 1 else [("", 0)]
    return [_voice(model, name, language, speaker, number) for speaker, number in named]


def _voice(model: Path, name: str, language: str, speaker: str, number: int) -> VoiceFile:
    voice_id = re.sub(r"[^A-Za-z0-9_-]", "_", f"piper_{model.stem}" + (f"-{speaker}" if speaker else ""))
    if len(voice_id) > _LONGEST_ID:
        raise UnusableVoiceError(f"the voice id {voice_id} is longer than {_LONGEST_ID} characters")
    full_name = " ".join(f"{name} {speaker}".replace("_", " ").split()).title()
    return VoiceFile(EngineVoice(voice_id, full_name, language, "neutral", ("neural", "quick")), model, number)


def _language(code: str) -> str:
    """Return the BCP-47 tag of a language code such as `de_DE` or `en-us`. Raises `ValueError`."""
    tag = code.replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError(code)
    primary, *parts = tag.split("-")
    return "-".join([primary.lower(), *(part.upper() if len(part) == 2 else part for part in parts)])


def _is_complete(model: Path) -> bool:
    """Return whether the fields of an ONNX file end where the file ends, and one is a graph; reads only their sizes."""
    try:
        with model.open("rb") as file:
            return _GRAPH in list(_fields(file, model.stat().st_size))
    except (OSError, ValueError):
        return False


def _fields(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the number of each field of a protobuf message. Raises `ValueError` for a field beyond the end."""
    while file.tell() < size:
        number, kind = divmod(_varint(file), 8)
        if kind == _VARINT:
            _varint(file)
        elif kind == _SIZED:
            length = _varint(file)
            file.seek(length, 1)
        elif kind in {_EIGHT_BYTES, _FOUR_BYTES}:
            file.seek(8 if kind == _EIGHT_BYTES else 4, 1)
        else:
            raise ValueError(kind)
        if file.tell() > size:
            raise ValueError(size)
        yield number


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while shift < 64:
        byte = file.read(1)
        if not byte:
            break
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
    raise ValueError("not a number of a protobuf message")
