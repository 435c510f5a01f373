"""Current statistics of the platform, combined from all services."""

import asyncio
from typing import Annotated, Final

from fastapi import Depends, Request

from echo_common.auth.dependencies import Administrator
from echo_common.contracts.http.statistics import (
    MEASUREMENTS_PATH,
    Measurements,
    PlatformStatistics,
    ServiceQueueState,
    ServiceStorage,
)
from echo_common.errors import EchoError
from echo_common.http.client import ServiceClient
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.proxy_options import PUBLIC_ROOT
from echo_common.service import dependencies_of
from echo_gateway.dependencies import Dependencies

_SECONDS: Final = 5.0
_INTERNAL: Final = 500
_EXAMPLE: Final = {
    "users": {"total": 120, "guests": 30, "active_day": 17, "active_month": 64},
    "jobs": {"pending": 3, "processing": 2, "completed": 4100, "failed": 12, "cancelled": 7},
    "queues": [{"service": "synthesis", "queue": "jobs", "pending": 3, "age_seconds": 1.5}],
    "engines": [{"engine": "kokoro", "state": "ready", "workers": 2, "busy": 2, "queued": 4, "restarts": 0}],
    "storage": [{"service": "synthesis", "stored_bytes": 1073741824}],
    "last_day": None,
    "unavailable": [],
}

Deps = Annotated[Dependencies, Depends(dependencies_of)]

statistics = PublicRouter("admin", root="", prefix=PUBLIC_ROOT)


@statistics.endpoint("GET", "/admin/stats", example=enveloped(_EXAMPLE))
async def get_statistics(request: Request, deps: Deps, _: Administrator) -> Success[PlatformStatistics]:
    """Get the current statistics of the platform.

    Users, jobs by status, work queues, engines, storage, and what happened in the last 24 hours. Each service measures its own part;
    `unavailable` names those that do not respond.
    """
    authorization = request.headers.get("authorization", "")
    found = await asyncio.gather(*(_measure(client, authorization) for client in deps.clients.values()))
    parts = dict(zip(deps.clients, found, strict=True))
    known = {name: part for name, part in parts.items() if part is not None}
    return ok(
        PlatformStatistics(
            users=next((part.users for part in known.values() if part.users), None),
            jobs=next((part.jobs for part in known.values() if part.jobs), None),
            queues=[
                ServiceQueueState(service=name, **queue.model_dump()) for name, part in known.items() for queue in part.queues
            ],
            engines=[engine for part in known.values() for engine in part.engines],
            storage=[
                ServiceStorage(service=name, stored_bytes=part.storage_bytes)
                for name, part in known.items()
                if part.storage_bytes is not None
            ],
            last_day=next((part.last_day for part in known.values() if part.last_day), None),
            unavailable=sorted(parts.keys() - known.keys()),
        )
    )


async def _measure(client: ServiceClient, authorization: str) -> Measurements | None:
    """Return the part of a service; None if it does not respond or fails. Raises its refusal of the token."""
    try:
        found = await client.request("GET", MEASUREMENTS_PATH, headers={"Authorization": authorization}, seconds=_SECONDS)
    except EchoError as error:
        if error.status >= _INTERNAL:
            return None
        raise
    return Measurements.model_validate(found)
