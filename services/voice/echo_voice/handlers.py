"""Event handlers of the voice service. It handles its own events: new tasks wake workers, revoked consents withdraw voices."""

from dataclasses import dataclass

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.voice import ConsentRevoked, SampleUploaded, VoiceModelCancelled, VoiceModelRequested
from echo_voice.usecases.consents import withdraw_voices
from echo_voice.usecases.studio import Studio
from echo_voice.worker import Worker


@dataclass(frozen=True)
class Dependencies:
    """The dependencies of routes and event handlers."""

    studio: Studio
    worker: Worker


subscriptions = Subscriptions[Dependencies]()


@subscriptions.on(SampleUploaded, every_replica=True)
async def look_for_samples(_: SampleUploaded, dependencies: Dependencies) -> None:
    """Wake the worker of every replica; the database decides which one claims the task.

    The worker's sweep finds the task if this notification is lost.
    """
    dependencies.worker.ring()


@subscriptions.on(VoiceModelRequested, every_replica=True)
async def look_for_trainings(_: VoiceModelRequested, dependencies: Dependencies) -> None:
    """Wake the worker of every replica; see `look_for_samples`."""
    dependencies.worker.ring()


@subscriptions.on(VoiceModelCancelled, every_replica=True)
async def drop_cancelled_training(event: VoiceModelCancelled, dependencies: Dependencies) -> None:
    """Stop the training, if it runs in this process."""
    dependencies.worker.recheck(event.voice_model_id)


@subscriptions.on(ConsentRevoked, idempotent=True)
async def withdraw(event: ConsentRevoked, dependencies: Dependencies) -> None:
    """Withdraw the voices of a revoked consent, in case the process that revoked it crashed before it had withdrawn them all."""
    await withdraw_voices(event.consent_id, dependencies.studio)
