"""Response bodies of API usage."""

from datetime import date, datetime

from pydantic import BaseModel, Field


class ApiUsage(BaseModel):
    """Requests to an endpoint in a day."""

    day: date = Field(description="Day in UTC.")
    endpoint: str = Field(description="Method and path template.")
    request_count: int
    client_errors: int = Field(description="Responses with a status from 400 to 499.")
    server_errors: int = Field(description="Responses with a status from 500.")
    last_request: datetime
    daily_limit: int | None = Field(
        description="Daily quota of syntheses of the plan, which all endpoints with a limit share; null for endpoints without a limit."
    )


class UserApiUsage(ApiUsage):
    """Requests of a user to an endpoint in a day."""

    user_id: str | None = Field(
        description="User; null for requests without a valid credential, of deleted users, and beyond what a gateway can hold in an outage."
    )
