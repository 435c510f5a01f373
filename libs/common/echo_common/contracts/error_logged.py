"""Content of the events of errors."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from echo_common.contracts.event import DomainEvent

TYPE_CHARACTERS: Final = 200
MESSAGE_CHARACTERS: Final = 1_000
TRACE_CHARACTERS: Final = 8_000
_MORE: Final = "…"
_TOPIC: Final = ".error_logged"


def is_error_topic(topic: str) -> bool:
    """Return whether events of a topic report errors; a failure to handle one is not reported, which would never end."""
    return topic.endswith(_TOPIC)


def _shorten(text: Any, *, characters: int, keep_end: bool = False) -> Any:
    """Shorten a text to its start or its end, and replace characters that UTF-8 cannot encode; leave other values to pydantic."""
    if not isinstance(text, str):
        return text
    if len(text) > characters:
        text = _MORE + text[1 - characters :] if keep_end else text[: characters - 1] + _MORE
    return text.encode(errors="replace").decode()  # the names of files may hold lone surrogates


class ErrorLogged(DomainEvent):
    """An error of a service: an unhandled exception, a failed job, a dead letter, or an error of a loop in the background.

    Equal errors within some seconds, in the background within a minute, are one event with their number. Longer texts are
    shortened: the start of a message and the end of a stack trace, its most recent frames, are kept. They hold no secrets.
    Times are those of the first and the last of the errors, the trace and the request those of the first.
    """

    error_type: Annotated[str, BeforeValidator(partial(_shorten, characters=TYPE_CHARACTERS))] = Field(
        description="The class of the exception, or the code of the error."
    )
    error_message: Annotated[str, BeforeValidator(partial(_shorten, characters=MESSAGE_CHARACTERS))]
    stack_trace: Annotated[str | None, BeforeValidator(partial(_shorten, characters=TRACE_CHARACTERS, keep_end=True))] = None
    source: str = Field(description="Part of the service that logged it: `request`, `task`, `event` or `background`.")
    subject: Annotated[str | None, BeforeValidator(partial(_shorten, characters=TYPE_CHARACTERS))] = Field(
        None, description="Path template, work queue, topic or name of the loop."
    )
    trace_id: str | None = None
    request_id: str | None = None
    count: int = 1
    last_at: datetime
