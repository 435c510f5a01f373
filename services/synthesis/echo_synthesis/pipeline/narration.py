"""Synthesis of a text: a script, segments spoken in parallel, word timings relative to the whole audio."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from echo_common.contracts.errors.synthesis import EngineCrashedError, EngineTimeoutError, VoiceNotFoundError
from echo_common.contracts.values import NotTranscribed
from echo_common.errors import ValidationError
from echo_synthesis.audio.effects import Effects, amplify
from echo_synthesis.audio.joints import trim_joint
from echo_synthesis.audio.loudness import level
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.catalogue.voices import VoiceNames
from echo_synthesis.domain import SpeechSettings, WordTiming
from echo_synthesis.engine import Alignment, EngineSpec, SegmentQuality, Speech, Utterance
from echo_synthesis.pipeline.packed_script import PackedScript, SpacedSegment, spaced_segments
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.pool.engine_pool import EnginePool
from echo_synthesis.quality.calibration import VERSION
from echo_synthesis.quality.gate import QualityGate, Save, save_nothing
from echo_synthesis.speech_check import check_speech
from echo_synthesis.text.growing_text import Sentence
from echo_synthesis.text.normalization import NormalizationOptions
from echo_synthesis.text.script import Part, Segment
from echo_synthesis.text.source_map import Limits
from echo_synthesis.timing.written_words import place

UNREAD_SECONDS = 1.0
"""Seconds without a read after which a stream releases the segments made ahead."""

_TRIES = 3
_SLOWEST, _QUICKEST = 0.25, 4.0
_LOWEST, _HIGHEST = 0.5, 2.0

CountSegment = Callable[[str, str, SegmentQuality], None]

_Speak = Callable[[Segment], Coroutine[None, None, tuple[Speech, bool]]]


@dataclass(frozen=True, slots=True)
class Narration:
    """A text in segments, with its settings; `user_id` determines its share of the engine, `take` the engine's take.

    The sentences of a `stream` take turns with other requests as one; `sentence` is the one that was planned.
    """

    text: str
    script: PackedScript
    settings: SpeechSettings
    engine: EngineSpec
    user_id: str
    take: int = 0
    stream: str | None = None
    sentence: Sentence | None = None


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    """A segment's speech including its silence, with its words placed in the whole text and the whole audio.

    `characters` is the length of its text, `cached` whether this user was given it before: cache hits on other users' entries
    are not shown. `title` is the heading that starts with it.
    """

    speech: Speech
    words: Sequence[WordTiming]
    characters: int
    cached: bool
    title: str = ""


async def plan(
    text: str,
    settings: SpeechSettings,
    engine: EngineSpec,
    scripts: ScriptWriter,
    user_id: str = "",
    *,
    packed: bytes | None = None,
) -> Narration:
    """Create the script of a text, or reuse the `packed` script of the same text and settings if the engine permits.

    Raises `ValidationError` if a part of it cannot be spoken, or nothing is to be spoken; `TextTooComplexError`.
    """
    if packed is not None and (script := PackedScript.read(packed, engine)) is not None:
        return Narration(text, script, settings, engine, user_id)
    options = NormalizationOptions(
        settings.language,
        normalize=settings.normalize,
        ssml=settings.ssml,
        pronunciations=settings.pronunciations,
        phonemes=engine.phonemes,
        limits=Limits(settings.longest_pause),
    )
    parts = await scripts.write(text, options, engine.max_characters)
    make = partial(_narration, text, parts, settings, engine, user_id)
    # packing a long script takes seconds; a thread keeps the event loop free
    return make() if len(text) <= scripts.small else await asyncio.to_thread(make)


def _narration(text: str, parts: Sequence[Part], settings: SpeechSettings, engine: EngineSpec, user_id: str) -> Narration:
    segments = list(spaced_segments(parts))
    for spaced in segments:
        check_tone(spaced.segment, settings)
    return Narration(text, PackedScript.pack(segments, engine), settings, engine, user_id)


def _may_keep(speech: Speech, *, transcribe: bool) -> bool:
    """Return whether speech may be cached: it was measured, and transcribed where that is required."""
    return speech.quality is not None and not (transcribe and speech.quality.words is None)


async def _level_speech(speech: Speech) -> Speech:
    return replace(speech, samples=await asyncio.to_thread(level, speech.samples, speech.sample_rate))


def _count_nothing(_engine: str, _voice_id: str, _quality: SegmentQuality) -> None:
    """Count nothing: the default of `Narrator`."""


async def _names_by_id(voice_id: str) -> VoiceNames:
    return VoiceNames(voice_id, voice_id)


class Narrator:
    """Synthesiser of narrations; works some segments ahead, in constant memory.

    `count` is called with the engine, the voice and the quality of each segment that an engine spoke, after its last take.
    """

    def __init__(
        self,
        pool: EnginePool,
        cache: SpeechCache,
        voice_names: Callable[[str], Awaitable[VoiceNames]] = _names_by_id,
        gate: QualityGate | None = None,
        count: CountSegment = _count_nothing,
    ) -> None:
        self._pool = pool
        self._cache = cache
        self._voice_names = voice_names
        self._gate = gate or QualityGate()
        self._count = count

    async def speak(
        self, narration: Narration, *, low_latency: bool = False, anew: bool = False
    ) -> AsyncGenerator[SpokenSegment, None]:
        """Yield the segments in order. Close the generator to stop: queued segments are dropped, running ones not awaited.

        With `low_latency` the first segment gets all resources until the consumer asks for the second, to minimise the time to first
        audio: later segments are neither looked up nor synthesised while it is encoded and sent; no segment is transcribed. With
        `anew` cached speech is neither used nor replaced: an engine with random output then speaks differently.
        """
        segments = iter(narration.script)
        transcribe = self.reason_without_transcript(narration.settings) is None and not low_latency
        speak = partial(self._speak_segment, narration, anew=anew, transcribe=transcribe)
        ahead: deque[PrefetchedSegment] = deque()
        room = self.segments_ahead(narration)
        samples, first = 0, low_latency
        try:
            self._fill(ahead, segments, speak, 1 if low_latency else room)
            while ahead:
                current = ahead.popleft()
                spoken = await current.spoken()
                if not first:
                    self._fill(ahead, segments, speak, room)
                held = [await place_segment(current.spaced, spoken, narration, samples)]
                samples += len(held[0].speech.samples)
                del current, spoken
                # while a stream is not read, it holds the bytes of one segment and no samples; only with the speech cache,
                # because released segments would otherwise be synthesised, and paid for, again
                release = low_latency and self.releases
                waiting = asyncio.get_running_loop().call_later(UNREAD_SECONDS, release_segments, ahead) if release else None
                try:
                    yield held.pop()
                finally:
                    if waiting is not None:
                        waiting.cancel()
                if first:
                    self._fill(ahead, segments, speak, room)
                    first = False
        finally:
            await asyncio.gather(*(segment.close() for segment in ahead))

    def prefetch(self, narration: Narration, spaced: SpacedSegment) -> "PrefetchedSegment":
        """Start to synthesise a segment of a stream; it is not transcribed."""
        return PrefetchedSegment(spaced, partial(self._speak_segment, narration, spaced.segment, anew=False, transcribe=False))

    def segments_ahead(self, narration: Narration) -> int:
        """Return the number of segments that are synthesised ahead of their turn."""
        return 2 * self._pool.workers(narration.engine.name)

    @property
    def releases(self) -> bool:
        """True if segments of a stream that is not read may be released, because the speech cache keeps them."""
        return self._cache.enabled

    def _fill(self, ahead: "deque[PrefetchedSegment]", segments: Iterator[SpacedSegment], speak: _Speak, room: int) -> None:
        while len(ahead) < room and (spaced := next(segments, None)) is not None:
            ahead.append(PrefetchedSegment(spaced, partial(speak, spaced.segment)))

    def reason_without_transcript(self, settings: SpeechSettings) -> NotTranscribed | None:
        """Return the reason not to compare stored speech with its text; None without one."""
        return self._gate.reason_without_transcript(settings.language, requested=settings.quality_check)

    async def _speak_segment(
        self, narration: Narration, segment: Segment, *, anew: bool, transcribe: bool
    ) -> tuple[Speech, bool]:
        if not segment.spoken:
            return Speech(np.zeros(0, np.float32), narration.engine.sample_rate, (), _EXACT), True
        settings = narration.settings
        speed = settings.speed * segment.tone.rate
        names = await self._voice_names(settings.voice_id)
        utterance = Utterance(
            segment.text,
            segment.spoken,
            names.label,
            settings.language,
            speed,
            segment.pronunciations,
            style=settings.style,
        )
        spoken = replace(utterance, voice=names.name, take=narration.take)
        if anew or settings.unsaved:
            return await self._speak_well(narration, spoken, None, transcribe=transcribe), False
        key = self._cache.key(narration.engine, utterance, settings.scope, check=VERSION if transcribe else "")
        in_use = partial(self._in_use, settings.voice_id)

        async def save(speech: Speech) -> None:
            if _may_keep(speech, transcribe=transcribe):
                await self._cache.save_bad(key, settings.voice_id, speech, in_use)

        speech, cached = await self._cache.get_or_create(
            key,
            settings.voice_id,
            lambda earlier: self._speak_well(narration, spoken, earlier, transcribe=transcribe, save=save),
            partial(check_speech, narration.engine, utterance),
            in_use,
            user_id=narration.user_id,
            keep=partial(_may_keep, transcribe=transcribe),
        )
        if speech.quality is None:  # cached by an earlier version
            speech = replace(speech, quality=await self._gate.measure(utterance, speech))
        return speech, cached

    async def _in_use(self, voice_id: str) -> bool:
        try:
            await self._voice_names(voice_id)
        except VoiceNotFoundError:
            return False
        return True

    async def _speak_well(
        self,
        narration: Narration,
        utterance: Utterance,
        earlier: Speech | None,
        *,
        transcribe: bool,
        save: Save = save_nothing,
    ) -> Speech:
        """Synthesise an utterance, in another take if it is bad, and move its loudness towards that of all voices."""
        speech = await self._gate.speak(
            utterance,
            partial(self._speak_with_retries, narration),
            transcribe=transcribe,
            earlier=earlier,
            master=_level_speech,
            save=save,
        )
        if speech.quality is not None and speech.quality.final:
            self._count(narration.engine.name, narration.settings.voice_id, speech.quality)
        return speech

    async def _speak_with_retries(self, narration: Narration, utterance: Utterance) -> Speech:
        """Retry after a crash or timeout, which restart the engine; at most `_TRIES` times, as the text may be the cause."""
        turn = (narration.user_id, narration.stream or id(narration))
        for _ in range(_TRIES - 1):
            try:
                return await self._pool.speak(narration.engine.name, utterance, turn=turn)
            except (EngineCrashedError, EngineTimeoutError):
                continue
        return await self._pool.speak(narration.engine.name, utterance, turn=turn)


class PrefetchedSegment:
    """A segment synthesised ahead of its turn."""

    def __init__(self, spaced: SpacedSegment, speak: Callable[[], Coroutine[None, None, tuple[Speech, bool]]]) -> None:
        self.spaced = spaced
        self._speak = speak
        self._task: asyncio.Task[tuple[Speech, bool]] | None = asyncio.create_task(speak())
        self._cached: bool | None = None

    async def spoken(self) -> tuple[Speech, bool]:
        """Return the speech, and whether it was available without synthesis for this narration."""
        if self._task is None:
            self._task = asyncio.create_task(self._speak())
        speech, cached = await self._task
        return speech, cached if self._cached is None else self._cached

    def release(self) -> None:
        """Drop the speech when it is complete; the speech cache keeps it."""
        if self._task is not None:
            self._task.add_done_callback(self._forget)

    async def close(self) -> None:
        """Cancel the synthesis."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _forget(self, task: "asyncio.Task[tuple[Speech, bool]]") -> None:
        if task is self._task and not task.cancelled() and task.exception() is None:
            self._cached = task.result()[1] if self._cached is None else self._cached
            self._task = None


