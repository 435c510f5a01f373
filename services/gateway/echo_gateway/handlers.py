"""Event handlers of the gateway, in every replica: they notify progress streams and invalidate the response cache."""

from typing import get_args

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.synthesis import (
    AudioDeleted,
    AudioRevised,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgressed,
    JobStarted,
)
from echo_common.contracts.events.voice import (
    SampleCancelled,
    SampleProcessed,
    SampleRejected,
    VoiceModelCancelled,
    VoiceModelFailed,
    VoiceModelReady,
    VoiceModelTrainingProgressed,
)
from echo_gateway.dependencies import Dependencies

subscriptions = Subscriptions[Dependencies]()

JobChanged = JobStarted | JobProgressed | JobCompleted | JobFailed | JobCancelled
AudioChanged = AudioDeleted | AudioRevised
ProcessingChanged = SampleProcessed | SampleRejected | SampleCancelled
TrainingChanged = VoiceModelTrainingProgressed | VoiceModelReady | VoiceModelFailed | VoiceModelCancelled


async def notify_of_job(event: JobChanged | ProcessingChanged, dependencies: Dependencies) -> None:
    """Notify the followers of a job that its state changed."""
    dependencies.progress_polls.poll_now(event.job_id)


async def notify_of_training(event: TrainingChanged, dependencies: Dependencies) -> None:
    """Notify the followers of a training that its state changed."""
    dependencies.progress_polls.poll_now(event.job_id)
    dependencies.progress_polls.poll_now(event.voice_model_id)


for change in (*get_args(JobChanged), *get_args(ProcessingChanged)):
    subscriptions.on(change, every_replica=True)(notify_of_job)
for change in get_args(TrainingChanged):
    subscriptions.on(change, every_replica=True)(notify_of_training)


async def invalidate_audio(event: AudioChanged, dependencies: Dependencies) -> None:
    """Invalidate the cached responses of a deleted or revised audio."""
    dependencies.response_cache.invalidate(event.audio_id)


for audio_change in get_args(AudioChanged):
    subscriptions.on(audio_change, every_replica=True)(invalidate_audio)


@subscriptions.on(UserDeleted, every_replica=True)
async def invalidate_user(event: UserDeleted, dependencies: Dependencies) -> None:
    """Invalidate the cached responses of a deleted user, and remove the user from the counts of this replica."""
    dependencies.response_cache.invalidate_user(event.user_id)
    dependencies.request_counts.forget(event.user_id)


@subscriptions.on(UserDeleted, idempotent=True)
async def erase_user(event: UserDeleted, dependencies: Dependencies) -> None:
    """Queue the erasure of everything that the gateway stores of the user."""
    await dependencies.erasure.begin(event.user_id)
