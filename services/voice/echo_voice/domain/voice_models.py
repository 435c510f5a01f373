"""Voice models: voices made from samples, and access to them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.errors.voice import CloneStateConflictError
from echo_common.contracts.events.voice import (
    VoiceModelCancelled,
    VoiceModelDeleted,
    VoiceModelFailed,
    VoiceModelReady,
    VoiceModelRenamed,
    VoiceModelRequested,
    VoiceModelShared,
    VoiceModelTrainingProgressed,
    VoiceModelUnshared,
    VoiceModelWithdrawn,
    VoiceSelected,
)
from echo_common.contracts.http.voice import CloneStatus
from echo_common.contracts.values import JobStatus, JobType
from echo_common.contracts.voice_model import VoiceModelEvent
from echo_common.contracts.voice_reference import VOICE_MODEL_PREFIX, VoiceReference
from echo_common.ids import new_id
from echo_voice.domain.task import TaskRecord, VoiceTask
from echo_voice.domain.values import MixedVoice, TrainingOptions, VoiceQuality

Gender = Literal["female", "male", "neutral"]


EVERYBODY = "public"
"""Entry of access lists that stands for all users."""

MIX = "mix"
"""Provider of voice models that are mixed from other voices."""


class Training(TaskRecord):
    """A training of a voice model."""

    config: TrainingOptions
    quality: VoiceQuality | None = None


class TrainingResult(BaseModel):
    """The result of a training: the engine and the written `VoiceReference` of the voice."""

    model_config = ConfigDict(frozen=True)

    engine: str
    reference: str
    gender: Gender = "neutral"
    quality: VoiceQuality = VoiceQuality()
    facts: Mapping[str, Any] = {}

    @property
    def voice(self) -> VoiceReference:
        """The reference to the voice."""
        return VoiceReference.parse(self.reference)


class VoiceModel(VoiceTask):
    """A voice model. Once `made`, it is usable until its consent is revoked or it is deleted.

    A mix has no samples, no consent of its own and no training: it is usable until one of the voice models in it is not.
    """

    noun = "training"
    conflict = CloneStateConflictError
    job_type = JobType.TRAINING
    job_prefix = "job_train"

    name: str
    provider: str
    language: str
    sample_ids: Sequence[str]
    consent_id: str | None
    config: TrainingOptions
    mixed_from: Sequence[MixedVoice] = ()
    made: TrainingResult | None = None
    echo_id: str | None = None
    client_user_id: str | None = None
    """User id that a client of the Echo API sent without a token."""
    audio_file_path: str | None = None
    file_type: str | None = None
    public: bool = False
    shared_with: Sequence[str] = ()
    withdrawn: bool = False
    history: Sequence[Training] = ()
    revision: int = 0

    @classmethod
    def request(
        cls,
        user_id: str,
        *,
        name: str,
        provider: str,
        language: str,
        sample_ids: Sequence[str],
        consent_id: str,
        config: TrainingOptions,
        **more: Any,
    ) -> "VoiceModel":
        """Create a voice model that waits for training."""
        model = cls(
            id=new_id(VOICE_MODEL_PREFIX.rstrip("_")),
            user_id=user_id,
            name=name,
            provider=provider,
            language=language,
            sample_ids=sample_ids,
            consent_id=consent_id,
            config=config,
            job_id=new_id(cls.job_prefix),
            started_at=now(),
            **more,
        )
        model.on_queued()
        return model

    @classmethod
    def mix(
        cls, model_id: str, user_id: str, *, name: str, language: str, voices: Sequence[MixedVoice], made: TrainingResult
    ) -> "VoiceModel":
        """Create a voice model that is mixed from other voices; it is usable at once, and has no job."""
        model = cls(
            id=model_id,
            user_id=user_id,
            name=name,
            provider=MIX,
            language=language,
            sample_ids=(),
            consent_id=None,
            config=TrainingOptions(),
            mixed_from=voices,
            made=made,
            work=JobStatus.COMPLETED,
            job_id=new_id(cls.job_prefix),
            job_deleted=True,
            started_at=now(),
            steps_done=1,
        )
        model._record_state(VoiceModelReady, job_id=model.job_id)
        return model

    @property
    def mixed(self) -> bool:
        """True if the voice model is a mix."""
        return bool(self.mixed_from)

    @property
    def status(self) -> CloneStatus:
        """The status that the API shows."""
        if self.withdrawn:
            return CloneStatus.WITHDRAWN
        if self.made is not None:
            return CloneStatus.READY
        return {
            JobStatus.PENDING: CloneStatus.PENDING,
            JobStatus.PROCESSING: CloneStatus.TRAINING,
            JobStatus.COMPLETED: CloneStatus.READY,
            JobStatus.FAILED: CloneStatus.FAILED,
            JobStatus.CANCELLED: CloneStatus.CANCELLED,
        }[self.work]

    @property
    def model_id(self) -> str:
        """The provider's reference if the provider stores the voice, otherwise the id."""
        return (self.made.voice.provider_id if self.made else None) or self.id

    @property
    def usable(self) -> bool:
        """True if synthesis may use the voice."""
        return self.made is not None and not self.withdrawn

    @property
    def current(self) -> Training:
        """The current training."""
        return Training(
            **dict(super().current),
            config=self.config,
            quality=self.made.quality if self.made and self.work is JobStatus.COMPLETED else None,
        )

    def may_be_used_by(self, user_id: str) -> bool:
        """Return whether the user may use the voice."""
        return self.usable and (self.public or user_id == self.user_id or user_id in self.shared_with)

    def require_usable(self) -> None:
        """Raise `CloneStateConflictError` with the status and the progress unless the voice is usable."""
        if not self.usable:
            details = {"status": self.status.value, "progress": self.progress}
            raise CloneStateConflictError(f"The clone is {self.status.value}. Wait until it is ready.", details=details)

    def complete(self, attempt: int, made: TrainingResult) -> None:
        """Complete the training. Raises `LeaseLostError`; the result must then be discarded."""
        self.require_lease(attempt)
        self.end(JobStatus.COMPLETED)
        self.steps_done = self.steps_total
        self.made = made
        self._record_state(VoiceModelReady, job_id=self.job_id)

    def train_again(self, config: TrainingOptions | None = None) -> None:
        """Queue another training; the previous voice stays usable until it completes.

        Raises `CloneStateConflictError` for a mix, during a training and after a withdrawal.
        """
        self.require_trainable()
        self.start_task()
        self.config = config or self.config

    def require_trainable(self) -> None:
        """Raise `CloneStateConflictError` for a mix, during a training and after a withdrawal."""
        if self.mixed:
            raise CloneStateConflictError("A mix is not trained. Mix the voices again: POST /api/v1/voices/mix.")
        if self.withdrawn:
            raise CloneStateConflictError("The consent has been revoked.")
        self.require_status(JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)

    def restart(self) -> None:
        """Queue the training again. Raises `CloneStateConflictError` after a withdrawal."""
        if self.withdrawn:
            raise CloneStateConflictError("The consent has been revoked.")
        super().restart()

    def rename(self, name: str) -> None:
        """Rename the voice model."""
        self.name = name
        if self.usable:
            self._record_state(VoiceModelRenamed)

    def link(self, echo_id: str | None) -> None:
        """Link the voice model to an echo, or to none."""
        self.echo_id = echo_id

    def share(self, with_user: str | None) -> None:
        """Share the voice with a user, or publicly (None). Raises `CloneStateConflictError` unless it is usable."""
        if not self.usable:
            raise CloneStateConflictError(f"The clone is {self.status.value}: it cannot be shared.")
        if with_user is None:
            self.public = True
        elif with_user not in self.shared_with:
            self.shared_with = [*self.shared_with, with_user]
        self._record_state(VoiceModelShared)

    @property
    def access(self) -> list[str]:
        """Users who may use the voice."""
        return [self.user_id, *self.shared_with, *([EVERYBODY] if self.public else [])]

    def unshare(self, with_user: str | None) -> None:
        """Remove a user's share, or the public one (None); idempotent."""
        if with_user is None:
            self.public = False
        else:
            self.shared_with = [user for user in self.shared_with if user != with_user]
        self._record_state(VoiceModelUnshared)

    def withdraw(self) -> None:
        """Withdraw the voice for good, because its consent is revoked."""
        if self.withdrawn:
            return
        if self.work in {JobStatus.PENDING, JobStatus.PROCESSING}:
            self.cancel()
        self.withdrawn = True
        self._record_state(VoiceModelWithdrawn)

    def delete(self) -> None:
        """Delete the voice model; remove its style once this is saved."""
        if self.work in {JobStatus.PENDING, JobStatus.PROCESSING}:
            self.cancel()
        self.withdrawn = True
        self._record_state(VoiceModelDeleted)
        self.erase()

    def on_queued(self) -> None:
        """Record that the voice model waits for training."""
        self.record(
            VoiceModelRequested(
                voice_model_id=self.id,
                user_id=self.user_id,
                job_id=self.job_id,
                sample_ids=tuple(self.sample_ids),
                restarts=self.restarts,
            )
        )

    def on_step(self) -> None:
        """Record the progress of the training."""
        event = VoiceModelTrainingProgressed(
            voice_model_id=self.id,
            user_id=self.user_id,
            job_id=self.job_id,
            steps_done=self.steps_done,
            steps_total=self.steps_total,
        )
        self.record(event)

    def on_failed(self, code: str, message: str) -> None:
        """Record that the training failed."""
        self.record(
            VoiceModelFailed(voice_model_id=self.id, user_id=self.user_id, job_id=self.job_id, code=code, message=message)
        )

    def on_cancelled(self) -> None:
        """Record that the training was cancelled."""
        self.record(VoiceModelCancelled(voice_model_id=self.id, user_id=self.user_id, job_id=self.job_id))

    def _record_state(self, event: type[VoiceModelEvent], **more: Any) -> None:
        self.revision += 1
        self.record(
            event(
                voice_model_id=self.id,
                user_id=self.user_id,
                revision=self.revision,
                name=self.name,
                provider=self.provider,
                engine=self.made.engine if self.made else "",
                reference=self.made.reference if self.made else "",
                language=self.language,
                gender=self.made.gender if self.made else "neutral",
                public=self.public,
                shared_with=tuple(self.shared_with),
                usable=self.usable,
                sample_ids=tuple(self.sample_ids),
                **more,
            )
        )


class Preference(Aggregate):
    """A user's selected voice; its id is the user's id."""

    voice_id: str = ""

    def select(self, voice_id: str) -> None:
        """Select the default voice for requests that name none."""
        self.voice_id = voice_id
        self.record(VoiceSelected(user_id=self.id, voice_id=voice_id))
