"""Errors of synthesis."""

from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.errors import (
    ConflictError,
    EchoError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
)


class VoiceNotFoundError(NotFoundError):
    """Voice not found; list voices with GET /api/v1/voices."""

    code = "VOICE_NOT_FOUND"


class VoiceNotReadyError(ConflictError):
    """The clone is not ready; wait for its training, or train it again if that failed."""

    code = "VOICE_NOT_READY"


class EchoNotReadyError(ServiceUnavailableError):
    """The echo cannot speak yet, because its event has not arrived; try again after the time in Retry-After."""

    code = "ECHO_NOT_READY"


class EngineUnavailableError(ServiceUnavailableError):
    """The speech engine is not ready: a dependency is missing, it fails to start, or its queue is full.

    `retry_after` is None when waiting does not help: a rejected key, an account without credit.
    """

    code = "ENGINE_UNAVAILABLE"


class ProviderFailedError(EngineUnavailableError):
    """The provider of the speech engine does not respond as it should; try again later, or choose a voice of another engine."""

    may_quote_text = True


class EngineFailedError(EchoError):
    """The speech engine could not synthesise this text; try again, or choose another voice."""

    code = "ENGINE_FAILED"


class EngineCrashedError(EchoError):
    """The speech engine crashed while synthesising this text; it has been replaced, so try again."""

    code = "ENGINE_CRASHED"


class EngineTimeoutError(EchoError):
    """The speech engine took too long to synthesise this text and was stopped; it has been replaced, so try again."""

    code = "ENGINE_TIMEOUT"
    status = 504


class TextTooComplexError(EchoError):
    """Planning this text takes too much time or memory; shorten it or simplify its markup."""

    code = "TEXT_TOO_COMPLEX"
    status = 422


PLANNING = (TextTooComplexError, VoiceNotReadyError, EchoNotReadyError, EngineUnavailableError)
"""Errors of text planning without synthesis."""


class TooManyQueuedError(RateLimitedError):
    """Too many of your sentences are waiting for the speech engine; try again after the time in Retry-After."""

    code = "TOO_MANY_QUEUED"


SPEAKING = (
    QuotaExceededError,
    TooManyQueuedError,
    VoiceNotReadyError,
    EchoNotReadyError,
    TextTooComplexError,
    EngineFailedError,
    EngineCrashedError,
    EngineTimeoutError,
    EngineUnavailableError,
)
"""Errors of every synthesis."""


class JobNotFoundError(NotFoundError):
    """Job not found; list jobs with GET /api/v1/job."""

    code = "JOB_NOT_FOUND"


class JobStateConflictError(ConflictError):
    """The job's status does not allow this; get it with GET /api/v1/job/{job_id}."""

    code = "JOB_STATE_CONFLICT"


class SynthesisNotFoundError(NotFoundError):
    """Synthesis not found; list syntheses with GET /api/v1/tts/."""

    code = "SYNTHESIS_NOT_FOUND"


class AudioNotFoundError(NotFoundError):
    """Audio not found; list syntheses and their audio with GET /api/v1/tts/."""

    code = "AUDIO_NOT_FOUND"


class SegmentNotFoundError(NotFoundError):
    """Segment not found; list the segments of the audio with GET /api/v1/tts/{id}/segments."""

    code = "SEGMENT_NOT_FOUND"


class SegmentsNotKeptError(ConflictError):
    """The segments of this audio were not kept, so none can be replaced; synthesise its text again."""

    code = "SEGMENTS_NOT_KEPT"


class SegmentChangedError(ConflictError):
    """The segment has been replaced since it was read; read it again, and repeat the request for the present one."""

    code = "SEGMENT_CHANGED"


class RevisionNotFoundError(NotFoundError):
    """Revision not found; list the revisions of the audio with GET /api/v1/tts/{id}/revisions."""

    code = "REVISION_NOT_FOUND"


class TextNotFoundError(NotFoundError):
    """Text not found; list texts with GET /api/v1/texts."""

    code = "TEXT_NOT_FOUND"


class DictionaryEntryNotFoundError(NotFoundError):
    """Dictionary entry not found; list entries with GET /api/v1/tts/dictionary."""

    code = "DICTIONARY_ENTRY_NOT_FOUND"


class DictionaryEntryConflictError(ConflictError):
    """The dictionary already has an entry for this term in this scope."""

    code = "DICTIONARY_ENTRY_CONFLICT"


class DictionaryFullError(ConflictError):
    """The dictionary is full; delete entries that are no longer needed."""

    code = "DICTIONARY_FULL"
