"""Use case of spoken messages: transcribe a recording."""

from pathlib import Path

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.chat import NoSpeechError, RecogniserMissingError
from echo_common.contracts.errors.voice import UnreadableError
from echo_common.contracts.values import Metric
from echo_common.errors import UnsupportedMediaError
from echo_common.shielded import shielded
from echo_voice.analysis.recogniser import find_packaged_recogniser
from echo_voice.analysis.run import transcribe
from echo_voice.dependencies import Dependencies

MAXIMUM_BYTES = 25 * 1024**2
"""Maximum size of a recording."""

MAXIMUM_SECONDS = 300.0
"""Maximum duration of a recording."""


async def transcribe_recording(path: Path, principal: Principal, deps: Dependencies) -> str:
    """Return the words of a recording, which is not stored. One that is refused counts as a message, because it was processed.

    Raises:
        RecogniserMissingError: There is no recogniser.
        QuotaExceededError: The user has sent all messages of the day.
        TooManyOpenError: Another recording of the user is being processed.
        ServiceUnavailableError: Too many recordings wait.
        UnsupportedMediaError: The file is no recording.
        UnreadableError: The recording is damaged or too long.
        NoSpeechError: No word was understood.
        AnalysisFailedError: The recogniser failed.
    """
    require_recogniser(deps)
    async with deps.recording_slots.held(principal.user_id):
        counted = await deps.quotas.reserve(principal, {Metric.MESSAGES: 1})
        try:
            text = await _transcribe(path, deps)
        except (UnsupportedMediaError, UnreadableError, NoSpeechError):
            raise
        except BaseException:
            await shielded(deps.quotas.release(counted))
            raise
        await shielded(deps.quotas.release(counted))  # its message counts
    return text


async def _transcribe(path: Path, deps: Dependencies) -> str:
    with deps.scratch.folder("recording") as scratch:
        text = await transcribe(path, scratch, deps.settings, longest_seconds=MAXIMUM_SECONDS)
    if not any(map(str.isalnum, text)):
        raise NoSpeechError
    return text


def require_recogniser(deps: Dependencies) -> None:
    """Raise `RecogniserMissingError` unless recordings can be transcribed."""
    if not deps.settings.recogniser or find_packaged_recogniser() is None:
        raise RecogniserMissingError
