"""Content of the events of errors."""

from datetime import datetime

from pydantic import Field

from echo_common.contracts.event import DomainEvent


class ErrorLogged(DomainEvent):
    """An error of a service: an unhandled exception, a failed job or a dead letter.

    Equal errors within some seconds are one event with their number. The message and the stack trace are bounded and hold
    no secrets. Times are those of the first and the last of the errors, the trace and the request those of the first.
    """

    error_type: str = Field(description="The class of the exception, or the code of the error.")
    error_message: str
    stack_trace: str | None = None
    source: str = Field(description="Part of the service that logged it: `request`, `task`, `event` or `background`.")
    subject: str | None = Field(None, description="Path template, work queue or topic.")
    trace_id: str | None = None
    request_id: str | None = None
    count: int = 1
    last_at: datetime
