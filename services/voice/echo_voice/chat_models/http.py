"""Parts shared by the adapters that connect over HTTP."""

from collections.abc import AsyncIterator
from typing import Final, cast

import httpx2

from echo_common.contracts.errors.chat import ChatModelUnavailableError

_CONNECT_SECONDS = 5.0
_KEY_REJECTED = frozenset({401, 403})
_LONGEST_DELAY_SECONDS = 3_600

MOST_BYTES: Final = 32 * 1024**2
"""Maximum size of a response. The SDKs keep an event until its end; a reply with thoughts has some megabytes."""


def http_client() -> httpx2.AsyncClient:
    """Return a client whose responses are bounded in size; `check_reply` sets the time limits of every part."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bound_response]},
    )


async def bound_response(response: httpx2.Response) -> None:
    """Bound the size of a response. A compressed one is refused, because it can be of any size: raises `httpx2.DecodingError`."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise httpx2.DecodingError("The response is compressed.", request=response.request)
    response.stream = _BoundedStream(cast("httpx2.AsyncByteStream", response.stream))


class _BoundedStream(httpx2.AsyncByteStream):
    """A body of at most `MOST_BYTES`. Raises `httpx2.ReadError` beyond."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = MOST_BYTES
        async for part in self._body:
            left -= len(part)
            if left < 0:
                raise httpx2.ReadError("The response is too large.")
            yield part

    async def aclose(self) -> None:
        """Close the body."""
        await self._body.aclose()


def connection_error(name: str) -> ChatModelUnavailableError:
    """Return the error for a connection that cannot be opened or breaks off. `name` is adapter and model."""
    return ChatModelUnavailableError(f"The connection to {name} failed; try again shortly.")


def status_error(name: str, status: int, delay: str | None = None) -> ChatModelUnavailableError:
    """Return the error for a response with an error status, without the text of the response.

    Args:
        name: Adapter and model.
        status: Status of the response.
        delay: The time in seconds after which the server permits another request, such as `7` or `7.5s`.
    """
    if status in _KEY_REJECTED:
        return ChatModelUnavailableError(f"{name} rejects the key in ECHO_VOICE_CHAT_KEY ({status}).", retry_after=None)
    if status == 404:
        message = f"{name} was not found ({status}); see ECHO_VOICE_CHAT_MODEL and ECHO_VOICE_CHAT_URL."
        return ChatModelUnavailableError(message, retry_after=None)
    if status in {408, 425, 429} or status >= 500:
        return ChatModelUnavailableError(f"{name} is overloaded ({status}); try again shortly.", retry_after=_seconds(delay))
    return ChatModelUnavailableError(f"{name} rejects the request ({status}).", retry_after=None)


def _seconds(delay: str | None) -> int:
    try:
        return min(max(1, round(float((delay or "2").removesuffix("s")))), _LONGEST_DELAY_SECONDS)
    except (ValueError, OverflowError):  # a date
        return 2
