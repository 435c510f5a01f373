"""Responses that stream speech."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import Response

from echo_common.audio.formats import FORMATS
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.http.streams import EVENT_STREAM, ClosingStream, EventStream
from echo_synthesis.api.events import events
from echo_synthesis.pipeline.stream_encoding import Part

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def respond_with_stream(parts: AsyncGenerator[Part, None], config: SpeechConfig, accept: str) -> Response:
    """Return the response with the parts: events, or audio in the format of the request."""
    # a failure before the first byte can still be returned as an error status
    first = await anext(parts)
    whole = _from(first, parts)
    if EVENT_STREAM in accept:
        return EventStream(events(whole), source=parts, headers=_HEADERS)
    mime = FORMATS[config.output_format].media_type(config.sample_rate)
    return ClosingStream(_bytes(whole), source=parts, media_type=mime, headers=_HEADERS)


async def _from(first: Part, rest: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
    held = [first]
    del first  # otherwise its bytes would stay in memory until the end
    async with aclosing(rest):
        yield held.pop()
        async for part in rest:
            yield part


async def _bytes(parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(parts):
        async for part in parts:
            if part.audio:
                yield part.audio
