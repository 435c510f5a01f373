"""Request and response bodies of the administrators' API."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, StrictBool, StrictInt, StrictStr

from echo_common.contracts.http.base import RequestBody

SettingValue = StrictBool | StrictInt | StrictStr
"""Value of a system setting."""


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


class SystemSettingView(BaseModel):
    """A system setting."""

    key: str
    value: SettingValue = Field(description="Value in force.")
    default: SettingValue
    description: str
    minimum: int | None = Field(description="Smallest value, of a number.")
    maximum: int | None = Field(description="Largest value, of a number.")
    choices: list[str] | None = Field(description="Permitted values; null permits all of the type.")
    last_updated: datetime | None = Field(description="Time of the last change; null if never changed.")
    updated_by: str | None = Field(description="Id of the user who made the last change.")


class ChangeSettingsRequest(RequestBody):
    """Changes of system settings."""

    values: dict[str, SettingValue | None] = Field(
        min_length=1,
        max_length=100,
        description="New values by key; null sets a setting back to its default.",
        examples=[{"auth.verify_email": True}],
    )
