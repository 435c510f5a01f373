"""What synthesis refuses, or fails at."""

from echo_common.errors import (
    ConflictError,
    EchoError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
    UnauthenticatedError,
)


class VoiceNotFoundError(NotFoundError):
    """There is no such voice."""

    code = "VOICE_NOT_FOUND"


class EngineUnavailableError(ServiceUnavailableError):
    """The speech engine is not ready: something is missing, it does not start, or too much is waiting already.

    `retry_after` is None when waiting does not help: a key that is refused, an account without credit.
    """

    code = "ENGINE_UNAVAILABLE"


class EngineFailedError(EchoError):
    """The speech engine could not speak this text; try again, or choose another voice."""

    code = "ENGINE_FAILED"


class EngineCrashedError(EchoError):
    """The speech engine died while speaking this text; another one has taken its place."""

    code = "ENGINE_CRASHED"


class EngineTimeoutError(EchoError):
    """The speech engine took too long over this text and was ended; another one has taken its place."""

    code = "ENGINE_TIMEOUT"
    status = 504


class TextTooComplexError(EchoError):
    """Planning this text takes too much time or memory; shorten it or simplify its markup."""

    code = "TEXT_TOO_COMPLEX"
    status = 422


PLANNING = (TextTooComplexError, EngineUnavailableError)
"""What may go wrong when a text is only prepared for speech."""


class TooManyQueuedError(RateLimitedError):
    """Too many of your sentences are waiting for the speech engine; wait as long as Retry-After says."""

    code = "TOO_MANY_QUEUED"


SPEAKING = (
    TooManyQueuedError,
    TextTooComplexError,
    EngineFailedError,
    EngineCrashedError,
    EngineTimeoutError,
    EngineUnavailableError,
)
"""What may go wrong whenever text becomes speech."""


class JobNotFoundError(NotFoundError):
    """There is no such job."""

    code = "JOB_NOT_FOUND"


class JobStateConflictError(ConflictError):
    """The job's status does not allow that."""

    code = "JOB_STATE_CONFLICT"


class SynthesisNotFoundError(NotFoundError):
    """There is no such synthesis."""

    code = "SYNTHESIS_NOT_FOUND"


class AudioNotFoundError(NotFoundError):
    """There is no such audio."""

    code = "AUDIO_NOT_FOUND"


class TextNotFoundError(NotFoundError):
    """There is no such text."""

    code = "TEXT_NOT_FOUND"


class DictionaryEntryNotFoundError(NotFoundError):
    """There is no such dictionary entry."""

    code = "DICTIONARY_ENTRY_NOT_FOUND"


class DictionaryEntryConflictError(ConflictError):
    """The dictionary has an entry for that term in that scope already."""

    code = "DICTIONARY_ENTRY_CONFLICT"


class DictionaryFullError(ConflictError):
    """The dictionary is full; delete entries that are not needed any more."""

    code = "DICTIONARY_FULL"


class TicketInvalidError(UnauthenticatedError):
    """The ticket is unknown, spent or too old; ask for another."""

    code = "TICKET_INVALID"


class LinkInvalidError(ForbiddenError):
    """The link is not valid, or not any more; ask for another."""

    code = "LINK_INVALID"
