"""Use case of spoken messages: transcribe a recording."""

from pathlib import Path

from echo_common.contracts.errors.chat import NoSpeechError, RecogniserMissingError
from echo_voice.analysis.recogniser import find_packaged_recogniser
from echo_voice.analysis.run import transcribe
from echo_voice.dependencies import Dependencies

MAXIMUM_BYTES = 25 * 1024**2
"""Maximum size of a recording."""

MAXIMUM_SECONDS = 300.0
"""Maximum duration of a recording."""


async def transcribe_recording(path: Path, deps: Dependencies) -> str:
    """Return the words of a recording, which is not stored.

    Raises:
        RecogniserMissingError: There is no recogniser.
        UnsupportedMediaError: The file is no recording.
        UnreadableError: The recording is damaged or too long.
        NoSpeechError: No word was understood.
        AnalysisFailedError: The recogniser failed.
    """
    require_recogniser(deps)
    async with deps.transcriptions:
        with deps.scratch.folder("recording") as scratch:
            text = await transcribe(path, scratch, deps.settings, longest_seconds=MAXIMUM_SECONDS)
    if not any(map(str.isalnum, text)):
        raise NoSpeechError
    return text


def require_recogniser(deps: Dependencies) -> None:
    """Raise `RecogniserMissingError` unless recordings can be transcribed."""
    if not deps.settings.recogniser or find_packaged_recogniser() is None:
        raise RecogniserMissingError
