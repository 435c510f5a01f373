"""Replies of Gemini."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import count
from typing import cast

import httpx2
from google import genai
from google.genai import errors, types

from echo_common.contracts.errors.chat import ChatRefusedError, ChatReplyIncompleteError
from echo_common.errors import EchoError
from echo_voice.chat_model import ChatRequest
from echo_voice.chat_models.adapter import begin_with_user
from echo_voice.chat_models.http import bound_response, connection_error, http_client, status_error
from echo_voice.chat_models.settings import ChatSettings

_URL = "https://generativelanguage.googleapis.com"
_API_VERSION = "v1beta"
_REFUSALS = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "MODEL_ARMOR"}
)
"""Finish reasons of Gemini's filters."""
_THOUGHT_TOKENS = 1_024
"""Tokens for the thoughts of a model, which Gemini counts as part of the reply."""


_REPLY = "echo-reply"
"""Header of a request with the number of its reply, which is not sent."""


class GeminiAdapter:
    """Streams replies of Gemini."""

    def __init__(self, settings: ChatSettings, model: str) -> None:
        self._model = model
        self._http = http_client()
        self._http.event_hooks = {"request": [self._take_number], "response": [bound_response, self._keep_response]}
        self._numbers = map(str, count(1))
        self._responses: dict[str, httpx2.Response] = {}
        options = types.HttpOptions(
            api_version=_API_VERSION,
            base_url=settings.chat_url or _URL,
            httpx_async_client=self._http,
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        self._client = genai.Client(api_key=settings.key, vertexai=False, http_options=options)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[str, None]:
        """Stream a reply; see `ChatAdapter.stream`."""
        contents = [
            types.Content(role="user" if turn.role == "user" else "model", parts=[types.Part(text=turn.text)])
            for turn in begin_with_user(request.turns)
        ]
        finish: str | None = None
        number = next(self._numbers)
        try:
            opened = await self._client.aio.models.generate_content_stream(
                model=self._model, contents=contents, config=self._config(request, number)
            )
            chunks = cast("AsyncGenerator[types.GenerateContentResponse, None]", opened)
            async with aclosing(chunks):
                async for chunk in chunks:
                    text, reason = _read(chunk)
                    finish = reason or finish
                    if text:
                        yield text
        except errors.APIError as error:
            raise self._translated(error) from None
        except httpx2.HTTPError:
            raise connection_error(f"gemini:{self._model}") from None
        except ValueError:  # not the JSON of a response
            raise ChatReplyIncompleteError from None
        finally:  # closing the SDK's generator leaves the connection open
            if (response := self._responses.pop(number, None)) is not None:
                await response.aclose()
        _require_complete(finish)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aio.aclose()
        await self._http.aclose()

    async def _take_number(self, request: httpx2.Request) -> None:
        request.extensions[_REPLY] = request.headers.pop(_REPLY)

    async def _keep_response(self, response: httpx2.Response) -> None:
        self._responses[response.request.extensions[_REPLY]] = response

    def _config(self, request: ChatRequest, number: str) -> types.GenerateContentConfig:
        # the first word matters more than the thoughts before it
        thinking = types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW) if "gemini-3" in self._model else None
        return types.GenerateContentConfig(
            system_instruction=request.system or None,
            max_output_tokens=request.max_tokens + (_THOUGHT_TOKENS if thinking else 0),
            thinking_config=thinking,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            http_options=types.HttpOptions(headers={_REPLY: number}),
        )

    def _translated(self, error: errors.APIError) -> EchoError:
        body = error.details if isinstance(error.details, dict) else {}
        details = [detail for detail in body.get("error", body).get("details") or [] if isinstance(detail, dict)]
        # Gemini reports an unknown key with status 400
        status = 401 if any(detail.get("reason") == "API_KEY_INVALID" for detail in details) else error.code
        delay = next((detail["retryDelay"] for detail in details if "retryDelay" in detail), None)
        headers = getattr(error.response, "headers", None) or {}
        return status_error(f"gemini:{self._model}", status, delay or headers.get("retry-after"))


def _read(chunk: types.GenerateContentResponse) -> tuple[str, str | None]:
    """Return the text of a chunk without thoughts, and the finish reason, if there is one. Raises `ChatRefusedError`."""
    if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
        raise ChatRefusedError
    candidate = chunk.candidates[0] if chunk.candidates else None
    if candidate is None:
        return "", None
    parts = (candidate.content and candidate.content.parts) or ()
    text = "".join(part.text for part in parts if part.text and not part.thought)
    return text, candidate.finish_reason.value if candidate.finish_reason else None


def _require_complete(finish: str | None) -> None:
    """Raise the error of a finish reason other than `STOP`."""
    if finish in _REFUSALS:
        raise ChatRefusedError
    if finish != "STOP":
        raise ChatReplyIncompleteError
