"""Health checks, readiness and metrics of a service, public or for the operator alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import structlog
from fastapi import APIRouter, BackgroundTasks, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from echo_common.auth.dependencies import Bearer, authorize
from echo_common.auth.principal import Scope
from echo_common.background_tasks import report_failure
from echo_common.errors import EchoError, ForbiddenError, UnauthenticatedError
from echo_common.http.envelope import documented
from echo_common.http.internal import is_internal
from echo_common.metrics import Metrics, Sample

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[Mapping[str, Any] | None]]
"""A check that raises an `EchoError` when its part is not usable; may return details to show."""

_CHECK_SECONDS = 3.0
_FRESH_SECONDS = 1.0
_REUSED_SECONDS = 2.0
_EXAMPLE = {
    "status": "ok",
    "service": "synthesis",
    "parts": {"database": {"status": "ok", "milliseconds": 0.42, "reason": None, "facts": {}}},
}


class PartHealth(BaseModel):
    """One part of a service."""

    status: Literal["ok", "down"]
    milliseconds: float
    reason: str | None = None
    facts: dict[str, Any] = {}


class HealthSummary(BaseModel):
    """The state of a service; `status` is `ok` only when every part is."""

    status: Literal["ok", "degraded"]


class Health(BaseModel):
    """A service and its parts; `status` is `ok` only when every part is."""

    status: Literal["ok", "degraded"]
    service: str
    parts: dict[str, PartHealth]


async def _run_check(check: Check) -> PartHealth:
    started = time.perf_counter()

    def took() -> float:
        return round((time.perf_counter() - started) * 1000, 2)

    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            facts = await check()
    except EchoError as error:
        return PartHealth(status="down", milliseconds=took(), reason=error.message)
    except TimeoutError:
        return PartHealth(status="down", milliseconds=took(), reason=f"No response within {_CHECK_SECONDS:g} seconds.")
    except Exception as error:  # a health check must report any failure
        report_failure(log, "health_check", error)
        return PartHealth(status="down", milliseconds=took(), reason="The check itself failed; see the log.")
    return PartHealth(status="ok", milliseconds=took(), facts=dict(facts or {}))


class HealthChecks:
    """Health checks of one service.

    A healthy result is reused for up to `_REUSED_SECONDS` seconds and refreshed in the background, because many clients poll, also
    while every processor is busy. A failed result is never reused.
    """

    def __init__(self, service: str, checks: Mapping[str, Check], metrics: Metrics) -> None:
        self._service = service
        self._gauge = metrics.http.health
        self._checks = checks
        self._latest: Health | None = None
        self._checked_at = 0.0
        self._refreshing = False
        self._running: asyncio.Future[Health] | None = None

    async def health(self, afterwards: BackgroundTasks) -> Health:
        """Return the health of the parts, reused while fresh; add a refresh to `afterwards` when it is due."""
        age = time.monotonic() - self._checked_at
        if self._latest is None or self._latest.status != "ok" or age > _REUSED_SECONDS:
            return await self.run()
        if age > _FRESH_SECONDS and not self._refreshing:
            self._refreshing = True
            afterwards.add_task(self.run)
        return self._latest

    async def run(self) -> Health:
        """Run all checks concurrently, each for at most three seconds; join a run in progress."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run_all())
        return await asyncio.shield(self._running)

    async def measure(self) -> Sequence[Sample]:
        """Return the state of each part for the metrics, from a result that may be two seconds old."""
        recent = self._latest if time.monotonic() - self._checked_at <= _REUSED_SECONDS else None
        parts = (recent or await self.run()).parts
        return [(self._gauge.labels(self._service, name), float(part.status == "ok")) for name, part in parts.items()]

    async def _run_all(self) -> Health:
        try:
            found = await asyncio.gather(*map(_run_check, self._checks.values()))
        finally:
            self._refreshing = False
        parts = dict(zip(self._checks, found, strict=True))
        sound = all(part.status == "ok" for part in found)
        self._checked_at = time.monotonic()
        self._latest = Health(status="ok" if sound else "degraded", service=self._service, parts=parts)
        return self._latest


async def is_operator(request: Request, bearer: Bearer) -> bool:
    """Return whether a request came in through the internal listener, or with an administrator's token."""
    if is_internal(request.scope):
        return True
    if bearer is None:
        return False
    try:
        await authorize(request, bearer, Scope.ADMIN)
    except EchoError:
        return False
    return True


async def require_operator(request: Request, bearer: Bearer) -> None:
    """Raise `UnauthenticatedError` or `ForbiddenError` unless the request is the operator's."""
    if not is_internal(request.scope):
        await authorize(request, bearer, Scope.ADMIN)


def health_router(checks: HealthChecks, metrics: Metrics, *, restricted: bool = False) -> APIRouter:
    """Return the routes `/healthz`, `/health`, `/readyz` (503 unless every part is usable now) and `/metrics`.

    When `restricted`, the details of `/health`, `/readyz` and `/metrics` are for the operator: see `is_operator`.
    """
    router = APIRouter(tags=["health"])
    refusals = documented(UnauthenticatedError, ForbiddenError) if restricted else {}
    guards = [Depends(require_operator)] if restricted else []

    @router.get(
        "/healthz",
        operation_id="check_liveness",
        summary="Check that the process runs",
        responses={200: {"content": {"application/json": {"example": {"status": "ok"}}}}},
    )
    async def healthz() -> dict[str, str]:
        """Check that the process runs. Other parts are not checked."""
        return {"status": "ok"}

    @router.get(
        "/readyz",
        operation_id="check_readiness",
        summary="Check that the service is ready",
        response_model=Health,
        dependencies=guards,
        responses={**refusals, 200: {"content": {"application/json": {"example": _EXAMPLE}}}},
    )
    async def readyz(response: Response) -> Health:
        """Check every part now; 503 while any is not usable."""
        health = await checks.run()
        if health.status != "ok":
            response.status_code = 503
            response.headers["Retry-After"] = "2"
        return health

    @router.get(
        "/health",
        operation_id="get_service_health",
        summary="Get the health of the service",
        response_model=Health | HealthSummary,
        responses={200: {"content": {"application/json": {"example": _EXAMPLE}}}},
    )
    async def health(request: Request, bearer: Bearer, afterwards: BackgroundTasks) -> Health | HealthSummary:
        """Get the status, with every part for operators. A healthy result may be cached for two seconds."""
        found = await checks.health(afterwards)
        if restricted and not await is_operator(request, bearer):
            return HealthSummary(status=found.status)
        return found

    @router.get("/metrics", summary="Get Prometheus metrics", include_in_schema=False, dependencies=guards)
    async def get_metrics() -> Response:
        return Response(await metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router
