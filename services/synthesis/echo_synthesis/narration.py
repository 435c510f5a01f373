"""From a text to speech in order: cut into units, spoken in parallel, each word placed in the whole."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from echo_common.errors import ValidationError
from echo_synthesis.domain import SpeechSettings, WordMark
from echo_synthesis.engine import EngineCrashedError, EngineSpec, EngineTimeoutError, Speech, Utterance
from echo_synthesis.enginepool import EnginePool
from echo_synthesis.speechcache import SpeechCache
from echo_synthesis.text.split import Unit, split

_QUICKLY_CUT = 5_000
"""Characters that can be cut without holding up the event loop."""

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Narration:
    """A text cut into units, and how they are to be spoken."""

    text: str
    units: Sequence[Unit]
    settings: SpeechSettings
    engine: EngineSpec

    @property
    def word_count(self) -> int:
        """Written words."""
        return sum(len(unit.words) for unit in self.units)

    @property
    def characters(self) -> int:
        """Spoken characters of all units."""
        return sum(len(unit.text) for unit in self.units)


@dataclass(frozen=True, slots=True)
class SpokenUnit:
    """A unit's speech, its words placed in the whole text and the whole audio.

    `characters` is how much of the text it is, `cached` whether no engine had to speak it for this narration.
    """

    speech: Speech
    words: Sequence[WordMark]
    characters: int
    cached: bool


async def plan(text: str, settings: SpeechSettings, engine: EngineSpec) -> Narration:
    """Cut a text. Raises `ValidationError` when it holds nothing to say."""
    if len(text) > _QUICKLY_CUT:
        units = await asyncio.to_thread(split, text, engine.max_characters)
    else:
        units = split(text, engine.max_characters)
    if not units:
        message = "The text holds no word that could be spoken."
        raise ValidationError(message, details=[{"field": "text", "message": message}])
    return Narration(text, units, settings, engine)


class Narrator:
    """Speaks narrations, some units ahead, in constant memory."""

    def __init__(self, pool: EnginePool, cache: SpeechCache) -> None:
        self._pool = pool
        self._cache = cache

    async def speak(self, narration: Narration, *, hurry: bool = False) -> AsyncGenerator[SpokenUnit, None]:
        """The units in order. Close the generator to stop: what is queued is dropped, what is being spoken is not waited for.

        With `hurry` the first unit has the machine to itself, so that it is heard as soon as can be.
        """
        units = iter(narration.units)
        ahead: deque[tuple[Unit, asyncio.Task[tuple[Speech, bool]]]] = deque()
        room = 2 * self._pool.workers(narration.engine.name)
        samples = 0
        try:
            self._fill(ahead, units, narration, 1 if hurry else room)
            while ahead:
                unit, task = ahead.popleft()
                speech, cached = await task
                self._fill(ahead, units, narration, room)
                words = _place(narration.text, unit, speech, samples / speech.sample_rate)
                yield SpokenUnit(speech, words, len(unit.text), cached)
                samples += len(speech.samples)
        finally:
            for _, task in ahead:
                task.cancel()
            await asyncio.gather(*(task for _, task in ahead), return_exceptions=True)

    def _fill(
        self,
        ahead: deque[tuple[Unit, asyncio.Task[tuple[Speech, bool]]]],
        units: Iterator[Unit],
        narration: Narration,
        room: int,
    ) -> None:
        while len(ahead) < room and (unit := next(units, None)) is not None:
            ahead.append((unit, asyncio.create_task(self._speak_unit(unit, narration))))

    async def _speak_unit(self, unit: Unit, narration: Narration) -> tuple[Speech, bool]:
        settings = narration.settings
        utterance = Utterance(unit.text, tuple(unit.words), settings.voice_id, settings.language, settings.speed)
        key = self._cache.key(narration.engine, utterance, settings.scope)
        return await self._cache.once(key, utterance.voice, partial(self._patiently, narration, utterance))

    async def _patiently(self, narration: Narration, utterance: Utterance) -> Speech:
        """An engine that died or hung is new by now: try again, but not for ever, the text may be what kills it."""
        for _ in range(_TRIES - 1):
            try:
                return await self._pool.speak(narration.engine.name, utterance, turn=id(narration))
            except (EngineCrashedError, EngineTimeoutError):
                continue
        return await self._pool.speak(narration.engine.name, utterance, turn=id(narration))


def _place(text: str, unit: Unit, speech: Speech, offset: float) -> list[WordMark]:
    marks = []
    for span, time in zip(unit.words, speech.words, strict=True):
        first, last = unit.char_start + span.start, unit.char_start + span.end
        marks.append(
            WordMark(
                word=text[first:last],
                start=round(offset + time.start, 4),
                end=round(offset + time.end, 4),
                char_start=first,
                char_end=last,
            )
        )
    return marks
