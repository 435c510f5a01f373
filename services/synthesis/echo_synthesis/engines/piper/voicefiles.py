"""Piper voices in the folder of the models: pairs of `NAME.onnx` and `NAME.onnx.json`, read without loading a model."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from echo_synthesis.engine import EngineVoice

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LONGEST_ID, _LONGEST_NAME, _LONGEST_LANGUAGE = 64, 100, 35
_SAMPLE_RATES = range(8_000, 192_001)
_LENGTH_SCALE_MIN, _LENGTH_SCALE_MAX = 0.1, 10.0
_MOST_SPEAKERS = 1_000
_MOST_FIELDS = 10_000
_LARGEST_CONFIG_BYTES = 1024**2
_LARGEST_MODEL_BYTES = 512 * 1024**2
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


def find_voices(home: Path, reserved_ids: Collection[str] = ()) -> VoiceFiles:
    """Read the descriptions of all voices in a folder, in the order of their names; the first voice of an id is used."""
    voices: dict[str, VoiceFile] = {}
    unusable: list[tuple[str, str]] = []
    for model in sorted(home.glob("*.onnx")):
        try:
            found = _voices_of(model)
        except UnusableVoiceError as error:
            unusable.append((_printable(model.name), str(error)))
            continue
        ids = [
            file.voice.id
            for file in found
            if file.voice.id in reserved_ids or voices.setdefault(file.voice.id, file) is not file
        ]
        if ids:
            unusable.append((_printable(model.name), f"another voice has the id {ids[0]}"))
    return VoiceFiles(list(voices.values()), unusable)


def read_config(model: Path) -> dict[str, Any]:
    """Read the description of a model. Raises `UnusableVoiceError`."""
    file = model.with_name(f"{model.name}.json")
    name = _printable(file.name)
    try:
        if not file.exists():
            raise UnusableVoiceError(f"{name} is missing")
        if not file.is_file() or file.stat().st_size > _LARGEST_CONFIG_BYTES:
            raise UnusableVoiceError(f"{name} is not a file of at most {_LARGEST_CONFIG_BYTES} bytes")
        config = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise UnusableVoiceError(f"{name} is not readable as JSON") from None
    if not isinstance(config, dict):
        raise UnusableVoiceError(f"{name} is not an object")
    return config


def _voices_of(model: Path) -> list[VoiceFile]:
    try:
        return _describe(model, read_config(model))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise UnusableVoiceError(f"{_printable(model.name)}.json is not the description of a Piper voice") from None


def _describe(model: Path, config: Mapping[str, Any]) -> list[VoiceFile]:
    """Return the voices of a model. Raises `UnusableVoiceError`; errors of all kinds for values of the wrong type."""
    espeak_voice, rate = config["espeak"]["voice"], config["audio"]["sample_rate"]
    language = _language((config.get("language") or {}).get("code") or espeak_voice)
    if not isinstance(espeak_voice, str) or not config["phoneme_id_map"]["_"]:
        raise ValueError(espeak_voice)
    if type(rate) is not int or rate not in _SAMPLE_RATES:
        raise UnusableVoiceError(f"its sample rate is not from {_SAMPLE_RATES[0]} to {_SAMPLE_RATES[-1]} Hz")
    if not _LENGTH_SCALE_MIN <= (config.get("inference") or {}).get("length_scale", 1.0) <= _LENGTH_SCALE_MAX:
        raise UnusableVoiceError(f"its length scale is not from {_LENGTH_SCALE_MIN} to {_LENGTH_SCALE_MAX}")
    if config.get("phoneme_type", "espeak") != "espeak" or config.get("vowel_clusters"):
        raise UnusableVoiceError("it needs other phonemes than those of espeak")
    name = str(config.get("dataset") or model.stem.split("-")[1 if "-" in model.stem else 0])
    speakers = sorted((config.get("speaker_id_map") or {}).items(), key=lambda pair: pair[1])
    if len(speakers) > _MOST_SPEAKERS:
        raise UnusableVoiceError(f"it has more than {_MOST_SPEAKERS} speakers")
    voices = [_voice(model, name, language, *pair) for pair in (speakers if len(speakers) > 1 else [("", 0)])]
    if not _is_complete(model):
        raise UnusableVoiceError("it is no complete ONNX file")
    return voices


def _voice(model: Path, name: str, language: str, speaker: str, number: int) -> VoiceFile:
    voice_id = re.sub(r"[^A-Za-z0-9_-]", "_", f"piper_{model.stem}" + (f"-{speaker}" if speaker else ""))
    if len(voice_id) > _LONGEST_ID:
        raise UnusableVoiceError(f"the voice id {voice_id[:100]} is longer than {_LONGEST_ID} characters")
    full_name = " ".join(f"{name} {speaker}".replace("_", " ").split()).title()
    if len(full_name) > _LONGEST_NAME or _printable(full_name) != full_name:
        raise UnusableVoiceError(f"its name is not valid Unicode of at most {_LONGEST_NAME} characters")
    if type(number) is not int or number not in range(_MOST_SPEAKERS):
        raise ValueError(number)
    return VoiceFile(EngineVoice(voice_id, full_name, language, "neutral", ("neural", "quick")), model, number)


def _printable(text: str) -> str:
    """Replace characters that UTF-8 cannot encode, such as those of file names in another encoding."""
    return text.encode(errors="replace").decode()


def _language(code: str) -> str:
    """Return the BCP-47 tag of a language code such as `de_DE` or `en-us`. Raises `ValueError`."""
    tag = code.replace("_", "-")
    if len(tag) > _LONGEST_LANGUAGE or not _LANGUAGE.fullmatch(tag):
        raise ValueError(code)
    primary, *parts = tag.split("-")
    return "-".join([primary.lower(), *(part.upper() if len(part) == 2 else part for part in parts)])


def _is_complete(model: Path) -> bool:
    """Return whether the fields of an ONNX file end where the file ends, and one is a graph; reads only their sizes."""
    try:
        size = model.stat().st_size
        if not model.is_file() or size > _LARGEST_MODEL_BYTES:
            return False
        with model.open("rb") as file:
            fields = list(islice(_fields(file, size), _MOST_FIELDS + 1))
        return _GRAPH in fields and len(fields) <= _MOST_FIELDS
    except (OSError, ValueError):
        return False


def _fields(file: BinaryIO, size: int) -> Iterator[int]:
    """Yield the number of each field of a protobuf message. Raises `ValueError` for a field beyond the end."""
    while file.tell() < size:
        number, kind = divmod(_varint(file), 8)
        if kind == _VARINT:
            _varint(file)
        elif kind == _SIZED:
            file.seek(min(_varint(file), size + 1), 1)
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
