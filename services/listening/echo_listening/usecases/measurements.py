"""Measurement of queues and storage for administrators."""

from echo_common.contracts.http.statistics import Measurements, QueueState
from echo_listening.dependencies import Dependencies


async def measure_listening(deps: Dependencies) -> Measurements:
    """Measure the current state."""
    backlogs = await deps.worker.backlogs()
    return Measurements(
        queues=[
            QueueState(queue=name, pending=backlog.pending, age_seconds=backlog.age_seconds)
            for name, backlog in backlogs.items()
        ],
        storage_bytes=await deps.stored_bytes.get(),
    )