def release_segments(ahead: "Iterable[PrefetchedSegment]") -> None:
    """Release the segments ahead of a stream that is not read."""
    for segment in ahead:
        segment.release()


async def place_segment(
    spaced: SpacedSegment, spoken: tuple[Speech, bool], narration: Narration, samples: int
) -> SpokenSegment:
    """Return a segment with its words placed, `samples` after the beginning of the whole."""
    speech, cached = spoken
    if spaced.segment.joint is not None:
        speech = trim_joint(speech, spaced.segment.joint)
    toned = speech if spaced.segment.tone.pitch == 1.0 else await asyncio.to_thread(_pitched, speech, spaced.segment.tone.pitch)
    whole, lead = _with_silence(spaced, toned)
    syllables = narration.settings.timestamp_granularity != "word"
    offset = (samples + lead) / speech.sample_rate
    words = place(spaced.segment, speech, offset, language=narration.settings.language if syllables else None)
    return SpokenSegment(whole, words, len(spaced.segment.text), cached, spaced.segment.title)


_EXACT: Alignment = "model"


def _with_silence(spaced: SpacedSegment, speech: Speech) -> tuple[Speech, int]:
    """Apply the volume and add the silence; return the speech and the number of samples before it."""
    before, after = round(spaced.before * speech.sample_rate), round(spaced.after * speech.sample_rate)
    samples = amplify(speech.samples, spaced.segment.tone.volume)
    if not before and not after and samples is speech.samples:
        return speech, 0
    parts = [np.zeros(before, np.float32), samples, np.zeros(after, np.float32)]
    return replace(speech, samples=np.concatenate(parts)), before


def _pitched(speech: Speech, pitch: float) -> Speech:
    """Change the pitch without changing the duration or the word timings."""
    effects = Effects(speech.sample_rate, pitch=pitch)
    return replace(speech, samples=np.concatenate([effects.feed(speech.samples), effects.close()]))


def check_tone(segment: Segment, settings: SpeechSettings) -> None:
    """Raise `ValidationError` if a segment's tone and the settings together are beyond the limits of effects."""
    if not _SLOWEST <= settings.speed * segment.tone.rate <= _QUICKEST:
        _refuse(f"The text asks for {segment.tone.rate:g} times {settings.speed:g}, but the speed must be from 0.25 to 4.")
    if not _LOWEST <= settings.pitch * segment.tone.pitch <= _HIGHEST:
        _refuse(
            f"The text asks for {segment.tone.pitch:g} times the pitch {settings.pitch:g}, but the pitch must be from 0.5 to 2."
        )


def _refuse(message: str) -> None:
    raise ValidationError(message, details=[{"field": "text", "message": message}])
