"""Replies of an OpenAI-compatible endpoint."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from urllib.parse import urlsplit

import httpx2
import openai
from openai import AsyncOpenAI, AsyncStream, omit
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from echo_common.contracts.errors.chat import ChatRefusedError, ChatReplyIncompleteError
from echo_common.errors import EchoError
from echo_voice.chat_model import ChatRequest
from echo_voice.chat_models.adapter import begin_with_user
from echo_voice.chat_models.http import connection_error, http_client, status_error
from echo_voice.chat_models.thoughts import ThoughtFilter

_OPENAI_HOST = "api.openai.com"
_NO_KEY = "none"
"""The SDK requires a key; servers without keys ignore it."""
_FILTERED = "content_filter"
_DRAIN_SECONDS = 0.2
"""Time for the end of the stream after the last part, so that the connection can be used again."""


class OpenAIAdapter:
    """Streams chat completions."""

    def __init__(self, url: str, model: str, key: str) -> None:
        self._model = model
        # OpenAI's own models reject `max_tokens`, other servers do not know `max_completion_tokens`
        self._newer = urlsplit(url).hostname == _OPENAI_HOST
        self._client = AsyncOpenAI(base_url=url, api_key=key or _NO_KEY, max_retries=0, http_client=http_client())
        # the SDK reads them from the environment, for OpenAI alone
        self._client.organization = self._client.project = None

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        """Stream a reply; see `ChatAdapter.stream`."""
        thoughts = ThoughtFilter()
        try:
            chunks = await self._open(request)
        except openai.APIStatusError as error:
            raise self._translated(error) from None
        except (openai.OpenAIError, httpx2.HTTPError):
            raise connection_error(f"openai:{self._model}") from None
        finish: str | None = None
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    text, finish = _read(chunk)
                    if text := thoughts.feed(text):
                        yield text
                    if finish is not None:
                        await _drain(chunks)
                        break
        except (openai.OpenAIError, httpx2.HTTPError):
            raise connection_error(f"openai:{self._model}") from None
        except (ValueError, TypeError, AttributeError):  # the SDK does not validate chunks
            raise ChatReplyIncompleteError from None
        if text := thoughts.end():
            yield text
        _require_complete(finish)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _open(self, request: ChatRequest) -> AsyncStream[ChatCompletionChunk]:
        messages: list[ChatCompletionMessageParam] = []
        if request.system:
            messages.append({"role": "system", "content": request.system})
        for turn in begin_with_user(request.turns):
            if turn.role == "user":
                messages.append({"role": "user", "content": turn.text})
            else:
                messages.append({"role": "assistant", "content": turn.text})
        return await self._client.chat.completions.create(
            model=self._model,
            messages=messages,
            stream=True,
            max_tokens=omit if self._newer else request.max_tokens,
            max_completion_tokens=request.max_tokens if self._newer else omit,
        )

    def _translated(self, error: openai.APIStatusError) -> EchoError:
        if error.code == _FILTERED:
            return ChatRefusedError()
        return status_error(f"openai:{self._model}", error.status_code, error.response.headers.get("retry-after"))


def _read(chunk: ChatCompletionChunk) -> tuple[str, str | None]:
    """Return the text of a chunk and the finish reason, if there is one. Raises `ChatRefusedError`."""
    if not chunk.choices:
        return "", None
    choice = chunk.choices[0]
    if choice.delta is not None and choice.delta.refusal:
        raise ChatRefusedError
    return (choice.delta.content or "") if choice.delta is not None else "", choice.finish_reason


async def _drain(chunks: AsyncStream[ChatCompletionChunk]) -> None:
    """Read the rest of a complete reply, which has no text."""
    with suppress(TimeoutError, openai.OpenAIError, httpx2.HTTPError, ValueError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                pass


def _require_complete(finish: str | None) -> None:
    """Raise the error of a finish reason other than `stop`."""
    if finish == _FILTERED:
        raise ChatRefusedError
    if finish != "stop":
        raise ChatReplyIncompleteError
