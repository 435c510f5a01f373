"""Planning of single sentences of a text that is still being written."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from echo_common.errors import ValidationError
from echo_synthesis.domain import SpeechSettings
from echo_synthesis.engine import EngineSpec
from echo_synthesis.pipeline.narration import Narration, check_tone
from echo_synthesis.pipeline.packed_script import PackedScript, SpacedSegment, spaced_segments
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.pipeline.segment_table import move
from echo_synthesis.text.growing_text import Sentence
from echo_synthesis.text.normalization import NormalizationOptions
from echo_synthesis.text.script import Part, Pause, Segment
from echo_synthesis.text.source_map import Limits

_WORD_JOINER: Final = "\u2060"
"""A character without width or sound: a sentence within a line then has no markup of the beginning of a line."""


async def plan_sentence(
    sentence: Sentence,
    settings: SpeechSettings,
    engine: EngineSpec,
    scripts: ScriptWriter,
    user_id: str,
    *,
    stream: str,
    silence_left: float,
) -> Narration:
    """Create the script of a sentence; the offsets of its words are those in the whole text. It may be empty.

    `silence_left` is the maximum of its pauses in seconds. Raises `ValidationError`, `TextTooComplexError`.
    """
    lead = _WORD_JOINER if sentence.within_line else ""
    options = NormalizationOptions(
        settings.language,
        normalize=settings.normalize,
        ssml=False,
        pronunciations=settings.pronunciations,
        phonemes=engine.phonemes,
        limits=Limits(settings.longest_pause, silence_left),
        may_be_silent=True,
    )
    try:
        parts = await scripts.write(lead + sentence.text, options, engine.max_characters)
    except ValidationError as error:
        raise _moved(error, sentence.start - len(lead)) from error
    segments = [move(spaced, sentence.start - len(lead)) for spaced in _spaced(parts)]
    for spaced in segments:
        check_tone(spaced.segment, settings)
    return Narration(
        sentence.text, PackedScript.pack(segments, engine), settings, engine, user_id, stream=stream, sentence=sentence
    )


async def replan_sentence(
    narration: Narration, settings: SpeechSettings, engine: EngineSpec, scripts: ScriptWriter
) -> Narration:
    """Create the script of a planned sentence anew, for another voice. Raises the errors of `plan_sentence`."""
    assert narration.sentence is not None  # noqa: S101 - narrations of a growing text have one
    settings = settings.model_copy(update={"pronunciations": narration.settings.pronunciations})
    return await plan_sentence(
        narration.sentence,
        settings,
        engine,
        scripts,
        narration.user_id,
        stream=narration.stream or "",
        silence_left=silence_of(narration),
    )


def silence_of(narration: Narration) -> float:
    """Return the seconds of all pauses of a narration."""
    return sum(spaced.before + spaced.after for spaced in narration.script)


def _spaced(parts: Sequence[Part]) -> list[SpacedSegment]:
    """Return the segments with the silence around them; pauses alone are a segment without words."""
    segments = list(spaced_segments(parts))
    silence = sum(part.seconds for part in parts if isinstance(part, Pause))
    return segments or ([SpacedSegment(Segment("", (), ()), before=silence)] if silence else [])


def _moved(error: ValidationError, characters: int) -> ValidationError:
    """Return the error with the position in the whole text, if it has one."""
    if not isinstance(error.details, Sequence):
        return error
    details: list[Mapping[str, Any]] = [
        {"field": each["field"], "message": each["message"], "position": each["position"] + characters}
        if "position" in each
        else each
        for each in error.details
    ]
    message = details[0]["message"] if details and "position" in details[0] else error.message
    return ValidationError(message, details=details)
