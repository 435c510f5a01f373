"""Is it alive, is it ready, and if not, which part is missing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from fastapi import APIRouter, BackgroundTasks, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel

from echo_common.errors import EchoError

Check = Callable[[], Awaitable[Mapping[str, Any] | None]]
"""Raises an `EchoError` when its part is not usable; may return facts worth showing."""

_CHECK_SECONDS = 3.0
_FRESH = 1.0
_TOLD_AGAIN = 2.0


class PartHealth(BaseModel):
    """One part of a service."""

    status: Literal["ok", "down"]
    milliseconds: float
    reason: str | None = None
    facts: dict[str, Any] = {}


class Health(BaseModel):
    """A service and its parts; `status` is `ok` only when every part is."""

    status: Literal["ok", "degraded"]
    service: str
    parts: dict[str, PartHealth]


async def _examine(check: Check) -> PartHealth:
    started = time.perf_counter()

    def took() -> float:
        return round((time.perf_counter() - started) * 1000, 2)

    try:
        facts = await asyncio.wait_for(check(), _CHECK_SECONDS)
    except EchoError as error:
        return PartHealth(status="down", milliseconds=took(), reason=error.message)
    except TimeoutError:
        return PartHealth(status="down", milliseconds=took(), reason=f"No answer within {_CHECK_SECONDS:g} seconds.")
    return PartHealth(status="ok", milliseconds=took(), facts=dict(facts or {}))


class Watch:
    """The parts of one service.

    That all of them were well a moment ago is told again, for `_TOLD_AGAIN` seconds at most, and looked at anew afterwards:
    many ask, also while every processor is busy. What is not well is looked at each time.
    """

    def __init__(self, service: str, checks: Mapping[str, Check]) -> None:
        self._service = service
        self._checks = checks
        self._seen: Health | None = None
        self._since = 0.0
        self._looking = False

    async def health(self, afterwards: BackgroundTasks) -> Health:
        """How the parts are; what is left to do once this has been told is put into `afterwards`."""
        age = time.monotonic() - self._since
        if self._seen is None or self._seen.status != "ok" or age > _TOLD_AGAIN:
            return await self.look()
        if age > _FRESH and not self._looking:
            self._looking = True
            afterwards.add_task(self.look)
        return self._seen

    async def look(self) -> Health:
        """Run all checks at once, each for at most three seconds."""
        try:
            found = await asyncio.gather(*map(_examine, self._checks.values()))
        finally:
            self._looking = False
        parts = dict(zip(self._checks, found, strict=True))
        sound = all(part.status == "ok" for part in found)
        self._since = time.monotonic()
        self._seen = Health(status="ok" if sound else "degraded", service=self._service, parts=parts)
        return self._seen


def health_router(service: str, checks: Mapping[str, Check], registry: CollectorRegistry) -> APIRouter:
    """`/healthz` (the process runs), `/readyz` (503 unless every part is usable now), `/health` (the details), `/metrics`."""
    router = APIRouter(tags=["health"])
    watch = Watch(service, checks)

    @router.get("/healthz", summary="The process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="The service can do its work", response_model=Health)
    async def readyz(response: Response) -> Health:
        health = await watch.look()
        if health.status != "ok":
            response.status_code = 503
            response.headers["Retry-After"] = "2"
        return health

    @router.get("/health", summary="The service and its parts", response_model=Health)
    async def health(afterwards: BackgroundTasks) -> Health:
        return await watch.health(afterwards)

    @router.get("/metrics", summary="Prometheus metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
