"""Where to begin."""

from fastapi import APIRouter
from pydantic import BaseModel

from echo_common.errors import InternalError, RateLimitedError
from echo_common.http.envelope import documented

start = APIRouter(tags=["start"])


class Welcome(BaseModel):
    """What this is, and where to read on."""

    name: str = "Echo"
    about: str = "Text in, speech out: a self-hosted voice platform."
    docs: str = "/docs"
    openapi: str = "/openapi.json"
    health: str = "/health"


@start.get("/", operation_id="welcome", responses=documented(RateLimitedError, InternalError))
async def welcome() -> Welcome:
    """What this is, and where to read on."""
    return Welcome()
