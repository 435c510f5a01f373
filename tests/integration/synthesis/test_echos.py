"""Speech with an echo: its voice, its values and its pronunciations, and what is refused."""

import asyncio
import json
from typing import Any

import pytest

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.synthesis import EchoNotReadyError, VoiceNotFoundError, VoiceNotReadyError
from echo_common.contracts.events.voice import (
    EchoChanged,
    EchoCreated,
    EchoDeleted,
    VoiceModelReady,
    VoiceModelRequested,
    VoiceModelUnshared,
)
from echo_common.contracts.http.generate import GenerateRequest
from echo_common.contracts.http.normalization import CreateDictionaryEntry, NormalizeRequest
from echo_common.contracts.http.synthesis import JobChange, SpeechConfig, StreamRequest, SynthesizeRequest
from echo_common.contracts.values import JobStatus
from echo_common.errors import ValidationError
from echo_common.http.pagination import Page
from echo_common.ids import new_id
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio
from echo_synthesis.handlers import change_echo, delete_echo, remove_share, store_clone, store_echo, store_training
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.dictionary import add_entry, normalize
from echo_synthesis.usecases.echos import find_language
from echo_synthesis.usecases.jobs import list_jobs, queue_job, revise_job
from echo_synthesis.usecases.requests import generate
from echo_synthesis.usecases.speech import stream_speech, synthesize
from tests.integration.synthesis.test_jobs import queued
from tests.support import gemini_server as answers
from tests.support.eventually import eventually
from tests.support.provider import Provider
from tests.support.segments import replaced
from tests.support.synthesis_replica import Replica, principal_of

ALICE, MALLORY = principal_of("usr_alice"), principal_of("usr_mallory")
TEXT = "Hugh tells a story. It is long."
SETTINGS: dict[str, Any] = {"speed": 1.5, "pitch": 1.2, "volume": 0.5}
HUGH = {"term": "Hugh", "respelling": "hue"}
CLONE = "vm_" + "0" * 26
OLD = "echo_01BX5ZZKBKACTAV9WEVGEMMVRZ"
"""An id of 2017."""
CLONE_FACTS = {
    "voice_model_id": CLONE,
    "user_id": "usr_mallory",
    "name": "Mallory",
    "provider": "tone",
    "engine": "tone",
    "reference": "tone_high",
    "language": "en-US",
    "gender": "neutral",
    "public": False,
}


def state(echo_id: str, revision: int = 1, **fields: Any) -> dict[str, Any]:
    return {"echo_id": echo_id, "user_id": "usr_alice", "revision": revision, "name": f"Name {revision}", **fields}


async def known(deps: Dependencies, **fields: Any) -> str:
    """Return the id of an echo of Alice that speaks as a high tone."""
    echo_id = new_id("echo")
    await store_echo(EchoCreated(**state(echo_id, **{"voice_id": "tone_high", **fields})), deps)
    return echo_id


async def speak(voice_id: str | None, deps: Dependencies, principal: Principal = ALICE, **config: Any) -> Audio:
    return await synthesize(SynthesizeRequest(text=TEXT, voice_id=voice_id, config=SpeechConfig(**config)), principal, deps)


async def test_speech_with_an_echo_equals_speech_with_its_voice_and_settings(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, **SETTINGS)
        echo, plain = await speak(echo_id, deps), await speak("tone_high", deps, **SETTINGS)
        assert echo.checksum == plain.checksum
        assert echo.settings == plain.settings.model_copy(update={"echo_id": echo_id})
        assert echo.cached_units == 0
        assert plain.cached_units == plain.units


async def test_values_of_the_request_take_precedence_also_if_they_are_defaults(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, **SETTINGS, language="en-GB")
        settings = (await speak(echo_id, deps, speed=1.0, volume=2.0, language="en-US")).settings
        assert (settings.speed, settings.pitch, settings.volume) == (1.0, 1.2, 2.0)
        settings = (await speak(echo_id, deps, language=None)).settings
        assert (settings.speed, settings.pitch, settings.volume) == (1.5, 1.2, 0.5)


async def test_the_language_of_an_echo_is_that_of_its_speech(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, language="de")
        with pytest.raises(ValidationError, match="speaks en-US, not de"):
            await speak(echo_id, deps)
        assert (await speak(echo_id, deps, language="en")).settings.language == "en-US"
        assert await find_language(echo_id, "usr_alice", deps) == "de"
        assert await find_language(await known(deps), "usr_alice", deps) == "en-US"
        assert await find_language(await known(deps, voice_id=None), "usr_alice", deps) is None


