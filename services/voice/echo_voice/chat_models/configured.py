"""The configured language model: opens its adapter with the first reply, checks and measures its replies."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from time import perf_counter

import structlog

from echo_common.contracts.errors.chat import ChatModelMissingError, ChatModelUnavailableError, ChatReplyIncompleteError
from echo_common.errors import EchoError
from echo_common.metrics import ChatMetrics
from echo_voice.chat_model import ChatRequest
from echo_voice.chat_models.adapter import ChatAdapter, ChatSpec
from echo_voice.chat_models.checked_reply import ModelLimits, check_reply
from echo_voice.chat_models.settings import ChatSettings

log = structlog.get_logger("echo.chat")


class ConfiguredChatModel:
    """The `ChatModel` of the settings. Logs, health and metrics contain no text of users."""

    def __init__(self, spec: ChatSpec, settings: ChatSettings, metrics: ChatMetrics) -> None:
        self._spec = spec
        self._settings = settings
        self._metrics = metrics
        self._adapter: ChatAdapter | None = None
        self._opening = asyncio.Lock()
        self._failure: str | None = None

    @property
    def name(self) -> str:
        """Adapter and model."""
        return self._spec.name

    @property
    def available(self) -> bool:
        """True if nothing is missing that a reply needs."""
        return not self._spec.missing()

    def health(self) -> Mapping[str, str]:
        """Return the model and its state in a few words: the missing requirement, or the code of the last reply's failure."""
        if missing := self._spec.missing():
            return {"model": self.name, "state": f"lacks {missing[0]}"}
        return {"model": self.name, "state": "ready" if self._failure is None else f"the last reply failed: {self._failure}"}

    async def reply(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        """Stream a reply; see `ChatModel.reply`."""
        started, parts = perf_counter(), 0
        try:
            async with aclosing(self._checked(request)) as reply:
                async for part in reply:
                    if not parts:
                        self._metrics.first_part.labels(self._spec.kind).observe(perf_counter() - started)
                    parts += 1
                    self._metrics.parts.labels(self._spec.kind).inc()
                    yield part
        except Exception as error:
            raise self._failed(self._translated(error, parts), parts) from None
        self._failure = None

    async def close(self) -> None:
        """Close the adapter."""
        async with self._opening:
            adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.close()

    async def _checked(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        if missing := self._spec.missing():
            unset = not self._settings.chat and self._spec.kind == "local"
            message = None if unset else f"The language model {self._spec.kind} lacks {missing[0]}."
            raise ChatModelMissingError(message, retry_after=None)
        bounded = replace(request, max_tokens=min(request.max_tokens, self._settings.chat_max_tokens))
        limits = ModelLimits(self._spec.first_seconds, self._settings.chat_next_seconds, bounded.max_tokens)
        adapter = await self._opened()
        async with aclosing(check_reply(adapter.stream(bounded), limits)) as parts:
            async for part in parts:
                yield part

    async def _opened(self) -> ChatAdapter:
        async with self._opening:
            if self._adapter is None:
                self._adapter = await asyncio.to_thread(self._spec.load)
            return self._adapter

    def _translated(self, error: Exception, parts: int) -> EchoError:
        if not isinstance(error, EchoError):  # its text may quote a user's
            error = ChatModelUnavailableError(f"The language model {self.name} failed: {type(error).__name__}.")
        # a reply that began has ended in the middle, whatever the cause
        return ChatReplyIncompleteError() if parts and isinstance(error, ChatModelUnavailableError) else error

    def _failed(self, error: EchoError, parts: int) -> EchoError:
        self._failure = error.code
        self._metrics.failures.labels(self._spec.kind, error.code).inc()
        log.warning("chat_reply_failed", model=self.name, code=error.code, parts=parts, error=error.message)
        return error
