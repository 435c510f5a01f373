"""Response bodies of retention: the treatment of accounts without activity."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field


class RetentionStep(StrEnum):
    """A step of the retention of an inactive account."""

    WARN = "warn"
    ARCHIVE = "archive"
    ERASE = "erase"


class RetentionItem(BaseModel):
    """An account that is due for a step."""

    user_id: str
    step: RetentionStep
    last_active_date: datetime | None


class RetentionReport(BaseModel):
    """Accounts that are due for a step."""

    counts: dict[RetentionStep, int] = Field(description="Number of accounts by step.")
    items: list[RetentionItem] = Field(description="The first 100 accounts.")
