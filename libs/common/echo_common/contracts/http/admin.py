"""Request and response bodies of the administrators' API."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class DeadLetterView(BaseModel):
    """A dead letter. `body` and `headers` are included for a single dead letter, not in lists."""

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
    """The dead letter to deliver again, and its service."""

    service: str = Field(min_length=1, max_length=40, examples=["synthesis"])
    id: str = Field(min_length=1, max_length=200, examples=["evt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])
