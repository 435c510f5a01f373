"""Bodies of the administrators' API."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class DeadLetterView(BaseModel):
    """A message that a service has given up on. `body` and `headers` are shown for one dead letter, not in lists."""

    id: str
    service: str
    topic: str
    event_version: int
    error: str
    attempts: int
    died_at: datetime
    body: Any = None
    headers: dict[str, str] | None = None


class ReplayRequest(BaseModel):
    """Which dead letter to deliver again, and to which service."""

    service: str = Field(min_length=1, max_length=40)
    id: str = Field(min_length=1, max_length=200)
