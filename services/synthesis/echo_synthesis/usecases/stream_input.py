"""Use case of speech whose text is still being written."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from math import ceil
from time import perf_counter
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.http.stream_input import StartStream
from echo_common.errors import refuse
from echo_common.ids import new_id
from echo_common.shielded import shielded
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import WordTiming
from echo_synthesis.pipeline.growing_narration import Flush, NarrationSource
from echo_synthesis.pipeline.low_latency import with_first_phrase
from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.pipeline.sentence_planning import plan_sentence, silence_of
from echo_synthesis.pipeline.stream_encoding import Part
from echo_synthesis.pipeline.totals import Totals
from echo_synthesis.text.growing_text import GrowingText, Sentence
from echo_synthesis.text.sentence_joins import SentenceJoins
from echo_synthesis.text.source_map import Limits
from echo_synthesis.text.ssml import is_ssml
from echo_synthesis.usecases.echos import RequestedVoice, resolve_voice
from echo_synthesis.usecases.planning import Speaker, find_speaker
from echo_synthesis.usecases.stream_quota import StreamQuota

_SLICE: Final = 1_000
"""Characters after which other tasks may run while a part of the text is examined."""

_MOST_FLUSHES: Final = 1_000
"""Flushes that may wait for the speech before them."""


class TextStream(NarrationSource):
    """Speech of one text in parts. `write`, `flush` and `end` add to it; `speech` yields its speech.

    `characters` counts the text so far; `sentences` and `segments_planned` count the spoken part. `totals` are those of the
    speech so far.
    """

    def __init__(
        self,
        speaker: Speaker,
        requested: RequestedVoice,
        principal: Principal,
        quota: StreamQuota,
        deps: Dependencies,
        *,
        low_latency: bool,
    ) -> None:
        self.speaker = speaker
        self.characters = self.sentences = 0
        self.segments_planned = 0
        self.totals: Totals | None = None
        self._requested = requested
        self._low_latency = low_latency
        self._principal = principal
        self._quota = quota
        self._deps = deps
        self._id = new_id("str")
        self._text = GrowingText(
            SentenceJoins(speaker.settings.language, speaker.pronunciations, normalize=speaker.settings.normalize),
            markup=speaker.settings.normalize,
        )
        self._waiting: deque[Sentence | Flush | None] = deque()
        self._arrived = asyncio.Event()
        self._planning = False
        self._begun = self._ended = False
        self._counted = self._flushes = 0
        self._silence_left = Limits().pauses
        self._first_at: float | None = None
        self._unspoken: deque[Sentence] = deque()

    @property
    def voice_is_known(self) -> bool:
        """True if no text is needed to choose the voice and the language."""
        return self._begun or (self._requested.voice_id is not None and not self.speaker.speaks_several)

    @property
    def planning(self) -> bool:
        """True while text waits for its speech to be planned."""
        return self._planning or bool(self._waiting)

    async def write(self, text: str) -> None:
        """Add a part of the text. Raises `ValidationError`."""
        self._require_open()
        self.characters += len(text)
        if self.characters > (most := self._deps.settings.max_characters):
            refuse("text", f"The text has more than {most} characters.")
        for start in range(0, len(text), _SLICE):
            self._put(self._text.add(text[start : start + _SLICE]))
            if start:
                await asyncio.sleep(0)

    def flush(self) -> None:
        """Speak the rest as if the text ended here. Raises `ValidationError`."""
        self._require_open()
        if self._flushes >= _MOST_FLUSHES:
            refuse("type", f"{_MOST_FLUSHES} flushes wait for their speech. Read it before you send more.")
        self._flushes += 1
        self._put_rest()
        self._put([Flush()])

    def end(self) -> None:
        """Speak the rest; the speech ends after it. Raises `ValidationError`."""
        self._require_open()
        self._ended = True
        self._put_rest()
        self._put([None])

    async def next(self) -> Narration | Flush | None:
        """Plan the next sentence; see `NarrationSource`."""
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            item = self._waiting[0]
            if not isinstance(item, Sentence):
                self._waiting.popleft()
                return item
            self._planning = True
            narration = await self._plan(item)
            self._waiting.popleft()
            self._planning = False
            if len(narration.script):
                if self._low_latency and not self.segments_planned:
                    narration = with_first_phrase(narration)
                self._silence_left = max(0.0, self._silence_left - silence_of(narration))
                self._unspoken.append(item)
                self.segments_planned += len(narration.script)
                self.sentences += sum(word.ends for spaced in narration.script for word in spaced.segment.words)
                return narration

    async def speech(self) -> AsyncGenerator[Part | Flush, None]:
        """Yield the speech as it is made; nothing is stored."""
        parts = self._deps.recorder.stream_growing(self, user_id=self._principal.user_id)
        silent = True
        async with aclosing(parts):
            async for part in parts:
                if isinstance(part, Flush):
                    self._flushes -= 1
                    yield part
                    continue
                if silent and part.audio and self._first_at is not None:
                    silent = False
                    self._deps.meter.observe_first_byte(part.totals.settings.engine, self._first_at)
                self.totals = part.totals
                yield part

    def text_of(self, words: Sequence[WordTiming]) -> str:
        """Return the text of spoken words as it was written, with the punctuation around them."""
        if not words:
            return ""
        while self._unspoken[0].start + len(self._unspoken[0].text) <= words[0].char_start:
            self._unspoken.popleft()
        sentence = self._unspoken[0]
        first = words[0].char_start - len(words[0].before) - sentence.start
        return sentence.text[max(0, first) : words[-1].char_end + len(words[-1].after) - sentence.start]

    async def settle(self) -> None:
        """Count the seconds of the speech that was made."""
        await shielded(self._quota.settle(0 if self.totals is None else ceil(self.totals.duration)))

    async def _plan(self, sentence: Sentence) -> Narration:
        if sentence.start >= self._counted:  # otherwise it is planned again, after a cancelled call
            await self._quota.add(len(sentence.text))
            self._counted = sentence.start + len(sentence.text)
        if not self._begun:
            await self._begin(sentence.text)
        return await plan_sentence(
            sentence,
            self.speaker.settings_for(sentence.text),
            self.speaker.engine,
            self._deps.scripts,
            self._principal.user_id,
            stream=self._id,
            silence_left=self._silence_left,
        )

    async def _begin(self, text: str) -> None:
        """Choose the voice and the language by the first sentence."""
        if self._requested.config.ssml is None and is_ssml(text):
            _refuse_ssml()
        self.speaker = await _find_speaker(text, self._requested, self._principal, self._deps)
        self._begun = True

    def _require_open(self) -> None:
        if self._ended:
            refuse("type", "The text has ended. Nothing but cancel can be sent after end.")

    def _put_rest(self) -> None:
        rest = self._text.flush()
        self._put([] if rest is None else [rest])

    def _put(self, items: Sequence[Sentence | Flush | None]) -> None:
        self._waiting.extend(items)
        if items:
            self._first_at = self._first_at or perf_counter()
            self._arrived.set()


@asynccontextmanager
async def open_text_stream(start: StartStream, principal: Principal, deps: Dependencies) -> AsyncIterator[TextStream]:
    """Open a stream of speech; at the end of the context its quota is settled.

    Raises `ValidationError`, `VoiceNotFoundError`, `VoiceNotReadyError`, `EngineUnavailableError`, `QuotaExceededError`.
    """
    if start.config.ssml:
        _refuse_ssml()
    requested = await resolve_voice(start.voice_id, start.config, principal.user_id, deps)
    speaker = await _find_speaker("", requested, principal, deps)
    stream = TextStream(
        speaker, requested, principal, await StreamQuota.open(principal, deps), deps, low_latency=start.latency == "low"
    )
    try:
        yield stream
    finally:
        await stream.settle()


async def _find_speaker(text: str, requested: RequestedVoice, principal: Principal, deps: Dependencies) -> Speaker:
    return await find_speaker(text, requested, principal.user_id, deps, preferred_language=principal.language)


def _refuse_ssml() -> None:
    refuse("config.ssml", "A text that is still being written cannot be SSML. Send it to POST /api/v1/tts/synthesize/stream.")
