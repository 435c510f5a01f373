"""Events published by voice."""

from typing import ClassVar, Literal

from echo_common.contracts.echo import EchoEvent
from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.voice_model import VoiceModelEvent


class SampleUploaded(DomainEvent):
    """A sample is pending: uploaded, or to be processed again.

    `restarts` counts how often it was queued again after its end, which no worker does.
    """

    topic: ClassVar[str] = "voice.sample_uploaded"

    sample_id: str
    user_id: str
    restarts: int = 0


class SampleProcessed(DomainEvent):
    """A sample was analysed and accepted."""

    topic: ClassVar[str] = "voice.sample_processed"

    sample_id: str
    user_id: str
    job_id: str = ""
    duration: float


class SampleRejected(DomainEvent):
    """A sample was rejected."""

    topic: ClassVar[str] = "voice.sample_rejected"

    sample_id: str
    user_id: str
    job_id: str = ""
    reason: str


class SampleCancelled(DomainEvent):
    """The processing of a sample was cancelled."""

    topic: ClassVar[str] = "voice.sample_cancelled"

    sample_id: str
    user_id: str
    job_id: str


class VoiceModelRequested(DomainEvent):
    """A voice model is pending: requested, released, or to be trained again.

    `restarts` counts how often it was queued again after its end, which no worker does.
    """

    topic: ClassVar[str] = "voice.voice_model_requested"

    voice_model_id: str
    user_id: str
    job_id: str
    sample_ids: tuple[str, ...] = ()
    restarts: int = 0


class VoiceModelTrainingProgressed(DomainEvent):
    """`steps_done` of `steps_total` training steps are done; 0 when a worker starts."""

    topic: ClassVar[str] = "voice.voice_model_training_progressed"
    transient: ClassVar[bool] = True

    voice_model_id: str
    user_id: str
    job_id: str
    steps_done: int
    steps_total: int


class VoiceModelFailed(DomainEvent):
    """A training failed; the owner may resume it."""

    topic: ClassVar[str] = "voice.voice_model_failed"

    voice_model_id: str
    user_id: str
    job_id: str
    code: str
    message: str


class VoiceModelCancelled(DomainEvent):
    """A training was cancelled."""

    topic: ClassVar[str] = "voice.voice_model_cancelled"

    voice_model_id: str
    user_id: str
    job_id: str


class VoiceModelReady(VoiceModelEvent):
    """A voice model was trained and is usable."""

    topic: ClassVar[str] = "voice.voice_model_ready"

    job_id: str


class VoiceModelRenamed(VoiceModelEvent):
    """A voice model was renamed."""

    topic: ClassVar[str] = "voice.voice_model_renamed"


class VoiceModelShared(VoiceModelEvent):
    """A voice model was shared with more users."""

    topic: ClassVar[str] = "voice.voice_model_shared"


class VoiceModelUnshared(VoiceModelEvent):
    """A voice model was shared with fewer users."""

    topic: ClassVar[str] = "voice.voice_model_unshared"


class VoiceModelWithdrawn(VoiceModelEvent):
    """The consent was revoked: the voice model is no longer usable, and its cached speech is deleted."""

    topic: ClassVar[str] = "voice.voice_model_withdrawn"


class VoiceModelDeleted(VoiceModelEvent):
    """A voice model was deleted; audio made with it stays."""

    topic: ClassVar[str] = "voice.voice_model_deleted"


class VoiceSelected(DomainEvent):
    """A user selected the default voice of their requests."""

    topic: ClassVar[str] = "voice.voice_selected"

    user_id: str
    voice_id: str


class ConsentRevoked(DomainEvent):
    """A speaker's consent to voice cloning was revoked."""

    topic: ClassVar[str] = "voice.consent_revoked"

    consent_id: str
    user_id: str


class EchoCreated(EchoEvent):
    """An echo was created."""

    topic: ClassVar[str] = "voice.echo_created"


class EchoChanged(EchoEvent):
    """An echo was changed; or its state is announced, because an earlier version created it."""

    topic: ClassVar[str] = "voice.echo_changed"


class EchoDeleted(DomainEvent):
    """An echo was deleted."""

    topic: ClassVar[str] = "voice.echo_deleted"

    echo_id: str
    user_id: str


class MessageSent(DomainEvent):
    """A user wrote to an echo, or an echo replied."""

    topic: ClassVar[str] = "voice.message_sent"

    message_id: str
    echo_id: str
    user_id: str
    role: Literal["user", "echo"]
    characters: int


class VoiceUserDataErased(DomainEvent):
    """The voice service has erased everything of a deleted user."""

    topic: ClassVar[str] = "voice.user_data_erased"

    user_id: str


class VoiceErrorLogged(ErrorLogged):
    """The voice service logged errors."""

    topic: ClassVar[str] = "voice.error_logged"
