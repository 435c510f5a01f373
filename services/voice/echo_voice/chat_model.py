"""The port of language models that write the replies of echos."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A turn of a conversation."""

    role: Literal["user", "echo"]
    text: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """The context of a reply: system prompt and turns, oldest first. Roles alternate; the last turn is the user's.

    `max_tokens` bounds the reply.
    """

    system: str
    turns: Sequence[ChatTurn]
    max_tokens: int = 512


class ChatModel(Protocol):
    """A language model. It keeps nothing between two requests."""

    @property
    def name(self) -> str:
        """Adapter and model, as shown to operators: `openai:llama3.2`."""
        ...

    @property
    def available(self) -> bool:
        """False if a requirement is missing, so that every reply raises `ChatModelMissingError`."""
        ...

    def reply(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        """Stream the reply's text as the model writes it, in parts that are not empty.

        The generator ends only after a complete reply with text. Closing it closes the model's stream at once. Nothing connects
        before the first step.

        Raises:
            ChatModelMissingError: No model is configured, or a requirement of it is missing.
            ChatModelUnavailableError: The model cannot be reached, is overloaded, or rejects the credentials.
            ChatTimeoutError: The first part, or a later one, did not arrive in time.
            ChatRefusedError: The model or its filter refused to reply.
            ChatReplyEmptyError: The reply has no text.
            ChatReplyIncompleteError: The stream ended in the middle, or at the maximum length.
        """
        ...

    def health(self) -> Mapping[str, str]:
        """Return the `model` and its `state` in a few words, without asking the model."""
        ...

    async def close(self) -> None:
        """Close connections and free the model."""
        ...
