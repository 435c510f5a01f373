"""Event handlers of the voice service. It handles its own events: new tasks wake workers, revoked consents withdraw voices."""

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.voice import (
    ConsentRevoked,
    EchoDeleted,
    SampleCancelled,
    SampleProcessed,
    SampleRejected,
    SampleUploaded,
    VoiceModelCancelled,
    VoiceModelDeleted,
    VoiceModelReady,
    VoiceModelRequested,
    VoiceModelWithdrawn,
)
from echo_voice.dependencies import Dependencies
from echo_voice.usecases.consents import withdraw_voices
from echo_voice.usecases.echos import remove_traces
from echo_voice.usecases.mix_withdrawal import withdraw_if_incomplete, withdraw_mixes

subscriptions = Subscriptions[Dependencies]()


@subscriptions.on(SampleUploaded, every_replica=True)
async def wake_worker_for_sample(_: SampleUploaded, dependencies: Dependencies) -> None:
    """Wake the worker of every replica; the database decides which one claims the task.

    The worker's next look at its queues finds the task if this notification is lost.
    """
    dependencies.worker.wake()


@subscriptions.on(VoiceModelRequested, every_replica=True)
async def wake_worker_for_training(_: VoiceModelRequested, dependencies: Dependencies) -> None:
    """Wake the worker of every replica; see `wake_worker_for_sample`."""
    dependencies.worker.wake()


@subscriptions.on(SampleProcessed, every_replica=True)
async def start_trainings(event: SampleProcessed, dependencies: Dependencies) -> None:
    """Start the trainings that wait for a sample; without this notification they start at the end of their pauses."""
    await _resume_trainings(event, dependencies)


@subscriptions.on(SampleRejected, every_replica=True)
async def fail_trainings(event: SampleRejected, dependencies: Dependencies) -> None:
    """Let the trainings fail that wait for a sample; see `start_trainings`."""
    await _resume_trainings(event, dependencies)


@subscriptions.on(VoiceModelCancelled, every_replica=True)
async def stop_cancelled_attempts(event: VoiceModelCancelled, dependencies: Dependencies) -> None:
    """Make the attempts at the training that run here check their lease, which ends them."""
    dependencies.worker.recheck(event.voice_model_id)


@subscriptions.on(SampleCancelled, every_replica=True)
async def stop_cancelled_processing(event: SampleCancelled, dependencies: Dependencies) -> None:
    """End the attempts at the processing that run here, and let the trainings end that wait for it; see `start_trainings`."""
    dependencies.worker.recheck(event.sample_id)
    await _resume_trainings(event, dependencies)


@subscriptions.on(ConsentRevoked, idempotent=True)
async def withdraw(event: ConsentRevoked, dependencies: Dependencies) -> None:
    """Withdraw the voices of a revoked consent, in case the process that revoked it crashed before it had withdrawn them all."""
    await withdraw_voices(event.consent_id, dependencies)


@subscriptions.on(VoiceModelDeleted, idempotent=True)
async def withdraw_mixes_of_deleted(event: VoiceModelDeleted, dependencies: Dependencies) -> None:
    """Withdraw the mixes of a deleted voice model, in case the process that deleted it crashed before."""
    await withdraw_mixes(event.voice_model_id, dependencies)


@subscriptions.on(VoiceModelWithdrawn, idempotent=True)
async def withdraw_mixes_of_withdrawn(event: VoiceModelWithdrawn, dependencies: Dependencies) -> None:
    """Withdraw the mixes of a withdrawn voice model, in case the process that withdrew it crashed before."""
    await withdraw_mixes(event.voice_model_id, dependencies)


@subscriptions.on(VoiceModelReady, idempotent=True)
async def check_mix(event: VoiceModelReady, dependencies: Dependencies) -> None:
    """Withdraw a mix if a voice model in it was withdrawn or deleted while it was mixed."""
    await withdraw_if_incomplete(event.voice_model_id, dependencies)


@subscriptions.on(EchoDeleted, idempotent=True)
async def remove_traces_of_echo(event: EchoDeleted, dependencies: Dependencies) -> None:
    """Remove the revisions, messages and links of a deleted echo, in case the process that deleted it crashed before."""
    await remove_traces(event.echo_id, event.user_id, dependencies)


@subscriptions.on(UserDeleted, idempotent=True)
async def erase_user(event: UserDeleted, dependencies: Dependencies) -> None:
    """Queue the erasure of everything that the user owns here."""
    await dependencies.erasure.begin(event.user_id)


async def _resume_trainings(event: SampleProcessed | SampleRejected | SampleCancelled, dependencies: Dependencies) -> None:
    waiting = {"user_id": event.user_id, "sample_ids": event.sample_id, "work": "pending"}
    async for model in dependencies.models.find(waiting):
        dependencies.worker.resume(model.id)
