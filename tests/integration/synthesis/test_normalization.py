"""Tests of text normalisation on a real database, with an engine that beeps for each word."""

import itertools
import wave
from collections.abc import AsyncIterator
from io import BytesIO

import numpy as np
import pytest

from echo_common.captions import srt
from echo_common.contracts.errors.synthesis import (
    DictionaryEntryConflictError,
    DictionaryEntryNotFoundError,
    DictionaryFullError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.normalization import CreateDictionaryEntry, DictionaryEntryPatch, NormalizeRequest
from echo_common.contracts.http.synthesis import SpeechConfig, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio
from echo_synthesis.text.captions import cues
from echo_synthesis.usecases import dictionary, jobs, speech
from echo_synthesis.views import script_view, synthesis_result
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica, principal_of

ALICE, MALLORY = principal_of("usr_alice"), principal_of("usr_mallory")
PAGE = Page(limit=20, offset=0, sort_by="created_at", sort_order="desc")
RATE = 16_000


@pytest.fixture
async def deps(replica: Replica) -> AsyncIterator[Dependencies]:
    async with replica() as dependencies:
        yield dependencies


async def speak(text: str, deps: Dependencies, **config: object) -> Audio:
    chosen = SpeechConfig.model_validate({"sample_rate": RATE, **config})
    return await speech.synthesize(SynthesizeRequest(text=text, config=chosen), ALICE, deps)


async def samples(audio: Audio, deps: Dependencies) -> np.ndarray:
    sound = b"".join([block async for block in deps.objects.read(audio.object_key)])
    with wave.open(BytesIO(sound)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


async def add(deps: Dependencies, term: str, respelling: str | None = None, **fields: object) -> str:
    request = CreateDictionaryEntry.model_validate({"term": term, "respelling": respelling, **fields})
    return (await dictionary.add_entry(request, ALICE, deps)).id


async def spoken(text: str, deps: Dependencies, voice: str | None = None) -> str:
    request = NormalizeRequest(text=text, voice_id=voice)
    return script_view(await dictionary.normalize(request, ALICE, deps)).spoken_text


async def test_timings_refer_to_written_words(deps: Dependencies) -> None:
    text = "**Dr.** Smith paid $5.50 [here](https://example.com)."
    audio = await speak(text, deps)
    assert [(mark.word, mark.spoken) for mark in audio.words] == [
        ("Dr", "Doctor"),
        ("Smith", None),
        ("paid", None),
        ("$5.50", "five dollars and fifty cents"),
        ("here", None),
    ]
    assert all(text[mark.char_start : mark.char_end] == mark.word for mark in audio.words)
    # the engine beeps 50 ms a letter, then is silent for 50 ms: six letters of Doctor, the five words of the sum
    assert audio.words[0].end == pytest.approx(0.3)
    assert audio.words[3].end - audio.words[3].start == pytest.approx(0.05 * 24 + 0.05 * 4, abs=0.001)


async def test_pauses_have_the_exact_number_of_samples(deps: Dependencies) -> None:
    audio = await speak("[pause:250ms]One [pause:1.5s] two.[pause:0.1s]", deps)
    sound = await samples(audio, deps)
    one, two = audio.words
    beeps = 2 * (round(0.15 * RATE) + round(0.05 * RATE))
    assert len(sound) == beeps + round(1.85 * RATE)
    assert audio.duration == pytest.approx(len(sound) / RATE, abs=1e-4)
    assert (one.start, one.end, two.start) == pytest.approx((0.25, 0.4, 0.25 + 0.2 + 1.5))
    assert not sound[: round(0.25 * RATE)].any()
    assert not sound[round(0.45 * RATE) : round(1.95 * RATE)].any()
    assert np.abs(sound[round(0.26 * RATE) : round(0.39 * RATE)]).max() > 0.2


async def test_prosody_changes_pace_and_loudness(deps: Dependencies) -> None:
    audio = await speak("<speak>hello <prosody rate='50%' volume='50%'>hello</prosody></speak>", deps)
    sound = await samples(audio, deps)
    plain, slow = audio.words
    assert slow.end - slow.start == pytest.approx(2 * (plain.end - plain.start))
    loud, soft = (np.abs(sound[round(word.start * RATE) : round(word.end * RATE)]).max() for word in audio.words)
    assert soft == pytest.approx(loud / 2, rel=0.1)  # the loudness of segments is levelled


async def test_prosody_changes_pitch_without_a_discontinuity(deps: Dependencies) -> None:
    audio = await speak("<speak>hello <prosody pitch='150%'>hello</prosody> hello</speak>", deps)
    sound = await samples(audio, deps)
    beeps = [sound[round(word.start * RATE) : round(word.end * RATE)] for word in audio.words]
    first, middle, last = (int(np.argmax(np.abs(np.fft.rfft(beep, 8 * RATE)))) / 8 for beep in beeps)
    assert (middle, last) == pytest.approx((1.5 * first, first), rel=0.02)
    assert [len(beep) for beep in beeps] == pytest.approx([len(beeps[0])] * 3, abs=1)
    steepest = 2 * np.pi * middle / RATE * np.abs(sound).max()
    assert np.abs(np.diff(sound)).max() <= 1.1 * steepest, "a click"


async def test_prosody_beyond_the_limits_is_refused(deps: Dependencies) -> None:
    with pytest.raises(ValidationError, match=r"0\.5 to 2"):
        await speak("<speak><prosody pitch='150%'>hello</prosody></speak>", deps, pitch=1.5)
    with pytest.raises(ValidationError, match=r"0\.25 to 4"):
        await speak("<speak><prosody rate='300%'>hello</prosody></speak>", deps, speed=2)


async def test_syllables_are_included_on_request(deps: Dependencies) -> None:
    both = await speak("Water costs $2.", deps, timestamp_granularity="both")
    result = synthesis_result(both, both.words)
    assert result.word_timestamps is not None
    assert result.syllable_timestamps is not None
    assert [(each.syllable, each.word_index) for each in result.syllable_timestamps] == [
        ("Wa", 0), ("ter", 0), ("costs", 1), ("two", 2), ("dol", 2), ("lars", 2),
    ]  # fmt: skip
    starts = [each.start_time for each in result.syllable_timestamps]
    assert starts == sorted(starts)
    assert result.syllable_timestamps[-1].end_time <= both.duration
    only = await speak("Water.", deps, timestamp_granularity="syllable")
    assert synthesis_result(only, only.words).word_timestamps is None
    plain = await speak("Water.", deps)
    assert synthesis_result(plain, plain.words).syllable_timestamps is None


async def test_captions_contain_the_punctuation_of_the_text(deps: Dependencies) -> None:
    audio = await speak("“Stop!” he cried. Then, *nothing*.", deps)
    assert "".join(srt(cues(audio.words))).split("\n")[2] == "“Stop!” he cried."
    assert [" ".join(cue.lines) for cue in cues(audio.words)] == ["“Stop!” he cried.", "Then, nothing."]


async def test_texts_without_a_break_are_split(deps: Dependencies) -> None:
    audio = await speak("x" * 5_000 + " " + "7" * 900, deps)
    assert "".join(mark.word for mark in audio.words) == "x" * 5_000 + "7" * 900
    assert all(before.end <= after.start for before, after in itertools.pairwise(audio.words))


async def test_previews_show_the_script_and_refuse_invalid_texts(deps: Dependencies) -> None:
    request = NormalizeRequest(text="It costs $5. [pause:2s] <b>Wow</b>")
    script = script_view(await dictionary.normalize(request, ALICE, deps))
    assert (script.spoken_text, script.word_count, script.language) == ("It costs five dollars. Wow", 4, "en-US")
    assert [part.model_dump(include={"type", "text", "seconds"}) for part in script.parts] == [
        {"type": "unit", "text": "It costs five dollars."},
        {"type": "pause", "seconds": 2.0},
        {"type": "unit", "text": "Wow"},
    ]
    with pytest.raises(ValidationError):
        await dictionary.normalize(NormalizeRequest(text="<speak><x/></speak>"), ALICE, deps)
    with pytest.raises(VoiceNotFoundError):
        await dictionary.normalize(NormalizeRequest(text="Hi", voice_id="nobody"), ALICE, deps)


async def test_texts_in_unsupported_languages_are_refused_unless_the_language_is_set(deps: Dependencies) -> None:
    for text in ["Bonjour tout le monde, comment allez-vous aujourd'hui ?", "Привет"]:
        with pytest.raises(ValidationError) as refused:
            await speak(text, deps)
        assert refused.value.details == [{"field": "config.language", "message": refused.value.message}]
        assert (await speak(text, deps, language="en")).words


async def test_lexicon_entries_apply_and_change_the_cache_key(deps: Dependencies) -> None:
    before = await speak("Ask Hugh.", deps)
    entry = await add(deps, "Hugh", "hue")
    after = await speak("Ask Hugh.", deps)
    assert [mark.spoken for mark in after.words] == [None, "hue"]
    assert after.duration < before.duration
    await dictionary.change_entry(entry, DictionaryEntryPatch(respelling=None, ipa="h j u u u"), ALICE, deps)
    ipa = await speak("Ask Hugh.", deps)
    assert [mark.spoken for mark in ipa.words] == [None, None]
    assert ipa.duration > before.duration
    await dictionary.delete_entry(entry, ALICE, deps)
    again = await speak("Ask Hugh.", deps)
    assert (again.duration, again.cached_units) == (before.duration, 1)


async def test_pending_jobs_keep_their_pronunciation(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        blocker = await jobs.queue_job("Wait tone-slow-600.", None, SpeechConfig(), ALICE, deps)
        entry = await add(deps, "Hugh", "hue")
        job = await jobs.queue_job("Ask Hugh.", None, SpeechConfig(), ALICE, deps)
        await dictionary.delete_entry(entry, ALICE, deps)
        deps.worker.wake()

        async def done() -> bool:
            return (await deps.jobs.get(job.id)).status is JobStatus.COMPLETED

        await eventually(done, within=30)
        finished = await deps.jobs.get(job.id)
        audio = await deps.audio.get(str(finished.audio_id))
        assert [mark.spoken for mark in audio.words] == [None, "hue"]
        assert blocker.id != job.id


async def test_the_most_specific_lexicon_entry_applies(deps: Dependencies) -> None:
    await add(deps, "Anna", "everywhere")
    await add(deps, "Anna", "in english", language="en")
    await add(deps, "Anna", "by low", voice_id="tone_low")
    await add(deps, "Anna", "in french", language="fr")
    assert await spoken("Anna", deps, "tone_low") == "by low"
    assert await spoken("Anna", deps, "tone_high") == "in english"


async def test_lexicons_are_private(deps: Dependencies) -> None:
    entry = await add(deps, "Hugh", "hue")
    for attempt in (dictionary.find_entry, dictionary.delete_entry):
        with pytest.raises(DictionaryEntryNotFoundError):
            await attempt(entry, MALLORY, deps)
    with pytest.raises(DictionaryEntryNotFoundError):
        await dictionary.change_entry(entry, DictionaryEntryPatch(respelling="x"), MALLORY, deps)
    assert await dictionary.list_entries(MALLORY, PAGE, deps) == ([], 0)
    assert (await dictionary.list_entries(ALICE, PAGE, deps))[1] == 1
    script = script_view(await dictionary.normalize(NormalizeRequest(text="Hugh"), MALLORY, deps))
    assert script.spoken_text == "Hugh"


async def test_a_term_has_a_single_entry_per_scope(deps: Dependencies) -> None:
    first = await add(deps, "Hugh", "hue")
    with pytest.raises(DictionaryEntryConflictError):
        await add(deps, "HUGH", "you")
    await add(deps, "HUGH", "you", case_sensitive=True)
    other = await add(deps, "Hugo", "you go")
    with pytest.raises(DictionaryEntryConflictError):
        await dictionary.change_entry(other, DictionaryEntryPatch(term="hugh"), ALICE, deps)
    assert (await dictionary.find_entry(first, ALICE, deps)).respelling == "hue"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"term": "Hugh"}, "respelling"),
        ({"term": "Hugh", "ipa": "[hju]"}, "ipa"),
        ({"term": "Hugh", "ipa": "h  j"}, "ipa"),
    ],
)
async def test_invalid_entries_are_refused_with_the_field_name(deps: Dependencies, fields: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        await dictionary.add_entry(CreateDictionaryEntry.model_validate(fields), ALICE, deps)
    assert refused.value.details == [{"field": field, "message": refused.value.message}]
    with pytest.raises(VoiceNotFoundError):
        await add(deps, "Hugh", "hue", voice_id="nobody")


async def test_lexicons_have_a_maximum_size(deps: Dependencies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "MOST_ENTRIES", 2)
    await add(deps, "one", "1")
    await add(deps, "two", "2")
    with pytest.raises(DictionaryFullError):
        await add(deps, "three", "3")
