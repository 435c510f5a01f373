"""Errors of voice."""

from echo_common.errors import (
    ConflictError,
    EchoError,
    ForbiddenError,
    NotFoundError,
    ServiceUnavailableError,
)


class UnreadableError(EchoError):
    """The sample cannot be decoded; send a complete, undamaged file."""

    code = "SAMPLE_UNREADABLE"
    status = 422


class AnalysisFailedError(EchoError):
    """The analysis of the sample failed; try again."""

    code = "ANALYSIS_FAILED"


class SampleNotFoundError(NotFoundError):
    """Sample not found; list samples with GET /api/v1/voice/samples."""

    code = "SAMPLE_NOT_FOUND"


class SampleStateConflictError(ConflictError):
    """The sample's status does not allow this; get it with GET /api/v1/voice/samples/{sample_id}."""

    code = "SAMPLE_STATE_CONFLICT"


class SamplesTooShortError(EchoError):
    """The samples are too short for a professional clone; add samples, or train an instant clone."""

    code = "SAMPLES_TOO_SHORT"
    status = 422


class ConsentNotFoundError(NotFoundError):
    """Consent not found; list consents with GET /api/v1/voice/consents."""

    code = "CONSENT_NOT_FOUND"


class ConsentRequiredError(ForbiddenError):
    """Cloning requires the speaker's consent; give it in the form that this platform requires."""

    code = "CONSENT_REQUIRED"


class CloneNotFoundError(NotFoundError):
    """Clone not found; list clones with GET /api/v1/voice/clones."""

    code = "CLONE_NOT_FOUND"


class CloneStateConflictError(ConflictError):
    """The clone's status does not allow this; get it with GET /api/v1/voice/clones/{clone_id}."""

    code = "CLONE_STATE_CONFLICT"


class VoiceMixConflictError(ConflictError):
    """These voices cannot be mixed; name different voices of one engine that supports mixing."""

    code = "VOICE_MIX_CONFLICT"


class VoiceMixForbiddenError(ForbiddenError):
    """Only the owner of a clone can mix it; name built-in voices and your own clones."""

    code = "VOICE_MIX_FORBIDDEN"


class TooManyMixesError(ConflictError):
    """The number of mixed voices has reached its limit; delete those that are no longer needed."""

    code = "VOICE_MIX_LIMIT_CONFLICT"


class EchoNotFoundError(NotFoundError):
    """Echo not found; list echos with GET /api/v1/echos."""

    code = "ECHO_NOT_FOUND"


class EchoRevisionNotFoundError(NotFoundError):
    """Revision not found; list revisions with GET /api/v1/echos/{echo_id}/revisions."""

    code = "ECHO_REVISION_NOT_FOUND"


class EchoChangedError(EchoError):
    """The echo has another revision than If-Match names; get it with GET /api/v1/echos/{echo_id} and repeat the change."""

    code = "ECHO_CHANGED"
    status = 412


class TooManyEchosError(ConflictError):
    """The number of echos has reached its limit; delete echos that are no longer needed."""

    code = "ECHO_LIMIT_CONFLICT"


class UnknownProviderError(EchoError):
    """This provider is not enabled; leave `provider` out to use the default."""

    code = "PROVIDER_UNKNOWN"
    status = 422


class ProviderUnavailableError(ServiceUnavailableError):
    """The provider is not ready: a dependency is missing, or it cannot be reached."""

    code = "PROVIDER_UNAVAILABLE"
