"""Events the gateway listens to: each replica rings for those who watch the job there."""

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.synthesis import (
    AudioDeleted,
    JobCancelled,
    JobCompleted,
    JobFailed,
    JobProgressed,
    JobStarted,
)
from echo_common.contracts.events.voice import (
    VoiceModelCancelled,
    VoiceModelFailed,
    VoiceModelReady,
    VoiceModelTrainingProgressed,
)
from echo_gateway.dependencies import Dependencies

subscriptions = Subscriptions[Dependencies]()


@subscriptions.on(JobStarted, every_replica=True)
async def on_job_started(event: JobStarted, dependencies: Dependencies) -> None:
    """A worker has begun."""
    dependencies.bells.ring(event.job_id)


@subscriptions.on(JobProgressed, every_replica=True)
async def on_job_progressed(event: JobProgressed, dependencies: Dependencies) -> None:
    """Some more is spoken."""
    dependencies.bells.ring(event.job_id)


@subscriptions.on(JobCompleted, every_replica=True)
async def on_job_completed(event: JobCompleted, dependencies: Dependencies) -> None:
    """The end, a good one."""
    dependencies.bells.ring(event.job_id)


@subscriptions.on(JobFailed, every_replica=True)
async def on_job_failed(event: JobFailed, dependencies: Dependencies) -> None:
    """The end, a bad one."""
    dependencies.bells.ring(event.job_id)


@subscriptions.on(JobCancelled, every_replica=True)
async def on_job_cancelled(event: JobCancelled, dependencies: Dependencies) -> None:
    """The end, an early one."""
    dependencies.bells.ring(event.job_id)


@subscriptions.on(VoiceModelTrainingProgressed, every_replica=True)
async def on_training_progressed(event: VoiceModelTrainingProgressed, dependencies: Dependencies) -> None:
    """A clone's training has begun, or got further."""
    dependencies.bells.ring(event.voice_model_id)


@subscriptions.on(VoiceModelReady, every_replica=True)
async def on_training_completed(event: VoiceModelReady, dependencies: Dependencies) -> None:
    """A clone is trained."""
    dependencies.bells.ring(event.voice_model_id)


@subscriptions.on(VoiceModelFailed, every_replica=True)
async def on_training_failed(event: VoiceModelFailed, dependencies: Dependencies) -> None:
    """A clone could not be trained."""
    dependencies.bells.ring(event.voice_model_id)


@subscriptions.on(VoiceModelCancelled, every_replica=True)
async def on_training_cancelled(event: VoiceModelCancelled, dependencies: Dependencies) -> None:
    """A clone's training is not wanted any more."""
    dependencies.bells.ring(event.voice_model_id)


@subscriptions.on(AudioDeleted, every_replica=True)
async def on_audio_deleted(event: AudioDeleted, dependencies: Dependencies) -> None:
    """What is gone is not answered from memory."""
    dependencies.answers.forget(event.audio_id)
