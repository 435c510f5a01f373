"""Response bodies of the error log."""

from datetime import datetime

from pydantic import BaseModel, Field


class ErrorEntry(BaseModel):
    """An entry of the error log; equal errors within some seconds, in the background within a minute, are one entry."""

    id: str
    service: str
    error_type: str
    error_message: str
    stack_trace: str | None
    source: str = Field(description="Origin: `request`, `task`, `event` or `background`.")
    subject: str | None = Field(description="Path template, work queue, topic or name of the loop.")
    trace_id: str | None = Field(description="Trace of the first of the errors.")
    request_id: str | None = Field(description="Request of the first of the errors.")
    count: int = Field(description="Number of errors.")
    timestamp: datetime = Field(description="Time of the first of the errors.")
    last_at: datetime = Field(description="Time of the last of the errors.")
