"""A segment of a stored audio is replaced; the samples of all others stay as they are."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from echo_common.audio.formats import FORMATS
from echo_common.bus.port import Message
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    RevisionNotFoundError,
    SegmentsNotKeptError,
    SynthesisNotFoundError,
)
from echo_common.contracts.events.synthesis import AudioRevised
from echo_common.contracts.http.segments import RegenerateSegment
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import AudioFormat, Metric, Plan
from echo_common.http.pagination import Page
from echo_common.live_settings import LiveSettings
from echo_synthesis.segment_views import segment_details
from echo_synthesis.usecases.audio import find_audio, read_words, text_of_audio, words_of
from echo_synthesis.usecases.jobs import queue_job
from echo_synthesis.usecases.requests import find_synthesis, list_syntheses
from echo_synthesis.usecases.segments import find_segment, list_segments, regenerate_segment
from tests.support.eventually import eventually
from tests.support.segments import (
    ALICE,
    FIRST_PAGE,
    LOSSY,
    MALLORY,
    STORY,
    objects,
    only_referenced,
    parts_of,
    queued,
    replaced,
    segments_of,
    spoken,
    texts_of,
    until,
)
from tests.support.synthesis_replica import Replica


@pytest.mark.parametrize("output_format", AudioFormat)
@pytest.mark.parametrize("effects", [{}, {"sample_rate": 16_000, "pitch": 1.3, "volume": 1.6}], ids=["plain", "effects"])
async def test_the_samples_of_other_segments_are_identical(
    replica: Replica, output_format: AudioFormat, effects: dict[str, Any]
) -> None:
    async with replica() as deps:
        audio = await spoken(deps, output_format=output_format, **effects)
        assert (audio.lossless_key is not None) == (output_format in LOSSY)
        before = await parts_of(audio, deps)
        assert len(before) == 5

        revised = await replaced(audio, 2, deps, text="Something considerably longer is said here.")
        again = await replaced(revised, 4, deps, text="Short.")
        after = await parts_of(again, deps)
        assert [np.array_equal(one, other) for one, other in zip(before, after, strict=True)] == [
            True,
            True,
            False,
            True,
            False,
        ]
        assert len(after[2]) > len(before[2])
        codec_rate = FORMATS[output_format].codec_rate(audio.settings.sample_rate)
        assert again.duration == pytest.approx(sum(map(len, after)) / codec_rate, abs=1e-4)


async def test_later_times_chapters_and_positions_move(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, timestamp_granularity="both")
        revised = await replaced(audio, 1, deps, text="Now here are many more words than before.")
        longer = revised.duration - audio.duration
        assert longer > 0.5
        old, new = await words_of(audio, deps), await words_of(revised, deps)
        assert [word.word for word in new] == [
            *("Start", "Now", "here", "are", "many", "more", "words", "than", "before"),
            *("A", "tone-peak", "sentence", "End", "The", "last", "one", "ends"),
        ]
        assert new[0] == old[0]
        text = await text_of_audio(revised, deps)
        assert text == STORY.replace("The first sentence.", "Now here are many more words than before.")
        assert all(text[word.char_start : word.char_end] == word.word for word in new)
        for before, after in zip(old[4:], new[9:], strict=True):
            assert after.start - before.start == pytest.approx(longer, abs=2e-4)
            assert after.syllables[0].start - before.syllables[0].start == pytest.approx(longer, abs=2e-4)
        assert all(one.end <= other.start + 1e-3 for one, other in pairwise(new))
        assert [chapter.title for chapter in revised.chapters] == ["Start", "End"]
        assert revised.chapters[1].start - audio.chapters[1].start == pytest.approx(longer, abs=2e-4)
        assert revised.chapters[1].end == revised.duration
        segments = await segments_of(audio, deps)
        assert [found.start for found in segments[1:]] == [found.end for found in segments[:-1]]
        assert segments[-1].end == pytest.approx(revised.duration, abs=1e-4)
        assert [text[found.segment.start : found.segment.end] for found in segments] == await texts_of(revised, deps)


async def test_long_word_lists_move_too(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One two. " * 300)
        assert audio.times_key is not None
        revised = await replaced(audio, 0, deps, text="One two three.")
        words = await words_of(revised, deps)
        assert len(words) == 601
        assert words[-1].end <= revised.duration
        assert revised.times_key != audio.times_key
        await only_referenced(revised, deps)


async def test_a_revision_has_its_own_file_and_checksum(replica: Replica) -> None:
    heard: list[Message] = []
    async with replica(heard=heard) as deps:
        audio = await spoken(deps)
        job = await until(await queued(audio, 0, deps, text="Begin"), deps)
        revised = await find_audio(audio.id, ALICE, deps)
        assert (revised.revision, revised.revised_by, revised.revised_segment) == (2, job.id, 0)
        assert revised.checksum != audio.checksum
        assert (await deps.objects.info(revised.object_key)).checksum == revised.checksum
        assert (await deps.objects.info(revised.find_revision(1).object_key)).checksum == audio.checksum
        assert revised.url.endswith(f"{audio.id}?revision=2")
        assert [chapter.title for chapter in revised.chapters] == ["Begin", "End"]
        assert (job.audio_id, job.progress) == (audio.id, 100)
        assert job.duration is not None
        assert 0 < job.duration < audio.duration
        with pytest.raises(RevisionNotFoundError):
            revised.find_revision(3)

        def announced() -> list[tuple[str, str]]:
            events = (AudioRevised.model_validate_json(each.body) for each in heard if each.topic == AudioRevised.topic)
            return [(event.object_key, event.mime) for event in events]

        await eventually(lambda: announced() == [(revised.object_key, revised.mime)])


async def test_the_audio_of_jobs_is_revised_without_changing_the_job(replica: Replica) -> None:
    async with replica() as deps:
        job = await queue_job("One sentence. Another.", None, SpeechConfig(), ALICE, deps)
        deps.worker.wake()
        audio = await find_audio(str((await until(job, deps)).audio_id), ALICE, deps)
        await replaced(audio, 1, deps, text="A third.")
        assert await text_of_audio(await find_audio(audio.id, ALICE, deps), deps) == "One sentence. A third."
        found = await find_synthesis(job.id, ALICE, deps)
        assert found.finished.revision == 2
        assert (await deps.jobs.get(job.id)).text == "One sentence. Another."
        page = Page(limit=20, offset=0, sort_by="created_at", sort_order="desc")
        listed, total = await list_syntheses(ALICE, page, deps)
        assert ([one.job.id for one in listed if one.job], total) == ([job.id], 1)


async def test_the_same_idempotency_key_gives_the_same_replacement(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        first, second = [await queued(audio, 0, deps, key="once") for _ in range(2)]
        assert first.id == second.id
        await until(first, deps)
        assert (await find_audio(audio.id, ALICE, deps)).revision == 2


async def test_segments_are_not_kept_where_a_setting_says_so(replica: Replica) -> None:
    async with replica(keep_segments=False) as deps:
        audio = await spoken(deps, output_format=AudioFormat.MP3)
        assert await objects(deps) == {audio.object_key}
        for attempt in (segments_of(audio, deps), queued(audio, 0, deps)):
            with pytest.raises(SegmentsNotKeptError):
                await attempt


async def test_a_segment_is_shown_with_its_words_as_spoken(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hello. Dr. Smith paid $5.")
        _, found = await find_segment(audio.id, 1, ALICE, deps)
        view = segment_details(found, await read_words(audio, found.first_word, 5, deps))
        assert (view.text, view.first_word, view.word_count) == ("Dr. Smith paid $5.", 1, 4)
        assert [(word.index, word.word, word.spoken) for word in view.words] == [
            (1, "Dr", "Doctor"),
            (2, "Smith", "Smith"),
            (3, "paid", "paid"),
            (4, "$5", "five dollars"),
        ]


async def test_segments_are_listed_in_pages(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One two. " * 300)
        assert audio.segments_key is not None
        everything = await segments_of(audio, deps)
        assert [found.number for found in everything] == list(range(300))
        assert await segments_of(audio, deps, limit=7, offset=250) == everything[250:257]
        assert await segments_of(audio, deps, limit=7, offset=297) == everything[297:]
        assert await segments_of(audio, deps, limit=7, offset=300) == []
        assert await segments_of(audio, deps, limit=7, offset=2, order="desc") == everything[291:298][::-1]
        assert await segments_of(audio, deps, limit=7, offset=298, order="desc") == everything[:2][::-1]
        revised = await replaced(audio, 1, deps, text="One two three four.")
        assert [found.start for found in (await segments_of(revised, deps))[2:]] == [
            pytest.approx(found.start + revised.duration - audio.duration, abs=2e-4) for found in everything[2:]
        ]
        assert [found.first_word for found in (await segments_of(revised, deps))[:4]] == [0, 2, 6, 8]


async def test_the_quota_is_checked_before_a_text_is_planned(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = LiveSettings()
    async with replica(live_settings=limits) as deps:
        audio = await spoken(deps, "One sentence. Another.")
        limits.replace({QUOTAS[Metric.SYNTHESES][Plan.USER].key: 1})
        planned: list[str] = []

        async def write(text: str, *_: object) -> list[object]:
            planned.append(text)
            return []

        monkeypatch.setattr(deps.scripts, "write", write)
        with pytest.raises(QuotaExceededError):
            await queued(audio, 0, deps, text="Something else.")
        assert planned == []


async def test_segments_of_other_users_do_not_exist(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps)
        for attempt in (
            list_segments(audio.id, MALLORY, FIRST_PAGE, deps),
            regenerate_segment(audio.id, 0, RegenerateSegment(), MALLORY, deps, key=None),
        ):
            with pytest.raises(SynthesisNotFoundError):
                await attempt
