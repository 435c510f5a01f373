"""The service's side of the analysis: runs the decoder and the measurement in sandboxed processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echo_common.audio_files.formats import sniff
from echo_common.contracts.errors.voice import AnalysisFailedError, UnreadableError
from echo_common.sandbox import run_sandboxed
from echo_voice.domain.verdicts import LEAST_SPEECH
from echo_voice.settings import VoiceSettings

_MEASURE, _DECODE = "echo_voice.analysis.measure", "echo_voice.analysis.decode"
_TRANSCRIBE = "echo_voice.analysis.transcribe"
_STARTING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Analysis:
    """The measures of a sample and the path of its processed audio (FLAC)."""

    facts: Mapping[str, Any]
    processed: Path


async def analyse(source: Path, scratch: Path, settings: VoiceSettings) -> Analysis:
    """Decode and measure a sample. Raises `UnreadableError` with the reason, `AnalysisFailedError`."""
    decoded = scratch / "decoded.f32"
    processed = scratch / "processed.flac"
    facts = await decode(source, decoded, settings)
    recogniser = "yes" if settings.recogniser else "no"
    arguments = (decoded, processed, settings.models, recogniser, LEAST_SPEECH)
    measured = await run_sandboxed(_MEASURE, *arguments, seconds=settings.measure_seconds)
    if measured is None:
        raise AnalysisFailedError
    decoded.unlink()
    return Analysis({**facts, **measured}, processed)


async def transcribe(source: Path, scratch: Path, settings: VoiceSettings, *, longest_seconds: float) -> str:
    """Return the words of a recording; an empty text if it has no speech.

    Raises `UnsupportedMediaError`, `UnreadableError` with the reason, `AnalysisFailedError`.
    """
    decoded = scratch / "decoded.f32"
    await decode(source, decoded, settings.model_copy(update={"longest_seconds": longest_seconds}))
    heard = await run_sandboxed(_TRANSCRIBE, decoded, seconds=settings.measure_seconds)
    if heard is None:
        raise AnalysisFailedError
    return str(heard["transcript"]).strip()


async def decode(source: Path, target: Path, settings: VoiceSettings) -> Mapping[str, Any]:
    """Decode to mono float32 at 24 kHz in a sandboxed process. Raises `UnsupportedMediaError`, `UnreadableError`."""
    container = sniff(source)
    limits = (settings.longest_seconds, settings.decode_memory, settings.decode_seconds)
    wall = 2 * settings.decode_seconds + _STARTING_SECONDS
    result = await run_sandboxed(_DECODE, container.demuxer, source, target, *limits, seconds=wall)
    if result is None:
        raise UnreadableError("Reading the file takes too much time or memory.")
    if "refused" in result:
        raise UnreadableError(result["refused"])
    facts: Mapping[str, Any] = result["facts"]
    return facts
