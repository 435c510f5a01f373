"""Measurement of users and queues for administrators."""

from datetime import timedelta

from echo_auth.dependencies import Dependencies
from echo_common.clock import now
from echo_common.contracts.http.statistics import Measurements, QueueState, UserCounts
from echo_common.contracts.values import Plan


async def measure_auth(deps: Dependencies) -> Measurements:
    """Measure the current state."""
    backlogs, moment = await deps.worker.backlogs(), now()
    return Measurements(
        users=UserCounts(
            total=await deps.users.count({}),
            guests=await deps.users.count({"plan": Plan.GUEST.value}),
            active_day=await deps.users.count({"last_active_date": {"$gte": moment - timedelta(days=1)}}),
            active_month=await deps.users.count({"last_active_date": {"$gte": moment - timedelta(days=30)}}),
        ),
        queues=[
            QueueState(queue=name, pending=backlog.pending, age_seconds=backlog.age_seconds)
            for name, backlog in backlogs.items()
        ],
    )
