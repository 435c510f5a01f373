"""Errors of conversations with echos."""

from echo_common.errors import ConflictError, EchoError, NotFoundError


class MessageNotFoundError(NotFoundError):
    """Message not found; list messages with GET /api/v1/echos/{echo_id}/messages."""

    code = "MESSAGE_NOT_FOUND"


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
