"""What synthesis does about events."""

from dataclasses import dataclass

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.synthesis import AudioDeleted, JobCancelled, JobQueued
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
    dependencies.worker.drop(event.job_id)


@subscriptions.on(AudioDeleted)
async def remove_what_is_left(event: AudioDeleted, dependencies: Dependencies) -> None:
    """Should whoever deleted the audio have died before its objects were gone."""
    await remove_objects(event.audio_id, dependencies.studio)
