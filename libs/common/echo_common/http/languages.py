"""The language of the current request."""

from contextvars import ContextVar

from echo_common.messages.catalogue import negotiate

accepted_languages: ContextVar[str] = ContextVar("accepted_languages", default="")
"""The header `Accept-Language` of the current request; `RequestTelemetry` sets it."""


def request_language() -> str:
    """Return the language for messages to the client of the current request."""
    accepted = accepted_languages.get()
    return negotiate(accepted) if accepted else "en"