async def test_an_echo_without_a_voice_speaks_in_the_selected_one(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, voice_id=None, speed=1.5)
        before = (await speak(echo_id, deps)).settings
        await deps.clones.select("usr_alice", "tone_high", now())
        after = (await speak(echo_id, deps)).settings
        assert [(before.voice_id, before.speed), (after.voice_id, after.speed)] == [("tone_low", 1.5), ("tone_high", 1.5)]


async def test_the_pronunciations_of_an_echo_take_precedence_over_the_dictionary(replica: Replica) -> None:
    async with replica() as deps:
        await add_entry(CreateDictionaryEntry(term="hugh", respelling="wrong"), ALICE, deps)
        await add_entry(CreateDictionaryEntry(term="story", respelling="tale"), ALICE, deps)
        echo_id = await known(deps, pronunciations=[HUGH])

        async def said(voice_id: str) -> list[str]:
            narration = await normalize(NormalizeRequest(text="Hugh tells a story.", voice_id=voice_id), ALICE, deps)
            return [spaced.segment.text for spaced in narration.script]

        assert await said(echo_id) == ["hue tells a tale."]
        assert await said("tone_high") == ["wrong tells a tale."]


async def test_echos_of_other_users_do_not_exist(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps)
        for voice_id in (echo_id, OLD, "echo_none"):
            with pytest.raises(VoiceNotFoundError):
                await speak(voice_id, deps, MALLORY)
        assert (await speak(echo_id, deps)).settings.voice_id == "tone_high"


async def test_a_request_waits_for_the_event_of_a_new_echo(replica: Replica) -> None:
    async with replica(echo_wait_seconds=10) as deps:
        echo_id = new_id("echo")
        speaking = asyncio.create_task(speak(echo_id, deps))
        await asyncio.sleep(0.1)
        await store_echo(EchoCreated(**state(echo_id, voice_id="tone_high")), deps)
        assert (await speaking).settings.echo_id == echo_id


async def test_an_echo_whose_event_is_under_way_is_not_ready(replica: Replica) -> None:
    async with replica(echo_wait_seconds=0) as deps:
        with pytest.raises(EchoNotReadyError) as refused:
            await speak(new_id("echo"), deps)
        assert refused.value.retry_after == 1


async def test_a_voice_that_is_not_shared_any_more_is_refused_with_the_name_of_the_echo(replica: Replica) -> None:
    async with replica() as deps:
        shared = VoiceModelReady(**CLONE_FACTS, revision=1, shared_with=("usr_alice",), usable=True, job_id="job_1")
        await store_clone(shared, deps)
        echo_id = await known(deps, voice_id=CLONE, name="Grandmother")
        assert (await speak(echo_id, deps)).settings.voice_id == CLONE

        await remove_share(VoiceModelUnshared(**CLONE_FACTS, revision=2, shared_with=(), usable=True), deps)

        with pytest.raises(VoiceNotFoundError, match="The echo 'Grandmother' has the voice vm_0") as refused:
            await speak(echo_id, deps)
        assert refused.value.details == {"echo_id": echo_id, "voice_id": CLONE}
        await change_echo(EchoChanged(**state(echo_id, 2, voice_id="tone_low")), deps)
        assert (await speak(echo_id, deps)).settings.voice_id == "tone_low"


async def test_an_echo_whose_clone_is_in_training_is_not_ready(replica: Replica) -> None:
    async with replica() as deps:
        await store_training(VoiceModelRequested(voice_model_id=CLONE, user_id="usr_alice", job_id="job_1"), deps)
        with pytest.raises(VoiceNotReadyError):
            await speak(await known(deps, voice_id=CLONE), deps)


async def test_streams_and_named_requests_accept_an_echo(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, **SETTINGS)
        stream = await stream_speech(StreamRequest(text=TEXT, voice_id=echo_id), ALICE, deps)
        [*_, last] = [part.totals.settings async for part in stream]
        assert (last.voice_id, last.speed, last.echo_id) == ("tone_high", 1.5, echo_id)
        job = await generate(GenerateRequest(text=TEXT, voice_name=echo_id), ALICE, deps, key=None)
        assert (job.settings.voice_id, job.settings.pitch, job.settings.echo_id) == ("tone_high", 1.2, echo_id)


