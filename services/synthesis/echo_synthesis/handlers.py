"""What synthesis does about events."""

from dataclasses import dataclass

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.synthesis import AudioDeleted, JobCancelled, JobQueued
from echo_common.contracts.events.voice import (
    VoiceModelDeleted,
    VoiceModelReady,
    VoiceModelRenamed,
    VoiceModelShared,
    VoiceModelUnshared,
    VoiceModelWithdrawn,
    VoiceSelected,
)
from echo_synthesis.enginepool import EnginePool
from echo_synthesis.usecases import Studio, remove_objects
from echo_synthesis.worker import Worker


@dataclass(frozen=True)
class Dependencies:
    """What routes and handlers need."""

    studio: Studio
    worker: Worker
    pool: EnginePool


subscriptions = Subscriptions[Dependencies]()


@subscriptions.on(JobQueued, every_replica=True)
async def look_for_work(_: JobQueued, dependencies: Dependencies) -> None:
    """Every idle worker is woken; the database decides who gets the job, and the sweep finds it when no bell rang."""
    dependencies.worker.ring()


@subscriptions.on(JobCancelled, every_replica=True)
async def drop_cancelled_work(event: JobCancelled, dependencies: Dependencies) -> None:
    """Whoever runs the job stops."""
    dependencies.worker.recheck(event.job_id)


@subscriptions.on(AudioDeleted)
async def remove_what_is_left(event: AudioDeleted, dependencies: Dependencies) -> None:
    """Should whoever deleted the audio have died before its objects were gone."""
    await remove_objects(event.audio_id, dependencies.studio)


@subscriptions.on(VoiceModelReady, idempotent=True)
async def learn_of_clone(event: VoiceModelReady, dependencies: Dependencies) -> None:
    """One may speak with it from now on."""
    await dependencies.studio.clones.learn(event)


@subscriptions.on(VoiceModelRenamed, idempotent=True)
async def learn_new_name(event: VoiceModelRenamed, dependencies: Dependencies) -> None:
    """It is listed by another name."""
    await dependencies.studio.clones.learn(event)


@subscriptions.on(VoiceModelShared, idempotent=True)
async def learn_of_share(event: VoiceModelShared, dependencies: Dependencies) -> None:
    """More people may speak with it."""
    await dependencies.studio.clones.learn(event)


@subscriptions.on(VoiceModelUnshared, idempotent=True)
async def learn_of_end_of_share(event: VoiceModelUnshared, dependencies: Dependencies) -> None:
    """Fewer people may speak with it."""
    await dependencies.studio.clones.learn(event)


@subscriptions.on(VoiceModelWithdrawn, idempotent=True)
async def withdraw_clone(event: VoiceModelWithdrawn, dependencies: Dependencies) -> None:
    """Nobody may speak with it any more, and what it has said and is kept goes."""
    await dependencies.studio.clones.learn(event)
    await dependencies.studio.cache.purge(event.voice_model_id)


@subscriptions.on(VoiceModelDeleted, idempotent=True)
async def forget_clone(event: VoiceModelDeleted, dependencies: Dependencies) -> None:
    """The same; finished audio stays."""
    await dependencies.studio.clones.learn(event)
    await dependencies.studio.cache.purge(event.voice_model_id)


@subscriptions.on(VoiceSelected, idempotent=True)
async def remember_selection(event: VoiceSelected, dependencies: Dependencies) -> None:
    """It speaks when a request of this user names no voice."""
    await dependencies.studio.clones.select(event)
