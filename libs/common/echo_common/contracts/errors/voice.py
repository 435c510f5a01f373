"""Errors of voice."""

from echo_common.errors import (
    ConflictError,
    EchoError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServiceUnavailableError,
)


class UnsupportedMediaError(EchoError):
    """This media type is not supported; send WAV, MP3, FLAC, OGG, M4A, WebM, or a video with sound."""

    code = "UNSUPPORTED_MEDIA"
    status = 415


class UnreadableError(EchoError):
    """The sample cannot be decoded."""

    code = "SAMPLE_UNREADABLE"
    status = 422


class AnalysisFailedError(EchoError):
    """The analysis of the sample failed; try again."""

    code = "ANALYSIS_FAILED"


class QuotaExceededError(RateLimitedError):
    """The daily quota is used up; try again tomorrow."""

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
    """Cloning requires the speaker's consent; give it in the form that this platform requires."""

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
    """This provider is not available here."""

    code = "PROVIDER_UNKNOWN"
    status = 422


class ProviderUnavailableError(ServiceUnavailableError):
    """The provider is not ready: a dependency is missing, or it cannot be reached."""

    code = "PROVIDER_UNAVAILABLE"
