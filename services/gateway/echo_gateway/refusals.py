"""What the services refuse, named here so that OpenAPI lists it: the services alone raise these."""

from echo_common.errors import (
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


class RangeNotSatisfiableError(EchoError):
    """The range lies outside the file."""

    code = "RANGE_NOT_SATISFIABLE"
    status = 416


SPEAKING = (EngineFailedError, EngineCrashedError, EngineTimeoutError, EngineUnavailableError)
"""What may go wrong whenever text becomes speech."""
