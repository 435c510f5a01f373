"""Errors of language models."""

from echo_common.errors import EchoError, ServiceUnavailableError


class ChatModelMissingError(ServiceUnavailableError):
    """No language model is configured. Set ECHO_VOICE_CHAT to gemini or openai with its address and key, or install a local model: see `echoctl models --help`."""

    code = "CHAT_MODEL_MISSING"


class ChatModelUnavailableError(ServiceUnavailableError):
    """The language model cannot be reached; try again shortly."""

    code = "CHAT_MODEL_UNAVAILABLE"


class ChatTimeoutError(EchoError):
    """The language model did not reply in time; try again."""

    code = "CHAT_TIMEOUT"
    status = 504


class ChatRefusedError(EchoError):
    """The language model refused to reply; change the message or the persona."""

    code = "CHAT_REFUSED"
    status = 422


class ChatReplyEmptyError(EchoError):
    """The language model returned an empty reply; try again."""

    code = "CHAT_REPLY_EMPTY"
    status = 502


class ChatReplyIncompleteError(EchoError):
    """The language model's reply broke off; try again."""

    code = "CHAT_REPLY_INCOMPLETE"
    status = 502


CHAT = (
    ChatModelMissingError,
    ChatModelUnavailableError,
    ChatTimeoutError,
    ChatRefusedError,
    ChatReplyEmptyError,
    ChatReplyIncompleteError,
)
"""Errors of every endpoint that asks a language model for a reply."""
