"""Response bodies of sessions."""

from datetime import datetime

from pydantic import BaseModel, Field


class SessionView(BaseModel):
    """A session of the current user."""

    id: str
    device: str = Field(description="Program and system of the client that logged in, as far as its user agent names them.")
    address: str | None = Field(description="Address from which the client logged in.")
    start_time: datetime = Field(description="Time of the login.")
    expiry_time: datetime = Field(description="Time at which the session ends unless it is refreshed.")
    last_activity: datetime = Field(description="Time of the last refresh, or of the login.")
    current: bool = Field(description="Whether this request belongs to the session.")


class EndedSessions(BaseModel):
    """The number of ended sessions."""

    ended: int
