"""Errors of conversations with echos, and of language models."""

from echo_common.errors import ConflictError, EchoError, NotFoundError, ServiceUnavailableError


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


class RecogniserMissingError(ServiceUnavailableError):
    """Speech cannot be recognised here. Install the extra `recogniser` of the voice service, and set ECHO_VOICE_RECOGNISER=true."""

    code = "RECOGNISER_MISSING"


class MessageNotFoundError(NotFoundError):
    """Message not found; list messages with GET /api/v1/echos/{echo_id}/messages."""

    code = "MESSAGE_NOT_FOUND"


class MessageTooLongError(EchoError):
    """The message and the echo's persona exceed the context of the language model; shorten one of them, or raise ECHO_VOICE_CHAT_CONTEXT_CHARACTERS."""

    code = "MESSAGE_TOO_LONG"
    status = 422


class NoSpeechError(EchoError):
    """The recording has no speech that was understood; speak closer to the microphone, or send text."""

    code = "RECORDING_WITHOUT_SPEECH"
    status = 422


class ReplyInProgressError(ConflictError):
    """The echo is still replying to you; wait for its reply, or retry after the time in Retry-After."""

    code = "REPLY_IN_PROGRESS"


class ConversationDeletedError(NotFoundError):
    """The conversation was deleted while the echo replied; send the message again."""

    code = "CONVERSATION_DELETED"
    status = 409


CHAT = (
    ChatModelMissingError,
    ChatModelUnavailableError,
    ChatTimeoutError,
    ChatRefusedError,
    ChatReplyEmptyError,
    ChatReplyIncompleteError,
)
"""Errors of every endpoint that asks a language model for a reply."""
