"""A segment of a stored audio is replaced; the samples of all others stay as they are."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from echo_common.bus.port import Message
from echo_common.contracts.errors.quotas import QuotaExceededError
from echo_common.contracts.errors.synthesis import (
    AudioNotFoundError,
    RevisionNotFoundError,
    SegmentNotFoundError,
    SegmentsNotKeptError,
    SynthesisNotFoundError,
)
from echo_common.contracts.http.normalization import CreateDictionaryEntry, DictionaryEntryPatch
from echo_common.contracts.http.segments import RegenerateSegment
from echo_common.contracts.http.synthesis import JobChange, SpeechConfig, SynthesizeRequest
from echo_common.contracts.system_settings import QUOTAS
from echo_common.contracts.values import AudioFormat, JobStatus, Metric, Plan
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_common.live_settings import LiveSettings
from echo_common.storage.orphans import OrphanSweeper
from echo_synthesis.audio.formats import FORMATS
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, Job
from echo_synthesis.segment_views import segment_details
from echo_synthesis.usecases.audio import delete_audio, find_audio, text_of_audio, words_of
from echo_synthesis.usecases.dictionary import add_entry, change_entry, entry_added
from echo_synthesis.usecases.jobs import cancel_job, delete_job, queue_job, revise_job
from echo_synthesis.usecases.ownership import object_owners
from echo_synthesis.usecases.requests import find_synthesis, list_syntheses
from echo_synthesis.usecases.segments import LocatedSegment, find_segment, list_segments, regenerate_segment
from echo_synthesis.usecases.speech import synthesize
from tests.integration.synthesis.test_orphans import DAY, age
from tests.support.eventually import eventually
from tests.support.sound import decode
from tests.support.synthesis_replica import Replica, principal_of

ALICE, MALLORY = principal_of("usr_alice"), principal_of("usr_mallory")
STORY = "# Start\n\nThe first sentence. A tone-peak sentence.\n\n# End\n\nThe last one ends."
FIRST_PAGE = Page(limit=20, offset=0, sort_by="number", sort_order="asc")
LOSSY = {AudioFormat.MP3, AudioFormat.OGG, AudioFormat.AAC, AudioFormat.MULAW}


async def spoken(deps: Dependencies, text: str = STORY, **config: Any) -> Audio:
    return await synthesize(SynthesizeRequest(text=text, config=SpeechConfig(**config)), ALICE, deps)


async def queued(audio: Audio, number: int, deps: Dependencies, key: str | None = None, **body: Any) -> Job:
    job = await regenerate_segment(audio.id, number, RegenerateSegment(**body), ALICE, deps, key=key)
    deps.worker.wake()
    return job


async def until(job: Job, deps: Dependencies, status: JobStatus = JobStatus.COMPLETED) -> Job:
    async def ended() -> bool:
        return (await deps.jobs.get(job.id)).status in {status, JobStatus.FAILED}

    await eventually(ended, within=60)
    held = await deps.jobs.get(job.id)
    assert held.status is status, held.error_message
    return held


async def replaced(audio: Audio, number: int, deps: Dependencies, **body: Any) -> Audio:
    await until(await queued(audio, number, deps, **body), deps)
    return await find_audio(audio.id, ALICE, deps)


async def samples_of(audio: Audio, deps: Dependencies) -> NDArray[np.int64]:
    """Return the samples that the codec was given."""
    name = "flac" if audio.lossless_key else audio.settings.output_format.value
    data = b"".join([block async for block in deps.objects.read(audio.lossless_key or audio.object_key)])
    samples, _ = decode(data, name, audio.settings.sample_rate)
    return np.rint(samples * 32_768).astype(np.int64)


async def parts_of(audio: Audio, deps: Dependencies) -> list[NDArray[np.int64]]:
    """Return the samples of each segment."""
    samples = await samples_of(audio, deps)
    lengths = [found.segment.samples for found in await segments_of(audio, deps)]
    return np.split(samples, np.cumsum(lengths)[:-1])


async def segments_of(
    audio: Audio, deps: Dependencies, *, limit: int = 1_000, offset: int = 0, order: str = "asc"
) -> Sequence[LocatedSegment]:
    page = Page(limit=limit, offset=offset, sort_by="number", sort_order=order)
    found, total = await list_segments(audio.id, ALICE, page, deps)
    assert total == audio.units
    return found


async def texts_of(audio: Audio, deps: Dependencies) -> list[str]:
    return [found.segment.text for found in await segments_of(audio, deps)]


async def objects(deps: Dependencies) -> set[str]:
    return {key async for key in deps.objects.keys("audio/")}


async def only_referenced(audio: Audio, deps: Dependencies) -> None:
    """Check that all objects are those of an audio once the sweep has removed the superseded ones."""
    await eventually(lambda: not deps.worker.busy)
    await OrphanSweeper(deps.objects, object_owners(deps, 0), 0).sweep()
    assert await objects(deps) == set(audio.object_keys)


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

        async def announced() -> bool:
            return any(message.topic == "synthesis.audio_revised" for message in heard)

        await eventually(announced)


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


async def test_a_segment_is_spoken_again_with_the_present_dictionary(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits here. Hugh goes.")
        await add_entry(CreateDictionaryEntry(term="Hugh", respelling="hue hue hue"), ALICE, deps)
        revised = await replaced(audio, 1, deps)
        before, after = await segments_of(audio, deps)
        assert (before.segment.spoken, after.segment.spoken) == ("Hugh waits here.", "hue hue hue goes.")
        assert await texts_of(revised, deps) == ["Hugh waits here.", "Hugh goes."]
        words = await words_of(revised, deps)
        assert [word.spoken for word in words] == [None, None, None, "hue hue hue", None]


async def test_markup_around_a_segment_still_applies_when_the_dictionary_has_changed(replica: Replica) -> None:
    async with replica() as deps:
        text = '<speak>First. <prosody rate="50%">Say <say-as interpret-as="characters">ABC</say-as> to Hugh.</prosody></speak>'
        audio = await spoken(deps, text)
        _, before = await segments_of(audio, deps)
        await add_entry(CreateDictionaryEntry(term="Hugh", respelling="hue"), ALICE, deps)
        await replaced(audio, 1, deps)
        _, after = await segments_of(audio, deps)
        assert after.segment.spoken == before.segment.spoken.replace("Hugh", "hue")
        assert {each.segment.tone.rate for each in after.segment.script} == {0.5}


async def test_a_dictionary_entry_is_added_with_the_replacement(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "Hugh waits.")
        for respelling in ("hue", "hew"):
            await replaced(audio, 0, deps, dictionary_entry={"term": "Hugh", "respelling": respelling})
            entries = await deps.dictionary.of(ALICE.user_id)
            assert [(entry.term, entry.respelling) for entry in entries] == [("Hugh", respelling)]
            [found] = await segments_of(audio, deps)
            assert found.segment.spoken == f"{respelling} waits."
        with pytest.raises(ValidationError):
            await queued(audio, 0, deps, dictionary_entry={"term": "Mary", "respelling": "merry"})
        assert len(await deps.dictionary.of(ALICE.user_id)) == 1


async def test_a_refused_replacement_leaves_the_dictionary_unchanged(replica: Replica) -> None:
    limits = LiveSettings()
    async with replica(live_settings=limits) as deps:
        audio = await spoken(deps, "Hugh waits.")
        await replaced(audio, 0, deps, dictionary_entry={"term": "Hugh", "respelling": "hue"})
        limits.replace({QUOTAS[Metric.SYNTHESES][Plan.USER].key: 1})
        for entry in ({"term": "Hugh", "respelling": "hew"}, {"term": "waits", "respelling": "weights"}):
            with pytest.raises(QuotaExceededError):
                await queued(audio, 0, deps, dictionary_entry=entry)
        assert [entry.respelling for entry in await deps.dictionary.of(ALICE.user_id)] == ["hue"]


async def test_an_entry_that_was_changed_meanwhile_is_not_undone(replica: Replica) -> None:
    async with replica() as deps:
        for before in (None, "hoo"):
            adding = entry_added(CreateDictionaryEntry(term="Hugh", respelling="hue"), ALICE, deps)
            entry = await adding.__aenter__()
            assert entry is not None
            await change_entry(entry.id, DictionaryEntryPatch(respelling="hew"), ALICE, deps)
            assert not await adding.__aexit__(KeyError, KeyError(before), None)
            assert [entry.respelling for entry in await deps.dictionary.of(ALICE.user_id)] == ["hew"]


async def test_concurrent_replacements_all_take_effect(replica: Replica) -> None:
    async with replica() as first, replica() as second:
        audio = await spoken(first, "One sentence. Two sentences. Three sentences. Four sentences. Five.")
        before = await parts_of(audio, first)
        jobs = await asyncio.gather(
            *(queued(audio, number, deps, text=f"Now {number} here.") for number, deps in enumerate((first, second) * 2))
        )
        for job in jobs:
            await until(job, first)
        revised = await find_audio(audio.id, ALICE, first)
        assert await texts_of(revised, first) == [f"Now {number} here." for number in range(4)] + ["Five."]
        assert revised.revision == 5
        assert np.array_equal((await parts_of(revised, first))[-1], before[-1])

        await only_referenced(revised, first)


async def test_the_last_of_several_replacements_of_a_segment_wins(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One sentence. Two sentences.")
        jobs = await asyncio.gather(*(queued(audio, 0, deps, text=f"Version {number}.") for number in range(3)))
        for job in jobs:
            await until(job, deps)
        revised = await find_audio(audio.id, ALICE, deps)
        winner = next(job for job in jobs if job.id == revised.revised_by)
        assert await texts_of(revised, deps) == [winner.text, "Two sentences."]
        assert sorted(str(revision.job_id) for revision in revised.revisions[1:]) == sorted(job.id for job in jobs)


async def test_the_number_of_earlier_revisions_is_limited(replica: Replica) -> None:
    async with replica(earlier_revisions=2) as deps:
        audio = await spoken(deps, "One. Two.", output_format=AudioFormat.MP3)
        for number in range(4):
            audio = await replaced(audio, 0, deps, text=f"Version {number}.")
        assert [revision.number for revision in audio.revisions] == [3, 4, 5]
        await only_referenced(audio, deps)
        counted = set(audio.object_keys) - {audio.segments_key}
        sizes = [(await deps.objects.info(key)).size for key in counted]
        assert await deps.audio.stored_bytes(ALICE.user_id) == sum(sizes)


async def test_deletion_removes_all_objects(replica: Replica) -> None:
    async with replica() as deps:
        audio = await replaced(await spoken(deps, "One. Two.", output_format=AudioFormat.OGG), 1, deps)
        assert len(audio.object_keys) == 3
        await only_referenced(audio, deps)
        await delete_audio(audio.id, ALICE.user_id, deps)
        assert await objects(deps) == set()
        with pytest.raises(SynthesisNotFoundError):
            await segments_of(audio, deps)


async def test_deleting_the_job_of_a_replacement_keeps_the_audio(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        job = await until(await queued(audio, 0, deps), deps)
        await delete_job(job.id, ALICE, deps)
        assert (await find_audio(audio.id, ALICE, deps)).revision == 2


async def test_replacements_of_a_deleted_audio_fail(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        job = await queued(audio, 0, deps, text="Busy tone-slow-900.")
        await delete_audio(audio.id, ALICE.user_id, deps)
        failed = await until(job, deps, JobStatus.FAILED)
        assert failed.error_code == AudioNotFoundError.code
        assert await objects(deps) == set()


async def test_cancelled_replacements_change_nothing(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        job = await queued(audio, 0, deps, text="Busy tone-slow-900.")
        await until(job, deps, JobStatus.PROCESSING)
        await cancel_job(job.id, ALICE, deps)
        deps.worker.recheck(job.id)
        await eventually(lambda: not deps.worker.busy)
        assert (await find_audio(audio.id, ALICE, deps)).revision == 1
        assert await objects(deps) == set(audio.object_keys)


async def test_replacements_cannot_become_other_jobs(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        audio = await spoken(deps, "One. Two.")
        await queued(audio, 0, deps, text="Busy tone-slow-900.")
        job = await queued(audio, 1, deps)
        with pytest.raises(ValidationError):
            await revise_job(job.id, JobChange(text_content="Else."), ALICE, deps)


async def test_the_same_idempotency_key_gives_the_same_replacement(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        first, second = [await queued(audio, 0, deps, key="once") for _ in range(2)]
        assert first.id == second.id
        await until(first, deps)
        assert (await find_audio(audio.id, ALICE, deps)).revision == 2


async def test_failed_engines_leave_the_revision(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        failed = await until(await queued(audio, 0, deps, text="Now tone-silence."), deps, JobStatus.FAILED)
        assert failed.error_code == "ENGINE_FAILED"
        assert await objects(deps) == set(audio.object_keys)

        async def given_back() -> bool:
            return (await deps.quotas.usage(ALICE))[Metric.SYNTHESES] == 1

        await eventually(given_back)


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
        view = segment_details(found, await words_of(audio, deps))
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


async def test_superseded_objects_stay_until_a_reader_or_backup_cannot_need_them(replica: Replica, tmp_path: Path) -> None:
    async with replica(earlier_revisions=0) as deps:
        audio = await spoken(deps, "One. Two.", output_format=AudioFormat.MP3)
        age(tmp_path / "objects", 2 * DAY)
        revised = await replaced(audio, 0, deps, text="Now.")
        superseded = set(audio.object_keys)
        assert not superseded & set(revised.object_keys)
        assert await OrphanSweeper(deps.objects, object_owners(deps, DAY), DAY).sweep() == 0
        assert await objects(deps) >= superseded
        await OrphanSweeper(deps.objects, object_owners(deps, 0), DAY).sweep()
        assert await objects(deps) == set(revised.object_keys)


async def test_superseded_objects_are_remembered_by_age(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
    first, day = audio.object_keys, timedelta(days=1)
    for number in range(300):
        changes = {"object_key": f"audio/{number}", "further_bytes": 0}
        moment = audio.created_at + timedelta(seconds=number)
        audio.revise(changes, segment=0, job_id=f"job_{number}", moment=moment, most_earlier=0, grace=day)
    assert {each.key for each in audio.superseded} >= set(first)
    assert len(audio.superseded) == 300
    later = audio.created_at + timedelta(days=2)
    audio.revise({"object_key": "audio/last"}, segment=0, job_id="job_last", moment=later, most_earlier=0, grace=day)
    assert [each.key for each in audio.superseded] == ["audio/299"]


SSML = '<speak>One sentence. <prosody rate="50%">Say <sub alias="hue">Hugh</sub> here.</prosody> It ends.</speak>'


@pytest.mark.parametrize(
    ("body", "written", "spoken_text"),
    [
        ({"text": "Salt & 3 < 4."}, "Salt &amp; 3 &lt; 4.", "Salt and three is less than four."),
        ({"text": "Salt &amp; pepper."}, "Salt &amp; pepper.", "Salt and pepper."),
        ({"text": 'Say <sub alias="A B">C</sub>.'}, 'Say <sub alias="A B">C</sub>.', "Say A B."),
        ({"text": "</prosody></speak>"}, "&lt;/prosody&gt;&lt;/speak&gt;", None),
        ({"text": "Salt &amp; pepper.", "ssml": False}, "Salt &amp;amp; pepper.", None),
    ],
)
async def test_an_edited_text_keeps_a_document_well_formed(
    replica: Replica, body: dict[str, Any], written: str, spoken_text: str | None
) -> None:
    async with replica() as deps:
        audio = await spoken(deps, SSML)
        assert await texts_of(audio, deps) == ["One sentence.", 'Say <sub alias="hue">Hugh</sub> here.', "It ends."]
        revised = await replaced(audio, 1, deps, **body)
        text = await text_of_audio(revised, deps)
        assert text == SSML.replace('Say <sub alias="hue">Hugh</sub> here.', written)
        found = (await segments_of(revised, deps))[1]
        assert spoken_text in {None, found.segment.spoken}
        assert {each.segment.tone.rate for each in found.segment.script} == {0.5}
        words = await words_of(revised, deps)
        assert all(text[word.char_start : word.char_end] for word in words)
        assert [text[found.segment.start : found.segment.end] for found in await segments_of(revised, deps)] == await texts_of(
            revised, deps
        )
        await add_entry(CreateDictionaryEntry(term="sentence", respelling="phrase"), ALICE, deps)
        again = await replaced(revised, 0, deps)  # plans the whole document
        assert (await segments_of(again, deps))[0].segment.spoken == "One phrase."


@pytest.mark.parametrize("body", [{"text": "Say <b>this</b>."}, {"text": "Salt & pepper.", "ssml": True}])
async def test_invalid_markup_is_refused(replica: Replica, body: dict[str, Any]) -> None:
    async with replica() as deps:
        audio = await spoken(deps, SSML)
        with pytest.raises(ValidationError):
            await queued(audio, 1, deps, **body)
        assert await deps.jobs.count({}) == 0


async def test_markup_in_plain_text_is_spoken_as_it_is(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One sentence. Another.")
        with pytest.raises(ValidationError):
            await queued(audio, 0, deps, text="One <sub alias='x'>y</sub>.", ssml=True)
        revised = await replaced(audio, 0, deps, text="<speak>Loud</speak>", ssml=False)
        assert await text_of_audio(revised, deps) == "<speak>Loud</speak> Another."
        await add_entry(CreateDictionaryEntry(term="Another", respelling="other"), ALICE, deps)
        again = await replaced(revised, 1, deps)  # plans the whole text, which begins like SSML now
        assert (await segments_of(again, deps))[1].segment.spoken == "other."


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


@pytest.mark.parametrize("number", [-1, 5, 10**9])
async def test_unknown_segments_are_refused(replica: Replica, number: int) -> None:
    async with replica() as deps:
        audio = await spoken(deps)
        for attempt in (find_segment(audio.id, number, ALICE, deps), queued(audio, number, deps)):
            with pytest.raises(SegmentNotFoundError):
                await attempt


@pytest.mark.parametrize("text", ["\x00", "...", "   ", '<speak><break time="600s"/></speak>', "\ud800"])
async def test_texts_without_speech_are_refused(replica: Replica, text: str) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One. Two.")
        with pytest.raises((ValidationError, ValueError)):
            await queued(audio, 0, deps, text=text)
        assert await deps.jobs.count({}) == 0


async def test_the_whole_text_keeps_its_maximum_length(replica: Replica) -> None:
    async with replica(max_characters=30) as deps:
        audio = await spoken(deps, "One sentence. Two.")
        with pytest.raises(ValidationError):
            await queued(audio, 1, deps, text="Three and many more words.")
        assert (await replaced(audio, 1, deps, text="Three sentences.")).text_length == 30


async def test_segments_of_other_users_do_not_exist(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps)
        for attempt in (
            list_segments(audio.id, MALLORY, FIRST_PAGE, deps),
            regenerate_segment(audio.id, 0, RegenerateSegment(), MALLORY, deps, key=None),
        ):
            with pytest.raises(SynthesisNotFoundError):
                await attempt
