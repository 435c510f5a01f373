"""What voice does about events: its own, for work wakes workers, and a revoked consent must reach every voice."""

from dataclasses import dataclass

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.voice import ConsentRevoked, SampleUploaded, VoiceModelCancelled, VoiceModelRequested
from echo_voice.usecases.consents import withdraw_voices
from echo_voice.usecases.studio import Studio
from echo_voice.worker import Worker


@dataclass(frozen=True)
class Dependencies:
    """What routes and handlers need."""

    studio: Studio
    worker: Worker


subscriptions = Subscriptions[Dependencies]()


@subscriptions.on(SampleUploaded, every_replica=True)
async def look_for_samples(_: SampleUploaded, dependencies: Dependencies) -> None:
    """Every idle worker is woken; the database decides who gets the work, and the sweep finds it when no bell rang."""
    dependencies.worker.ring()


@subscriptions.on(VoiceModelRequested, every_replica=True)
async def look_for_trainings(_: VoiceModelRequested, dependencies: Dependencies) -> None:
    """The same for clones."""
    dependencies.worker.ring()


@subscriptions.on(VoiceModelCancelled, every_replica=True)
async def drop_cancelled_training(event: VoiceModelCancelled, dependencies: Dependencies) -> None:
    """Whoever trains it stops."""
    dependencies.worker.recheck(event.voice_model_id)


@subscriptions.on(ConsentRevoked, idempotent=True)
async def withdraw(event: ConsentRevoked, dependencies: Dependencies) -> None:
    """Whoever revoked it has tried already, but may have died half-way."""
    await withdraw_voices(event.consent_id, dependencies.studio)
