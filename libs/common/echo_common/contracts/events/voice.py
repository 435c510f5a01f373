"""Facts published by voice."""

from typing import ClassVar

from echo_common.contracts.event import DomainEvent
from echo_common.contracts.voicemodel import VoiceModelFact


class SampleUploaded(DomainEvent):
    """A recording waits to be processed: it has come in, or is to be processed again."""

    topic: ClassVar[str] = "voice.sample_uploaded"

    sample_id: str
    user_id: str


class SampleProcessed(DomainEvent):
    """A recording is measured and good to be used."""

    topic: ClassVar[str] = "voice.sample_processed"

    sample_id: str
    user_id: str
    duration: float


class SampleRejected(DomainEvent):
    """A recording cannot be used."""

    topic: ClassVar[str] = "voice.sample_rejected"

    sample_id: str
    user_id: str
    reason: str


class VoiceModelRequested(DomainEvent):
    """A clone waits to be trained: asked for, handed back, or to be trained again."""

    topic: ClassVar[str] = "voice.voice_model_requested"

    voice_model_id: str
    user_id: str
    job_id: str


class VoiceModelTrainingProgressed(DomainEvent):
    """`steps_done` of `steps_total` are done; at first 0, when a worker has begun."""

    topic: ClassVar[str] = "voice.voice_model_training_progressed"
    transient: ClassVar[bool] = True

    voice_model_id: str
    user_id: str
    job_id: str
    steps_done: int
    steps_total: int


class VoiceModelFailed(DomainEvent):
    """A training is given up; the owner may resume it."""

    topic: ClassVar[str] = "voice.voice_model_failed"

    voice_model_id: str
    user_id: str
    job_id: str
    code: str
    message: str


class VoiceModelCancelled(DomainEvent):
    """The owner does not want the training any more."""

    topic: ClassVar[str] = "voice.voice_model_cancelled"

    voice_model_id: str
    user_id: str
    job_id: str


class VoiceModelReady(VoiceModelFact):
    """A clone is trained: one may speak with it."""

    topic: ClassVar[str] = "voice.voice_model_ready"

    job_id: str


class VoiceModelRenamed(VoiceModelFact):
    """A clone has another name."""

    topic: ClassVar[str] = "voice.voice_model_renamed"


class VoiceModelShared(VoiceModelFact):
    """More people may speak with a clone."""

    topic: ClassVar[str] = "voice.voice_model_shared"


class VoiceModelUnshared(VoiceModelFact):
    """Fewer people may speak with a clone."""

    topic: ClassVar[str] = "voice.voice_model_unshared"


class VoiceModelWithdrawn(VoiceModelFact):
    """The consent is revoked: nobody may speak with the clone any more, and its cached speech goes."""

    topic: ClassVar[str] = "voice.voice_model_withdrawn"


class VoiceModelDeleted(VoiceModelFact):
    """A clone is gone; audio made with it stays."""

    topic: ClassVar[str] = "voice.voice_model_deleted"


class VoiceSelected(DomainEvent):
    """Somebody has chosen the voice that speaks when a request of theirs names none."""

    topic: ClassVar[str] = "voice.voice_selected"

    user_id: str
    voice_id: str


class ConsentRevoked(DomainEvent):
    """Somebody does not agree any more that their voice is cloned."""

    topic: ClassVar[str] = "voice.consent_revoked"

    consent_id: str
    user_id: str


class EchoCreated(DomainEvent):
    """There is a new persona."""

    topic: ClassVar[str] = "voice.echo_created"

    echo_id: str
    user_id: str


class EchoDeleted(DomainEvent):
    """A persona is gone."""

    topic: ClassVar[str] = "voice.echo_deleted"

    echo_id: str
    user_id: str
