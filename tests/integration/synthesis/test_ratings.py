"""Synthesis publishes each stored audio for ratings and tracks, and lists voices with their mean ratings."""

from typing import Any

from echo_common.bus.port import Message
from echo_common.contracts.events.feedback import VoiceRatingChanged
from echo_common.contracts.events.synthesis import AudioCreated
from echo_common.contracts.http.synthesis import SynthesizeRequest, Voice
from echo_common.contracts.values import JobStatus
from echo_common.http.pagination import Page
from echo_synthesis.api.voices import get_voice, list_voices
from echo_synthesis.catalogue.voices import VoiceFilter
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio
from echo_synthesis.handlers import store_rating
from echo_synthesis.timing.storage import FEW
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.speech import synthesize
from tests.integration.synthesis.test_jobs import ALICE, STORY, queued, until
from tests.support.eventually import eventually
from tests.support.synthesis_replica import Replica


def created(heard: list[Message]) -> list[AudioCreated]:
    return [AudioCreated.model_validate_json(found.body) for found in heard if found.topic == AudioCreated.topic]


def described(audio: Audio) -> tuple[Any, ...]:
    return (audio.id, audio.user_id, audio.job_id, audio.settings.voice_id, audio.settings.engine, audio.duration, audio.size)


async def test_every_stored_audio_is_published(replica: Replica) -> None:
    heard: list[Message] = []
    async with replica(heard=heard) as deps:
        audio = await synthesize(SynthesizeRequest(text="Hello brave new world."), ALICE, deps)
        job = await until(await queued(STORY, deps), deps, JobStatus.COMPLETED)
        of_job = await find_audio(str(job.audio_id), ALICE, deps)
        await eventually(lambda: len(created(heard)) == 2)
        found = {event.audio_id: event for event in created(heard)}
        for expected, words in ((audio, 4), (of_job, 7)):
            event = found[expected.id]
            assert event.word_count == words
            assert described(expected) == (
                *(event.audio_id, event.user_id, event.job_id, event.voice_id, event.engine, event.duration),
                event.size_bytes,
            )
            assert (event.object_key, event.mime) == (expected.object_key, expected.mime)


async def test_words_of_long_audio_are_counted(replica: Replica) -> None:
    heard: list[Message] = []
    async with replica(heard=heard) as deps:
        audio = await synthesize(SynthesizeRequest(text="So. " * (FEW + 20)), ALICE, deps)
        assert audio.words == ()
        assert audio.word_count == FEW + 20
        await eventually(lambda: [event.word_count for event in created(heard)] == [FEW + 20])


async def voices(deps: Dependencies, **page: Any) -> list[Voice]:
    wanted = Page(**{"limit": 100, "offset": 0, "sort_by": "rating", "sort_order": "desc", **page})
    return (await list_voices(ALICE, deps, wanted, VoiceFilter())).data or []


async def test_voices_show_their_rating_and_are_sorted_by_it(replica: Replica) -> None:
    async with replica() as deps:
        assert all(voice.rating is None for voice in await voices(deps))
        later = VoiceRatingChanged(voice_id="tone_low", mean=4.5, count=2, revision=2)
        earlier = VoiceRatingChanged(voice_id="tone_low", mean=1.0, count=1, revision=1)
        other = VoiceRatingChanged(voice_id="tone_high", mean=3.0, count=5, revision=1)
        for event in (later, earlier, other, later):
            await store_rating(event, deps)
        best = await voices(deps)
        assert [(voice.id, voice.rating and voice.rating.mean) for voice in best[:2]] == [("tone_low", 4.5), ("tone_high", 3.0)]
        worst = await voices(deps, sort_order="asc")
        assert [voice.id for voice in worst[:2]] == ["tone_high", "tone_low"]
        assert all(voice.rating is None for voice in [*best[2:], *worst[2:]])
        found = (await get_voice("tone_low", ALICE, deps)).data
        assert found is not None
        assert found.rating is not None
        assert (found.rating.mean, found.rating.count) == (4.5, 2)


async def test_a_voice_without_counted_ratings_shows_none(replica: Replica) -> None:
    async with replica() as deps:
        await store_rating(VoiceRatingChanged(voice_id="tone_low", mean=4.0, count=1, revision=1), deps)
        await store_rating(VoiceRatingChanged(voice_id="tone_low", mean=0, count=0, revision=2), deps)
        assert all(voice.rating is None for voice in await voices(deps))
