"""What voice refuses, or fails at."""

from echo_common.errors import (
    ConflictError,
    EchoError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
)


class UnsupportedMediaError(EchoError):
    """This is no recording that Echo reads: WAV, MP3, FLAC, OGG, M4A, WebM, or a video with sound."""

    code = "UNSUPPORTED_MEDIA"
    status = 415


class UnreadableError(EchoError):
    """The recording cannot be read."""

    code = "SAMPLE_UNREADABLE"
    status = 422


class AnalysisFailedError(EchoError):
    """Measuring the recording failed on our side; it may be tried again."""

    code = "ANALYSIS_FAILED"


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


class EchoNotFoundError(NotFoundError):
    """There is no such echo."""

    code = "ECHO_NOT_FOUND"


class UnknownProviderError(EchoError):
    """There is no such provider of clones here."""

    code = "PROVIDER_UNKNOWN"
    status = 422


class ProviderUnavailableError(ServiceUnavailableError):
    """Who makes clones is not ready: something is missing, or it cannot be reached."""

    code = "PROVIDER_UNAVAILABLE"
