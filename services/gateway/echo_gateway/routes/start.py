"""Where to begin."""

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from pydantic import BaseModel

from echo_common.errors import InternalError, RateLimitedError, ValidationError
from echo_common.http.envelope import documented
from echo_common.http.health import HealthSummary, Watch
from echo_common.http.queries import only_known

start = APIRouter(tags=["start"])


class Welcome(BaseModel):
    """Get the name and the links of this API."""

    name: str = "Echo"
    about: str = "Text in, speech out: a self-hosted voice platform."
    docs: str = "/docs"
    openapi: str = "/openapi.json"
    health: str = "/health"


@start.get("/", operation_id="get_welcome", responses=documented(RateLimitedError, InternalError))
async def welcome() -> Welcome:
    """Get the name and the links of this API."""
    return Welcome()


@start.get(
    "/api/v1/health",
    operation_id="get_health",
    tags=["health"],
    responses=documented(ValidationError, InternalError),
    dependencies=[Depends(only_known)],
)
async def get_health(request: Request, afterwards: BackgroundTasks) -> HealthSummary:
    """Get the health of the platform."""
    watch: Watch = request.app.state.watch
    return HealthSummary(status=(await watch.health(afterwards)).status)
