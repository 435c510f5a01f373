"""Voice models: clones made from samples, and who may speak with them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
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
from echo_common.contracts.http.voice import CloneQuality, CloneStatus, TrainingConfig
from echo_common.contracts.values import JobStatus
from echo_common.contracts.voicemodel import VoiceModelFact
from echo_common.ids import new_id
from echo_voice.domain.task import Task

CLONE_PREFIX = "vm_"
Gender = Literal["female", "male", "neutral"]


class Training(BaseModel):
    """One training, as history keeps it."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    config: TrainingConfig
    status: JobStatus
    started_at: datetime
    ended_at: datetime | None = None
    error_message: str | None = None
    quality: CloneQuality | None = None


class Made(BaseModel):
    """What a provider has made: the engine that speaks it, and what that engine calls it (`object:KEY` for a style)."""

    model_config = ConfigDict(frozen=True)

    engine: str
    reference: str
    gender: Gender = "neutral"
    quality: CloneQuality = CloneQuality()
    facts: Mapping[str, Any] = {}


class VoiceModel(Task):
    """A clone. Once `made`, one may speak with it until its consent is revoked or it is deleted."""

    conflict = CloneStateConflictError

    name: str
    provider: str
    language: str
    sample_ids: Sequence[str]
    consent_id: str
    config: TrainingConfig
    job_id: str
    started_at: datetime
    made: Made | None = None
    echo_id: str | None = None
    client_user_id: str | None = None
    """The user id that a client of the Echo API gave without a token."""
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
        config: TrainingConfig,
        **more: Any,
    ) -> "VoiceModel":
        """A new clone that waits to be trained."""
        model = cls(
            id=new_id(CLONE_PREFIX.rstrip("_")),
            user_id=user_id,
            name=name,
            provider=provider,
            language=language,
            sample_ids=sample_ids,
            consent_id=consent_id,
            config=config,
            job_id=new_id("job"),
            started_at=now(),
            **more,
        )
        model.on_queued()
        return model

    @property
    def status(self) -> CloneStatus:
        """As the owner sees it."""
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
        """The provider's reference, where the voice is kept there; its own id otherwise."""
        if self.made is None or self.made.reference.startswith("object:"):
            return self.id
        return self.made.reference.removeprefix("fish_")

    @property
    def usable(self) -> bool:
        """Whether one may speak with it."""
        return self.made is not None and not self.withdrawn

    @property
    def trainings(self) -> Sequence[Training]:
        """All trainings, the latest last."""
        ended = None if self.work in {JobStatus.PENDING, JobStatus.PROCESSING} else self.updated_at
        return [*self.history, self._training(ended)]

    def may_be_used_by(self, user_id: str) -> bool:
        """Whether this person may speak with it."""
        return self.usable and (self.public or user_id == self.user_id or user_id in self.shared_with)

    def complete(self, attempt: int, made: Made) -> None:
        """Trained. Raises `LeaseLostError`: then what was made is nobody's."""
        self.fence(attempt)
        self.end(JobStatus.COMPLETED)
        self.steps_done = self.steps_total
        self.made = made
        self._tell(VoiceModelReady, job_id=self.job_id)

    def cancel(self) -> None:
        """Stop the training; again is no error. Raises `CloneStateConflictError` once it has ended."""
        if self.work is JobStatus.CANCELLED:
            return
        self.require(JobStatus.PENDING, JobStatus.PROCESSING)
        self.end(JobStatus.CANCELLED)
        self.record(VoiceModelCancelled(voice_model_id=self.id, user_id=self.user_id, job_id=self.job_id))

    def train_again(self, config: TrainingConfig | None = None) -> None:
        """Train once more; what was made before stays in use until then. Raises `CloneStateConflictError` during a training."""
        self.require(JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED)
        if self.withdrawn:
            raise CloneStateConflictError("The consent has been revoked.")
        self.history = [*self.history, self._training(self.updated_at)]
        self.config = config or self.config
        self.job_id, self.started_at = new_id("job"), now()
        self.begin_anew()

    def rename(self, name: str) -> None:
        """Give it another name."""
        self.name = name
        if self.usable:
            self._tell(VoiceModelRenamed)

    def share(self, with_user: str | None) -> None:
        """Share with a user, or with everybody (None). Raises `CloneStateConflictError` before it is ready."""
        if not self.usable:
            raise CloneStateConflictError(f"The clone is {self.status.value}: it cannot be shared.")
        if with_user is None:
            self.public = True
        elif with_user not in self.shared_with:
            self.shared_with = [*self.shared_with, with_user]
        self._tell(VoiceModelShared)

    def unshare(self, with_user: str | None) -> None:
        """Take a share back; one that is not there is no error."""
        if with_user is None:
            self.public = False
        else:
            self.shared_with = [user for user in self.shared_with if user != with_user]
        self._tell(VoiceModelUnshared)

    def withdraw(self) -> None:
        """The consent is revoked: out of use for good."""
        if self.withdrawn:
            return
        if self.work in {JobStatus.PENDING, JobStatus.PROCESSING}:
            self.cancel()
        self.withdrawn = True
        self._tell(VoiceModelWithdrawn)

    def delete(self) -> None:
        """Forget it; its style is to be removed once this is saved."""
        if self.work in {JobStatus.PENDING, JobStatus.PROCESSING}:
            self.cancel()
        self.withdrawn = True
        self._tell(VoiceModelDeleted)
        self.erase()

    def on_queued(self) -> None:
        """Waiting."""
        self.record(VoiceModelRequested(voice_model_id=self.id, user_id=self.user_id, job_id=self.job_id))

    def on_progress(self) -> None:
        """Some more is done."""
        event = VoiceModelTrainingProgressed(
            voice_model_id=self.id,
            user_id=self.user_id,
            job_id=self.job_id,
            steps_done=self.steps_done,
            steps_total=self.steps_total,
        )
        self.record(event)

    def on_failed(self, code: str, message: str) -> None:
        """Given up."""
        self.record(
            VoiceModelFailed(voice_model_id=self.id, user_id=self.user_id, job_id=self.job_id, code=code, message=message)
        )

    def _training(self, ended: datetime | None) -> Training:
        return Training(
            job_id=self.job_id,
            config=self.config,
            status=self.work,
            started_at=self.started_at,
            ended_at=ended,
            error_message=self.error_message,
            quality=self.made.quality if self.made and self.work is JobStatus.COMPLETED else None,
        )

    def _tell(self, fact: type[VoiceModelFact], **more: Any) -> None:
        self.revision += 1
        self.record(
            fact(
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
                **more,
            )
        )


class Preference(Aggregate):
    """The voice that one user has selected; its id is the user's."""

    voice_id: str = ""

    def select(self, voice_id: str) -> None:
        """Speak with this one when a request names none."""
        self.voice_id = voice_id
        self.record(VoiceSelected(user_id=self.id, voice_id=voice_id))
