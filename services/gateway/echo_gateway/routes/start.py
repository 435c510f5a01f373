"""Endpoints of the gateway itself: start page and health."""

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel

from echo_common.errors import InternalError, RateLimitedError, ValidationError
from echo_common.http.envelope import documented
from echo_common.http.health import HealthChecks, HealthSummary
from echo_common.http.queries import only_known

start = APIRouter(tags=["start"])


class Welcome(BaseModel):
    """The name and the links of this API."""

    name: str = "Echo"
    about: str = "Text in, speech out: a self-hosted voice platform."
    docs: str = "/docs"
    openapi: str = "/openapi.json"
    health: str = "/health"


def _ok(example: BaseModel) -> dict[int | str, dict[str, object]]:
    return {200: {"content": {"application/json": {"example": example.model_dump()}}}}


@start.get(
    "/",
    operation_id="get_welcome",
    summary="Get the name and the links of this API",
    responses=_ok(Welcome()) | documented(RateLimitedError, InternalError),
)
async def welcome() -> Welcome:
    """Get the name and the links of this API."""
    return Welcome()


@start.get(
    "/api/v1/health",
    operation_id="get_health",
    summary="Get the health of the platform",
    tags=["health"],
    responses=_ok(HealthSummary(status="ok")) | documented(ValidationError, InternalError),
    dependencies=[Depends(only_known)],
)
async def get_health(request: Request, afterwards: BackgroundTasks) -> HealthSummary:
    """Get the health of the platform."""
    checks: HealthChecks = request.app.state.health
    return HealthSummary(status=(await checks.health(afterwards)).status)
