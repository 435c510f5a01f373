"""What the services refuse, named here so that OpenAPI lists it: the services alone raise these."""

from echo_common.errors import (
    BodyTooLargeError,
    ConflictError,
    EchoError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
)
from echo_common.errors import UnauthenticatedError as Unauthenticated


class EmailConflictError(ConflictError):
    """There is an account with this email address already."""

    code = "EMAIL_CONFLICT"


class UsernameConflictError(ConflictError):
    """This username is taken."""

    code = "USERNAME_CONFLICT"


class InvalidCredentialsError(Unauthenticated):
    """Email, username or password is not right."""

    code = "INVALID_CREDENTIALS"


class InvalidRefreshTokenError(Unauthenticated):
    """The refresh token is not valid; log in again."""

    code = "INVALID_REFRESH_TOKEN"


class AccountInactiveError(ForbiddenError):
    """This account is switched off; ask the operator."""

    code = "ACCOUNT_INACTIVE"


class TooManyAttemptsError(RateLimitedError):
    """Too many failed attempts to log in; wait as long as Retry-After says."""

    code = "TOO_MANY_ATTEMPTS"


class VoiceNotFoundError(NotFoundError):
    """There is no such voice."""

    code = "VOICE_NOT_FOUND"


class EngineUnavailableError(ServiceUnavailableError):
    """The speech engine is not ready: something is missing, it does not start, or too much is waiting already."""

    code = "ENGINE_UNAVAILABLE"


class EngineFailedError(EchoError):
    """The speech engine could not speak this text."""

    code = "ENGINE_FAILED"


class EngineCrashedError(EchoError):
    """The speech engine died while speaking this text; another one has taken its place."""

    code = "ENGINE_CRASHED"


class EngineTimeoutError(EchoError):
    """The speech engine took too long over this text and was ended; another one has taken its place."""

    code = "ENGINE_TIMEOUT"
    status = 504


class JobNotFoundError(NotFoundError):
    """There is no such job."""

    code = "JOB_NOT_FOUND"


class JobStateConflictError(ConflictError):
    """The job's status does not allow that."""

    code = "JOB_STATE_CONFLICT"


class AudioNotFoundError(NotFoundError):
    """There is no such audio."""

    code = "AUDIO_NOT_FOUND"


class StaleError(ConflictError):
    """This was changed by somebody else in the meantime; read it again and retry."""

    code = "VERSION_CONFLICT"


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


class SynthesisNotFoundError(NotFoundError):
    """There is no such synthesis."""

    code = "SYNTHESIS_NOT_FOUND"


class TicketInvalidError(Unauthenticated):
    """The ticket is unknown, spent or too old; ask for another."""

    code = "TICKET_INVALID"


class LinkInvalidError(ForbiddenError):
    """The link is not valid, or not any more; ask for another."""

    code = "LINK_INVALID"


class RangeNotSatisfiableError(EchoError):
    """The range lies outside the file."""

    code = "RANGE_NOT_SATISFIABLE"
    status = 416


class FileTooLargeError(BodyTooLargeError):
    """The file is too large."""

    code = "FILE_TOO_LARGE"


class UnsupportedMediaError(EchoError):
    """This is no recording that Echo reads: WAV, MP3, FLAC, OGG, M4A, WebM, or a video with sound."""

    code = "UNSUPPORTED_MEDIA"
    status = 415


class UnreadableError(EchoError):
    """The recording cannot be read."""

    code = "SAMPLE_UNREADABLE"
    status = 422


class QuotaExceededError(RateLimitedError):
    """That is all for today; go on tomorrow."""

    code = "QUOTA_EXCEEDED"


class SampleNotFoundError(NotFoundError):
    """There is no such sample."""

    code = "SAMPLE_NOT_FOUND"


class SampleStateConflictError(ConflictError):
    """The sample's status does not allow that."""

    code = "SAMPLE_STATE_CONFLICT"


class ConsentNotFoundError(NotFoundError):
    """There is no such consent."""

    code = "CONSENT_NOT_FOUND"


class ConsentRequiredError(ForbiddenError):
    """Cloning needs the speaker's consent, given as this platform asks for it."""

    code = "CONSENT_REQUIRED"


class CloneNotFoundError(NotFoundError):
    """There is no such clone."""

    code = "CLONE_NOT_FOUND"


class CloneStateConflictError(ConflictError):
    """The clone's status does not allow that."""

    code = "CLONE_STATE_CONFLICT"


class UnknownProviderError(EchoError):
    """There is no such provider of clones here."""

    code = "PROVIDER_UNKNOWN"
    status = 422


class ProviderUnavailableError(ServiceUnavailableError):
    """Who makes clones is not ready: something is missing, or it cannot be reached."""

    code = "PROVIDER_UNAVAILABLE"


SPEAKING = (EngineFailedError, EngineCrashedError, EngineTimeoutError, EngineUnavailableError)
"""What may go wrong whenever text becomes speech."""
