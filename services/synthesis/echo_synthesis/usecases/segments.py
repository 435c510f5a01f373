"""Use cases for the segments and revisions of stored audio."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from echo_common.audio.formats import FORMATS
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import SegmentChangedError, SegmentNotFoundError
from echo_common.contracts.http.segments import RegenerateSegment
from echo_common.errors import refuse
from echo_common.http.pagination import Page
from echo_common.storage.port import ObjectStore
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job, SegmentReference, SpeechSettings
from echo_synthesis.engine import EngineSpec
from echo_synthesis.pipeline.narration import Narration, plan
from echo_synthesis.pipeline.packed_script import PackedScript, SpacedSegment
from echo_synthesis.pipeline.segment_planning import plan_segment
from echo_synthesis.pipeline.segment_table import KeptSegment, move, read_segments
from echo_synthesis.text.lexicon import relevant
from echo_synthesis.text.source_map import PLAIN
from echo_synthesis.text.ssml import is_ssml
from echo_synthesis.text.ssml_fragments import to_fragment
from echo_synthesis.usecases.audio import text_of_audio
from echo_synthesis.usecases.dictionary import entry_added
from echo_synthesis.usecases.jobs import counted_job, key_of
from echo_synthesis.usecases.planning import pronunciations_for
from echo_synthesis.usecases.requests import find_synthesis


@dataclass(frozen=True, slots=True)
class LocatedSegment:
    """A segment with its number, its times in the audio in seconds, and the index of its first word."""

    number: int
    segment: KeptSegment
    start: float
    end: float
    first_word: int


@dataclass(frozen=True, slots=True)
class SpokenForm:
    """The spoken words `[first, stop)` of a part of a segment that a written word stands for, and their prescribed IPA.

    Written words that are spoken as one have equal forms; there are none if a word is not spoken.
    """

    part: int
    first: int
    stop: int
    ipa: str | None = None


async def list_segments(
    any_id: str, principal: Principal, page: Page, deps: Dependencies
) -> tuple[Sequence[LocatedSegment], int]:
    """Return a page of the segments of an audio, and their total number.

    Raises `SynthesisNotFoundError`, `JobStateConflictError` without audio, `SegmentsNotKeptError`.
    """
    audio = (await find_synthesis(any_id, principal, deps)).finished
    total = audio.units
    if page.direction == 1:
        return await locate_segments(audio, deps.objects, page.offset, page.offset + page.limit), total
    stop = max(0, total - page.offset)
    return (await locate_segments(audio, deps.objects, max(0, stop - page.limit), stop))[::-1], total


async def find_segment(any_id: str, number: int, principal: Principal, deps: Dependencies) -> tuple[Audio, LocatedSegment]:
    """Return an audio and one of its segments. Raises the errors of `list_segments`, `SegmentNotFoundError`."""
    audio = (await find_synthesis(any_id, principal, deps)).finished
    found = await locate_segments(audio, deps.objects, number, number + 1) if number >= 0 else []
    if not found:
        raise SegmentNotFoundError
    return audio, found[0]


async def regenerate_segment(
    any_id: str, number: int, request: RegenerateSegment, principal: Principal, deps: Dependencies, *, key: str | None
) -> Job:
    """Queue a job that speaks a segment again, in a new revision; an entry of the request is in the dictionary then.

    The quota is checked before the text is planned. Raises the errors of `find_segment`, of planning and of the dictionary,
    `SegmentChangedError`, `QuotaExceededError`.
    """
    audio, located = await find_segment(any_id, number, principal, deps)
    kept = located.segment
    if request.expected_checksum not in {None, kept.checksum}:
        return await _find_earlier_job(principal, key, deps)
    settings, text = await _interpret(audio, kept, request, deps)
    _check_length(audio, kept, text, deps)
    clone = await deps.clones.find(audio.settings.voice_id, principal.user_id)
    engine = (clone or deps.voices.find(audio.settings.voice_id)).engine
    entry = request.dictionary_entry
    if entry is not None and not relevant([entry], text):
        refuse("dictionary_entry.term", "The segment does not contain this term. Add it to the dictionary instead.")
    job = Job.queue(
        principal.user_id,
        text,
        settings,
        word_count=0,
        units_total=1,
        idempotency_key=key_of(principal, key),
        replaces=SegmentReference(audio_id=audio.id, number=number),
    )
    async with counted_job(job, principal, deps) as store, entry_added(entry, principal, deps):
        narration = await _plan(audio, kept, settings, None if request.text is None else text, engine, deps)
        script = narration.script
        unchanged = narration.script.data == PackedScript.pack(kept.script, engine).data
        job.replaces = SegmentReference(audio_id=audio.id, number=number, unchanged=unchanged)
        job.revise(
            text, narration.settings, word_count=script.word_count, units_total=len(script), script=script.data, config={}
        )
        return await store()


async def locate_segments(audio: Audio, objects: ObjectStore, start: int, stop: int) -> Sequence[LocatedSegment]:
    """Return the segments `[start, stop)` of an audio; only these are parsed. Raises `SegmentsNotKeptError`."""
    rate = FORMATS[audio.settings.output_format].codec_rate(audio.settings.sample_rate)
    segments = [each async for each in read_segments(audio, objects, start, stop)]
    return [
        LocatedSegment(
            number,
            segment,
            round(segment.first_sample / rate, 4),
            round((segment.first_sample + segment.samples) / rate, 4),
            segment.first_word,
        )
        for number, segment in enumerate(segments, start)
    ]


async def _find_earlier_job(principal: Principal, key: str | None, deps: Dependencies) -> Job:
    """Return the job of a repeated request, which has changed the segment itself. Raises `SegmentChangedError`."""
    known = key_of(principal, key)
    job = None if known is None else await deps.jobs.find_one({"idempotency_key": known, "user_id": principal.user_id})
    if job is None:
        raise SegmentChangedError
    return job


async def _interpret(
    audio: Audio, kept: KeptSegment, request: RegenerateSegment, deps: Dependencies
) -> tuple[SpeechSettings, str]:
    """Return the settings, which tell whether the text is SSML, and the text to speak: in SSML, a part of a document."""
    settings = audio.settings
    if settings.ssml is None:
        settings = settings.model_copy(update={"ssml": is_ssml(await text_of_audio(audio, deps))})
    if request.text is None:
        return settings, kept.text
    if settings.ssml:
        return settings, to_fragment(request.text, markup=request.ssml)
    if request.ssml or (request.ssml is None and is_ssml(request.text)):
        refuse("text", "The text of this audio is not SSML. Send a text without markup, or `ssml: false` to speak it as it is.")
    return settings, request.text


def _check_length(audio: Audio, kept: KeptSegment, text: str, deps: Dependencies) -> None:
    length, most = audio.text_length - len(kept.text) + len(text), deps.settings.max_characters
    if len(text) > len(kept.text) and length > most:
        refuse("text", f"The text of the audio would have {length} characters; at most {most} are permitted.")


async def _plan(
    audio: Audio, kept: KeptSegment, settings: SpeechSettings, text: str | None, engine: EngineSpec, deps: Dependencies
) -> Narration:
    """Plan a segment: as before if neither the text nor its pronunciations have changed. Raises `ValidationError`."""
    spoken, user_id = kept.text if text is None else text, audio.user_id
    settings = await _apply_dictionary(settings, spoken, user_id, deps)
    if text is None:
        if not any(spaced.segment.spoken for spaced in kept.script):
            refuse("text", "The segment has nothing to speak. Send a text for it.")
        script: Sequence[SpacedSegment] | None = kept.script
        if set(settings.pronunciations) != set(kept.pronunciations):
            script = await _plan_in_context(audio, kept, engine, deps)
        if script is not None:
            return Narration(spoken, PackedScript.pack(script, engine), settings, engine, user_id)
    planned = await plan_segment(spoken, settings, engine, deps.scripts, user_id)
    return replace(planned, script=PackedScript.pack(_keep_pauses(kept, list(planned.script)), engine))


async def _plan_in_context(
    audio: Audio, kept: KeptSegment, engine: EngineSpec, deps: Dependencies
) -> Sequence[SpacedSegment] | None:
    """Plan the whole text and return the script of a segment, or None if the whole text is now divided differently."""
    text = await text_of_audio(audio, deps)
    settings = await _apply_dictionary(audio.settings, text, audio.user_id, deps)
    whole = await plan(text, settings, engine, deps.scripts, audio.user_id)
    script = [
        move(spaced, -kept.start)
        for spaced in whole.script
        if (words := spaced.segment.words) and kept.start <= words[0].written.start and words[-1].written.end <= kept.end
    ]
    return script if sum(len(spaced.segment.words) for spaced in script) == kept.word_count else None


def _keep_pauses(kept: KeptSegment, script: Sequence[SpacedSegment]) -> Sequence[SpacedSegment]:
    """Return a script with the pauses around a segment, and with its tone where it has none."""
    before = kept.script
    toned = [
        replace(spaced, segment=replace(spaced.segment, tone=before[0].segment.tone))
        if spaced.segment.tone == PLAIN
        else spaced
        for spaced in script
    ]
    toned[0] = replace(toned[0], before=before[0].before)
    toned[-1] = replace(toned[-1], after=before[-1].after)
    return toned


async def _apply_dictionary(settings: SpeechSettings, text: str, user_id: str, deps: Dependencies) -> SpeechSettings:
    """Return the settings with the present pronunciations of the echo and the dictionary that the text needs."""
    echo = None if settings.echo_id is None else await deps.echos.get(settings.echo_id, user_id)
    first = () if echo is None else echo.pronunciations
    pronunciations = await pronunciations_for(text, settings.language, settings.voice_id, user_id, deps, first=first)
    return settings.model_copy(update={"pronunciations": pronunciations})


def list_spoken_forms(kept: KeptSegment) -> Sequence[SpokenForm]:
    """Return the spoken form of each written word of a segment."""
    return [
        SpokenForm(part, word.first, word.stop, _join_ipa(spaced.segment.pronunciations[word.first : word.stop]))
        for part, spaced in enumerate(kept.script)
        for word in spaced.segment.words
    ]


def _join_ipa(spoken: Sequence[str | None]) -> str | None:
    return " ".join(each for each in spoken if each) if spoken and all(spoken) else None
