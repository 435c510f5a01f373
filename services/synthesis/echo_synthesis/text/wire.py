"""Protocol of the planning process in JSON lines: a request is a text with its options, a response a script or an error."""

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from echo_common.errors import ValidationError
from echo_synthesis.engine import Span
from echo_synthesis.text.normalization import NormalizationOptions
from echo_synthesis.text.script import Part, Pause, Segment, WrittenWord
from echo_synthesis.text.source_map import Heading, Limits, Tone


@dataclass(frozen=True, slots=True)
class _Entry:
    """A pronunciation of the user's lexicon."""

    term: str
    respelling: str | None
    ipa: str | None
    case_sensitive: bool


def request_of(text: str, options: NormalizationOptions, max_characters: int) -> Mapping[str, Any]:
    """Return the request for a script; see `normalization.compose`."""
    return {
        "text": text,
        "language": options.language,
        "normalize": options.normalize,
        "ssml": options.ssml,
        "pronunciations": [(each.term, each.respelling, each.ipa, each.case_sensitive) for each in options.pronunciations],
        "phonemes": options.phonemes,
        "may_be_silent": options.may_be_silent,
        "limits": (options.limits.pause, options.limits.pauses),
        "max_characters": max_characters,
    }


def read_request(line: bytes) -> tuple[str, NormalizationOptions, int]:
    """Decode a request; the inverse of `request_of`."""
    asked = json.loads(line)
    options = NormalizationOptions(
        asked["language"],
        normalize=asked["normalize"],
        ssml=asked["ssml"],
        pronunciations=tuple(_Entry(*each) for each in asked["pronunciations"]),
        phonemes=asked["phonemes"],
        limits=Limits(*asked["limits"]),
        may_be_silent=asked["may_be_silent"],
    )
    return asked["text"], options, asked["max_characters"]


def line_of(part: Part) -> bytes:
    """Encode a part of a script as a line."""
    return _line({"pause": part.seconds} if isinstance(part, Pause) else {"unit": _packed(part)})


def refusal(error: ValidationError) -> bytes:
    """Encode the refusal of a text as a line."""
    return _line({"refused": error.message, "details": error.details})


def failure(error: Exception) -> bytes:
    """Encode an internal error as a line."""
    return _line({"failed": f"{type(error).__name__}: {error}"})


def read_line(line: bytes) -> Part | ValidationError | RuntimeError:
    """Decode a line: a part of a script, a refusal, or an internal error."""
    found = json.loads(line)
    if "unit" in found:
        return _unpacked(found["unit"])
    if "refused" in found:
        return ValidationError(found["refused"], details=found["details"])
    if "failed" in found:
        return RuntimeError(f"A text could not be planned: {found['failed']}")
    return Pause(found["pause"])


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _packed(unit: Segment) -> list[Any]:
    return [
        unit.text,
        [(span.start, span.end) for span in unit.spoken],
        [
            (word.text, word.written.start, word.written.end, word.first, word.stop, word.before, word.after, word.ends)
            for word in unit.words
        ],
        unit.pronunciations,
        astuple(unit.tone),
        astuple(unit.heading) if unit.heading else None,
        unit.title,
        *([unit.joint] if unit.joint else []),
    ]


def _unpacked(packed: list[Any]) -> Segment:
    text, spoken, words, pronunciations, tone, heading, title, *joint = packed
    return Segment(
        text,
        tuple(Span(*span) for span in spoken),
        tuple(WrittenWord(written, Span(start, end), *more) for written, start, end, *more in words),
        tuple(pronunciations),
        Tone(*tone),
        Heading(*heading) if heading else None,
        title,
        *joint,
    )