async def test_a_job_keeps_the_values_of_its_echo_when_it_is_changed(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        echo_id = await known(deps, **SETTINGS, language="en", pronunciations=[HUGH])
        await queued("Busy tone-slow-900.", deps)
        job = await queue_job("A story.", echo_id, SpeechConfig(speed=2.0), ALICE, deps)
        assert {name: job.config[name] for name in ("speed", "pitch", "volume", "language")} == {
            **SETTINGS,
            "speed": 2.0,
            "language": "en",
        }
        changed = await revise_job(job.id, JobChange(text_content=TEXT, volume=1.0), ALICE, deps)
        settings = changed.settings
        assert (settings.speed, settings.pitch, settings.volume) == (2.0, 1.2, 1.0)
        assert [entry.respelling for entry in settings.pronunciations] == ["hue"]
        await delete_echo(EchoDeleted(echo_id=echo_id, user_id="usr_alice"), deps)
        assert (await revise_job(job.id, JobChange(pitch=1.0), ALICE, deps)).settings.voice_id == "tone_high"


async def test_jobs_are_filtered_by_echo(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps)
        mine = await queue_job(TEXT, echo_id, SpeechConfig(), ALICE, deps)
        await queue_job(TEXT, "tone_high", SpeechConfig(), ALICE, deps)
        page = Page(limit=20, offset=0, sort_by="created_at", sort_order="desc")
        found, total = await list_jobs(ALICE, page, deps, voice_id=echo_id)
        assert ([job.id for job in found], total) == ([mine.id], 1)


async def test_a_segment_is_spoken_again_with_the_present_pronunciations_of_the_echo(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps)
        audio = await speak(echo_id, deps)
        await change_echo(EchoChanged(**state(echo_id, 2, voice_id="tone_high", pronunciations=[HUGH])), deps)
        await replaced(audio, 0, deps)
        words = (await find_audio(audio.id, ALICE, deps)).words
        assert [word.spoken for word in words if word.word == "Hugh"] == ["hue"]


async def test_a_style_is_refused_by_an_engine_without_styles(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, style="warm", name="Grandmother")
        with pytest.raises(ValidationError, match="'Grandmother' has a style, which tone does not support"):
            await speak(echo_id, deps)


async def test_the_style_of_an_echo_reaches_its_engine(gemini: Provider, replica: Replica) -> None:
    async with replica(engines=("tone", "gemini"), recogniser="off") as deps:
        warm, plain = await known(deps, voice_id="gemini_kore", style="warm"), await known(deps, voice_id="gemini_kore")
        for echo_id in (plain, warm):  # the second is not served from the cache of the first
            await speak(echo_id, deps)
            await deps.cache.wait_for_writes()
        parts = [json.loads(asked.body)["contents"][0]["parts"][0] for asked in gemini.asked]
        assert sorted(part.get("speechMetadata", {}).get("style", "") for part in parts) == ["", "", "warm", "warm"]


async def test_a_fallback_speaks_without_a_style_that_it_does_not_support(
    gemini: Provider, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gemini, "usually", answers.throttled("600s"))
    settings: dict[str, Any] = {"engines": ("tone", "gemini"), "recogniser": "off", "fallback": {"gemini": "tone_low"}}
    async with replica(**settings) as deps:
        settings_used = (await speak(await known(deps, voice_id="gemini_kore", style="warm"), deps)).settings
        assert (settings_used.voice_id, settings_used.style, settings_used.fallback_from) == ("tone_low", "", "gemini")


async def test_jobs_speak_as_the_echo(replica: Replica) -> None:
    async with replica() as deps:
        echo_id = await known(deps, **SETTINGS)
        job = await queue_job(TEXT, echo_id, SpeechConfig(), ALICE, deps)
        deps.worker.wake()

        async def completed() -> bool:
            return (await deps.jobs.get(job.id)).status is JobStatus.COMPLETED

        await eventually(completed)
        held = await deps.jobs.get(job.id)
        plain = await speak("tone_high", deps, **SETTINGS)
        assert (await find_audio(held.audio_id or "", ALICE, deps)).checksum == plain.checksum
