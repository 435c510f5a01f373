"""Event handlers of synthesis."""

from typing import get_args

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.feedback import VoiceRatingChanged
from echo_common.contracts.events.synthesis import AudioDeleted, JobCancelled, JobCompleted, JobFailed, JobQueued
from echo_common.contracts.events.voice import (
    EchoChanged,
    EchoCreated,
    EchoDeleted,
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
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.usecases.audio import remove_objects
from echo_synthesis.usecases.quotas import counted_for, release_job_quota, settle_audio

subscriptions = Subscriptions[Dependencies]()

JobEnded = JobFailed | JobCancelled


@subscriptions.on(JobQueued, every_replica=True)
async def wake_worker(_: JobQueued, dependencies: Dependencies) -> None:
    """Wake the worker of every replica; the database decides which one claims the job.

    The worker's next look at its queue finds the job if the event is lost.
    """
    dependencies.worker.wake()


@subscriptions.on(JobCancelled, every_replica=True)
async def stop_cancelled_attempts(event: JobCancelled, dependencies: Dependencies) -> None:
    """Make the attempts at the job that run here check their lease, which ends them."""
    dependencies.worker.recheck(event.job_id)


async def release_quota(event: JobEnded, dependencies: Dependencies) -> None:
    """Give back the counted amounts of a job that made nothing."""
    if (job := await dependencies.jobs.find_one({"_id": event.job_id})) is not None:
        await release_job_quota(job, dependencies)


for ended in get_args(JobEnded):
    subscriptions.on(ended)(release_quota)


@subscriptions.on(JobCompleted)
async def count_audio(event: JobCompleted, dependencies: Dependencies) -> None:
    """Count the seconds of a job's audio; those of a job that was deleted meanwhile stay an estimate."""
    job = await dependencies.jobs.find_one({"_id": event.job_id})
    if job is not None and (counted := counted_for(job)) is not None:
        await settle_audio(counted, event.duration, dependencies)


@subscriptions.on(AudioDeleted)
async def remove_audio_objects(event: AudioDeleted, dependencies: Dependencies) -> None:
    """Remove the audio's objects, in case the process that deleted the audio died before it removed them."""
    await remove_objects(event.audio_id, dependencies)


@subscriptions.on(VoiceModelRequested, idempotent=True)
async def store_training(event: VoiceModelRequested, dependencies: Dependencies) -> None:
    """Store that the voice model waits for training."""
    await dependencies.clones.follow_training(
        event.voice_model_id,
        event.user_id,
        event.occurred_at,
        job_id=event.job_id,
        status="pending",
        sample_ids=event.sample_ids,
    )


@subscriptions.on(VoiceModelTrainingProgressed, idempotent=True)
async def store_training_progress(event: VoiceModelTrainingProgressed, dependencies: Dependencies) -> None:
    """Store the progress of the training."""
    percent = min(99, 100 * event.steps_done // max(1, event.steps_total))
    await dependencies.clones.follow_training(
        event.voice_model_id, event.user_id, event.occurred_at, job_id=event.job_id, status="training", progress=percent
    )


@subscriptions.on(VoiceModelFailed, idempotent=True)
async def store_training_failure(event: VoiceModelFailed, dependencies: Dependencies) -> None:
    """Store that the training failed."""
    await dependencies.clones.follow_training(
        event.voice_model_id, event.user_id, event.occurred_at, job_id=event.job_id, status="failed"
    )


@subscriptions.on(VoiceModelCancelled, idempotent=True)
async def store_training_cancellation(event: VoiceModelCancelled, dependencies: Dependencies) -> None:
    """Store that the training was cancelled."""
    await dependencies.clones.follow_training(
        event.voice_model_id, event.user_id, event.occurred_at, job_id=event.job_id, status="cancelled"
    )


@subscriptions.on(VoiceModelReady, idempotent=True)
async def store_clone(event: VoiceModelReady, dependencies: Dependencies) -> None:
    """Add the voice model to the read model, and store that its training is completed; a mix has none."""
    await dependencies.clones.apply(event)
    if event.sample_ids:
        await dependencies.clones.follow_training(
            event.voice_model_id, event.user_id, event.occurred_at, job_id=event.job_id, status="completed", progress=100
        )


@subscriptions.on(VoiceModelRenamed, idempotent=True)
async def rename_clone(event: VoiceModelRenamed, dependencies: Dependencies) -> None:
    """Rename the voice model in the read model."""
    await dependencies.clones.apply(event)


@subscriptions.on(VoiceModelShared, idempotent=True)
async def add_share(event: VoiceModelShared, dependencies: Dependencies) -> None:
    """Add the users that the voice model is shared with."""
    await dependencies.clones.apply(event)


@subscriptions.on(VoiceModelUnshared, idempotent=True)
async def remove_share(event: VoiceModelUnshared, dependencies: Dependencies) -> None:
    """Remove the users that the voice model is no longer shared with."""
    await dependencies.clones.apply(event)


@subscriptions.on(VoiceModelWithdrawn, idempotent=True)
async def withdraw_clone(event: VoiceModelWithdrawn, dependencies: Dependencies) -> None:
    """Disable the voice model and purge its cached speech."""
    await dependencies.clones.apply(event)
    await dependencies.cache.purge(event.voice_model_id)


@subscriptions.on(VoiceModelDeleted, idempotent=True)
async def delete_clone(event: VoiceModelDeleted, dependencies: Dependencies) -> None:
    """Disable the voice model and purge its cached speech; stored audio remains."""
    await dependencies.clones.apply(event)
    await dependencies.cache.purge(event.voice_model_id)


@subscriptions.on(VoiceSelected, idempotent=True)
async def store_selection(event: VoiceSelected, dependencies: Dependencies) -> None:
    """Store the user's selected voice, the default of requests that name none."""
    await dependencies.clones.select(event.user_id, event.voice_id, event.occurred_at)


@subscriptions.on(EchoCreated, idempotent=True)
async def store_echo(event: EchoCreated, dependencies: Dependencies) -> None:
    """Add the echo to the read model."""
    await dependencies.echos.apply(event)


@subscriptions.on(EchoChanged, idempotent=True)
async def change_echo(event: EchoChanged, dependencies: Dependencies) -> None:
    """Change the echo in the read model."""
    await dependencies.echos.apply(event)


@subscriptions.on(EchoDeleted, idempotent=True)
async def delete_echo(event: EchoDeleted, dependencies: Dependencies) -> None:
    """Remove the echo from the read model; stored audio remains."""
    await dependencies.echos.delete(event.echo_id)


@subscriptions.on(VoiceRatingChanged, idempotent=True)
async def store_rating(event: VoiceRatingChanged, dependencies: Dependencies) -> None:
    """Store the mean rating of the voice."""
    await dependencies.voice_ratings.apply(event)


@subscriptions.on(UserDeleted, idempotent=True)
async def erase_user(event: UserDeleted, dependencies: Dependencies) -> None:
    """Queue the erasure of everything that the user owns here."""
    await dependencies.erasure.begin(event.user_id)
