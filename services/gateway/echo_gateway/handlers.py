"""Events the gateway listens to: each replica rings for those who watch the job there."""

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.synthesis import JobCancelled, JobCompleted, JobFailed, JobProgressed, JobStarted
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
