"""Measurement of jobs, queues, engines and storage for administrators."""

from echo_common.contracts.http.statistics import EngineState, JobStates, Measurements, QueueState
from echo_common.contracts.values import JobStatus
from echo_synthesis.dependencies import Dependencies


async def measure_synthesis(deps: Dependencies) -> Measurements:
    """Measure the current state."""
    counts = {status.value: await deps.jobs.count({"status": status.value}) for status in JobStatus}
    backlogs = await deps.worker.backlogs()
    return Measurements(
        jobs=JobStates(**counts),
        queues=[
            QueueState(queue=name, pending=backlog.pending, age_seconds=backlog.age_seconds)
            for name, backlog in backlogs.items()
        ],
        engines=[
            EngineState(
                engine=name,
                state=health.state,
                workers=health.workers_alive,
                busy=health.workers_busy,
                queued=health.queued,
                restarts=health.restarts,
            )
            for name, health in deps.pool.health().items()
        ],
        storage_bytes=await deps.stored_bytes.get() + deps.cache.size_bytes,
    )
