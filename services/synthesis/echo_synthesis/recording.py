"""From speech to a stored audio, and to a stream of bytes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

from echo_common.contracts.values import Alignment
from echo_common.ids import new_id
from echo_common.storage.port import ObjectStore
from echo_synthesis.audio.effects import amplify
from echo_synthesis.audio.encode import Encoder, FileEncoder
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.domain import Audio, WordMark
from echo_synthesis.narration import Narration, Narrator, SpokenUnit


class Recorder:
    """Makes files and streams of narrations, in constant memory."""

    def __init__(self, narrator: Narrator, objects: ObjectStore) -> None:
        self._narrator = narrator
        self._objects = objects

    async def record(
        self,
        narration: Narration,
        *,
        user_id: str,
        synthesis_id: str,
        audio_id: str | None = None,
        job_id: str | None = None,
        attempt: int = 0,
        progressed: Callable[[int], Awaitable[None]] | None = None,
    ) -> Audio:
        """Speak everything, store the object, and give back the audio, which is not saved yet.

        `progressed` hears how many units are done after each. The object's key holds the attempt, so that no attempt ever
        overwrites another's.
        """
        audio_id = audio_id or new_id("aud")
        settings = narration.settings
        audio_format = FORMATS[settings.output_format]
        words: list[WordMark] = []
        alignment: Alignment = "model"
        with TemporaryDirectory(prefix="echo-") as folder:
            path = Path(folder) / f"audio.{audio_format.extension}"
            encoder = FileEncoder(path, audio_format, settings.sample_rate, source_rate=narration.engine.sample_rate)
            samples = done = 0
            async with aclosing(self._narrator.speak(narration)) as units:
                async for unit in units:
                    await asyncio.to_thread(encoder.feed, amplify(unit.speech.samples, settings.volume))
                    samples += len(unit.speech.samples)
                    words.extend(unit.words)
                    alignment = unit.speech.alignment
                    done += 1
                    if progressed is not None:
                        await progressed(done)
            await asyncio.to_thread(encoder.close)
            key = f"audio/{audio_id}/{attempt}.{audio_format.extension}"
            stored = await self._objects.put_file(key, path, audio_format.mime)
        return Audio(
            id=audio_id,
            user_id=user_id,
            synthesis_id=synthesis_id,
            job_id=job_id,
            attempt=attempt,
            settings=settings,
            object_key=stored.key,
            mime=stored.mime,
            size=stored.size,
            checksum=stored.checksum,
            duration=round(samples / narration.engine.sample_rate, 4),
            alignment=alignment,
            words=words if settings.include_timestamps else [],
        )

    async def stream(self, narration: Narration) -> AsyncIterator[bytes]:
        """Encoded bytes as soon as there are any. A failure raises: the connection must break, not end."""
        settings = narration.settings
        encoder = Encoder(FORMATS[settings.output_format], settings.sample_rate, source_rate=narration.engine.sample_rate)
        async with aclosing(self._narrator.speak(narration, hurry=True)) as units:
            async for unit in units:
                if block := await asyncio.to_thread(self._encode, encoder, unit, settings.volume):
                    yield block
        if rest := await asyncio.to_thread(encoder.close):
            yield rest

    @staticmethod
    def _encode(encoder: Encoder, unit: SpokenUnit, volume: float) -> bytes:
        return encoder.feed(amplify(unit.speech.samples, volume))
