"""Encoding of joined tracks as one stream of bytes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from echo_common.audio.encoding import StreamEncoder
from echo_common.audio.formats import AudioFormat
from echo_listening.streams.samples import CHANNELS, RATE, Samples


async def encode(samples: AsyncGenerator[Samples, None], audio: AudioFormat) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a stream with one encoder, as the samples arrive; closing it closes `samples`."""
    async with aclosing(samples):
        encoder = await asyncio.to_thread(StreamEncoder, audio, RATE, CHANNELS)
        async for block in samples:
            if data := await asyncio.to_thread(encoder.feed, block):
                yield data
        yield await asyncio.to_thread(encoder.close)
