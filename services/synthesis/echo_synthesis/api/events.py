"""Speech as server-sent events: audio bytes and word timings."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing

from echo_common.contracts.http.synthesis import StreamedAudio
from echo_common.http.streams import server_sent_event
from echo_synthesis.pipeline.stream_encoding import Part
from echo_synthesis.views import streamed_end, syllable_views, word_views


async def events(parts: AsyncGenerator[Part, None]) -> AsyncGenerator[bytes, None]:
    """Yield an `audio` event for each part, then `done`; after a failure the stream ends without `done`."""
    async with aclosing(parts):
        async for part in parts:
            words = word_views(part.words, part.totals.settings) or []
            syllables = syllable_views(part.words, part.totals.settings) or []
            if part.audio or words or syllables:
                audio = base64.b64encode(part.audio).decode()
                yield server_sent_event(
                    "audio", StreamedAudio(audio=audio, word_timestamps=words, syllable_timestamps=syllables)
                )
            if part.last:
                yield server_sent_event("done", streamed_end(part.totals))
