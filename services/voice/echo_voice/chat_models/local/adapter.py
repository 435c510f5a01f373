"""Replies of a local language model."""

import asyncio
from collections.abc import AsyncGenerator
from itertools import count
from typing import Any

from echo_common.background_tasks import BackgroundTasks
from echo_common.contracts.errors.chat import ChatModelUnavailableError, ChatReplyIncompleteError
from echo_voice.chat_model import ChatRequest
from echo_voice.chat_models.adapter import begin_with_user
from echo_voice.chat_models.local.process import ModelOptions, ModelProcess
from echo_voice.chat_models.thoughts import ThoughtFilter

_STOP_SECONDS = 2.0
_BUSY_SECONDS = 10


class LocalAdapter:
    """Streams replies of a model in a child process, one at a time; others wait in a bounded queue."""

    def __init__(self, options: ModelOptions, queue: int) -> None:
        self.process = ModelProcess(options)
        self._context_tokens = options.context_tokens
        self._queue = queue
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._numbers = count(1)
        self._stopping = BackgroundTasks()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        """Stream a reply; see `ChatAdapter.stream`."""
        await self._wait()
        number, writing = next(self._numbers), False
        thoughts = ThoughtFilter()
        try:
            await self.process.start()
            writing = True
            await self.process.request({"number": number, "messages": _messages(request), "max_tokens": request.max_tokens})
            while "end" not in (message := await self._read()):
                if text := thoughts.feed(message["part"]):
                    yield text
            writing = False
        finally:
            if writing:  # in the background, because the caller must not wait for the model
                self._stopping.start(self._stop(number))
            else:
                self._turn.release()
        if text := thoughts.end():
            yield text
        if message["end"] != "stop":
            raise ChatReplyIncompleteError

    async def close(self) -> None:
        """End the process. Replies in progress fail."""
        await self.process.close()
        await self._stopping.finish()

    async def _wait(self) -> None:
        """Wait for the turn. Raises `ChatModelUnavailableError` if too many wait."""
        if self._turn.locked() and self._waiting >= self._queue:
            raise ChatModelUnavailableError("The language model is busy; try again shortly.", retry_after=_BUSY_SECONDS)
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1

    async def _read(self) -> dict[str, Any]:
        """Return the next message of a reply. Raises `ChatModelUnavailableError`."""
        message = await self.process.read()
        if "error" in message:
            raise self._failure(message["error"])
        return message

    def _failure(self, kind: str) -> ChatModelUnavailableError:
        if kind == "context":
            return ChatModelUnavailableError(
                f"The conversation is longer than the {self._context_tokens} tokens of ECHO_VOICE_CHAT_CONTEXT_TOKENS.",
                retry_after=None,
            )
        return ChatModelUnavailableError("The language model failed; try again shortly.")

    async def _stop(self, number: int) -> None:
        """Stop a reply; end the process if it does not confirm that in time. The next one starts with the next reply."""
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.process.write({"stop": number})
                while (await self.process.read()).get("stopped") != number:
                    pass
        except (ChatModelUnavailableError, TimeoutError):
            await self.process.close()
        finally:
            self._turn.release()


def _messages(request: ChatRequest) -> list[dict[str, str]]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    turns = [
        {"role": "user" if turn.role == "user" else "assistant", "content": turn.text}
        for turn in begin_with_user(request.turns)
    ]
    return system + turns
