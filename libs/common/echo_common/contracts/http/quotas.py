"""Response bodies of quotas."""

from datetime import datetime
from typing import Final, Literal

from pydantic import BaseModel, Field

USAGE_PATH: Final = "/internal/usage"


class UsageView(BaseModel):
    """The use of a quota."""

    metric: str = Field(description="The counted quantity.")
    used: int
    limit: int | None = Field(description="The quota of the plan; null for none.")
    period: Literal["minute", "day", "total"] = Field(description="Time over which it is counted; `total` counts the present.")
    resets_at: datetime | None = Field(description="Time at which the count starts again; null for a total.")
