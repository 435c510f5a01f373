"""The port of an adapter: it streams a model's reply and translates its errors; `ConfiguredChatModel` checks the reply."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from echo_voice.chat_model import ChatRequest, ChatTurn


class ChatAdapter(Protocol):
    """A connection to a language model, opened for the first reply."""

    def stream(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        """Stream the text of a reply; empty parts are ignored. Closing the generator closes the model's stream.

        Raises the errors of `ChatModel.reply`, except those that depend on the time or on the whole text. Messages quote
        nothing that the model's server sends, because it may repeat the text of a user.
        """
        ...

    async def close(self) -> None:
        """Close connections and processes."""
        ...


@dataclass(frozen=True, slots=True)
class ChatSpec:
    """A configured language model: its adapter's kind, its name, and the time limit for the first part.

    `missing` returns the missing requirements, each with a remedy; called for every reply, so it must be fast. `load` imports
    the library of the adapter, which takes long: call it in a thread.
    """

    kind: str
    model: str
    first_seconds: float
    missing: Callable[[], Sequence[str]]
    load: Callable[[], ChatAdapter]

    @property
    def name(self) -> str:
        """Kind and model, as shown to operators."""
        return f"{self.kind}:{self.model}"


def begin_with_user(turns: Sequence[ChatTurn]) -> Sequence[ChatTurn]:
    """Return the turns, after a turn of the user if the echo's greeting is the first: the templates of many models require that."""
    return [ChatTurn("user", "…"), *turns] if turns and turns[0].role == "echo" else turns
