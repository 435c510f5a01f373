"""Language models for the suite of their port: a scripted one, and the adapters with local servers of their wire formats."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr

from echo_common.contracts.errors.chat import ChatModelUnavailableError, ChatRefusedError, ChatReplyIncompleteError
from echo_common.errors import EchoError
from echo_common.metrics import Metrics
from echo_voice.chat_model import ChatModel, ChatRequest, ChatTurn
from echo_voice.chat_models import open_chat_model
from echo_voice.chat_models.settings import ChatSettings
from tests.support import gemini_server, openai_server
from tests.support.chat_model import ScriptedChatModel
from tests.support.provider import Provider

KEY = "chat-secret-key"
_SECONDS = 10.0
"""Time limit of each part of a reply, where a test sets no other."""
HELLO = ChatRequest("You are Ada.", (ChatTurn("user", "Hello!"),))
SECRET = "the secret of the user"
CONVERSATION = ChatRequest(
    "You are Ada.",
    (ChatTurn("echo", "Ahoy!"), ChatTurn("user", SECRET), ChatTurn("echo", "I see."), ChatTurn("user", "Go on.")),
    100,
)


class ChatBackend(Protocol):
    """A language model whose next reply a test determines."""

    model: ChatModel

    def say(self, *parts: str) -> None:
        """Reply in these parts."""

    def say_and_cut(self, *parts: str) -> None:
        """End in the middle of the reply."""

    def say_and_stall(self, *parts: str) -> None:
        """Write nothing more after these parts, and do not end."""

    def say_too_long(self, *parts: str) -> None:
        """End at the maximum length."""

    def refuse(self) -> None:
        """Refuse to reply."""

    def fail(self) -> None:
        """Be overloaded."""

    def stalled_reply_closed(self) -> bool:
        """Return whether the stream of the stalled reply was closed."""


class ScriptedBackend:
    def __init__(self, chat_first_seconds: float = _SECONDS, chat_next_seconds: float = _SECONDS) -> None:
        self.script = ScriptedChatModel(first_seconds=chat_first_seconds, next_seconds=chat_next_seconds)
        self.model: ChatModel = self.script

    def say(self, *parts: str) -> None:
        self.script.then(*parts)

    def say_and_cut(self, *parts: str) -> None:
        self.script.then(*parts, ChatReplyIncompleteError())

    def say_and_stall(self, *parts: str) -> None:
        self.script.then(*parts, asyncio.Event())

    say_too_long = say_and_cut

    def refuse(self) -> None:
        self.script.then(ChatRefusedError())

    def fail(self) -> None:
        self.script.then(ChatModelUnavailableError())

    def stalled_reply_closed(self) -> bool:
        return self.script.closed_replies == 1 and not self.script.open_replies


class ServedBackend:
    """An adapter with its real SDK, and a server with `answers`, the module of its wire format."""

    def __init__(
        self, answers: Any, provider: Provider, model: ChatModel, *, too_long: str, overload: Any, refuse: Any
    ) -> None:
        self.model = model
        self.provider = provider
        self._answers = answers
        self._too_long = too_long
        self._overload = overload
        self._refuse = refuse
        self._closed = threading.Event()

    def say(self, *parts: str) -> None:
        self.provider.then(self._answers.say(*parts))

    def say_and_cut(self, *parts: str) -> None:
        self.provider.then(self._answers.say_and_cut(*parts))

    def say_and_stall(self, *parts: str) -> None:
        self.provider.then(self._answers.say_and_stall(self._closed, *parts))

    def say_too_long(self, *parts: str) -> None:
        self.provider.then(self._answers.say(*parts, finish=self._too_long))

    def refuse(self) -> None:
        self.provider.then(self._refuse)

    def fail(self) -> None:
        self.provider.then(self._overload)

    def stalled_reply_closed(self) -> bool:
        return self._closed.is_set()


@asynccontextmanager
async def scripted(**seconds: float) -> AsyncIterator[ChatBackend]:
    yield ScriptedBackend(**seconds)


@asynccontextmanager
async def gemini(**settings: Any) -> AsyncIterator[ServedBackend]:
    with Provider(gemini_server.say("Good ", "morning.")).serving() as provider:
        async with opened(chat="gemini", chat_url=provider.url, **settings) as model:
            overload = gemini_server.error(503, "UNAVAILABLE", "overloaded")
            yield ServedBackend(
                gemini_server, provider, model, too_long="MAX_TOKENS", overload=overload, refuse=gemini_server.blocked
            )


@asynccontextmanager
async def openai(**settings: Any) -> AsyncIterator[ServedBackend]:
    with Provider(openai_server.say("Good ", "morning.")).serving() as provider:
        async with opened(chat_url=f"{provider.url}/v1", **{"chat_model": "llama3.2", **settings}) as model:
            overload = openai_server.error(503)
            yield ServedBackend(
                openai_server, provider, model, too_long="length", overload=overload, refuse=openai_server.refuse
            )


BACKENDS: dict[str, Callable[..., Any]] = {"scripted": scripted, "gemini": gemini, "openai": openai}


@asynccontextmanager
async def opened(models: Path = Path("/nonexistent"), **settings: Any) -> AsyncIterator[ChatModel]:
    """The language model of these settings."""
    chosen = {"chat_key": SecretStr(f"{KEY}\n"), "chat_first_seconds": _SECONDS, "chat_next_seconds": _SECONDS, **settings}
    model = open_chat_model(ChatSettings(**chosen), models, Metrics().chat)
    try:
        yield model
    finally:
        await model.close()


async def text_of(model: ChatModel, request: ChatRequest = HELLO) -> str:
    """Return the complete reply."""
    return "".join([part async for part in model.reply(request)])


async def outcome(model: ChatModel, request: ChatRequest = HELLO) -> tuple[list[str], EchoError | None]:
    """Return the parts of a reply, and the error that ended it."""
    parts: list[str] = []
    try:
        async for part in model.reply(request):
            parts += [part]
    except EchoError as error:
        return parts, error
    return parts, None
