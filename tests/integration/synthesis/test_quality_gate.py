"""The quality gate in the service: bad segments are spoken again, counted once, and cached for a limited time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from echo_common.clock import now
from echo_common.contracts.http.synthesis import SpeechConfig, StreamRequest, SynthesizeRequest
from echo_common.contracts.values import JobStatus, Metric
from echo_common.metrics import Metrics
from echo_common.storage.filesystem import FolderStorage
from echo_synthesis.cache.speech_cache import SpeechCache
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, AudioQuality, SpeechSettings
from echo_synthesis.engine import Speech, Utterance, WordTime
from echo_synthesis.engines.tone import SPEC as TONE
from echo_synthesis.pipeline.narration import Narrator, plan
from echo_synthesis.pipeline.scripts import ScriptWriter
from echo_synthesis.quality.gate import QualityGate
from echo_synthesis.quality.transcriber import SandboxedTranscriber
from echo_synthesis.segment_views import segment_view
from echo_synthesis.settings import SynthesisSettings
from echo_synthesis.timing.recogniser_alignment import find_recogniser
from echo_synthesis.usecases.audio import find_audio
from echo_synthesis.usecases.jobs import cancel_job, queue_job
from echo_synthesis.usecases.speech import stream_speech, synthesize
from echo_synthesis.views import streamed_end, synthesis_result
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.recordings import RATE
from tests.support.recordings import spoken as spoken_by_espeak
from tests.support.segments import ALICE, objects, parts_of, queued, replaced, segments_of, until
from tests.support.synthesis_replica import Replica

TEXT = "One sentence is good. Another has tone-clip-once in it. The last one is good too."
BAD = "Every take has tone-clip in it."


async def spoken(deps: Dependencies, text: str = TEXT, **config: Any) -> Audio:
    return await synthesize(SynthesizeRequest(text=text, config=SpeechConfig(**config)), ALICE, deps)


def quality_of(audio: Audio) -> AudioQuality:
    assert audio.quality is not None
    return audio.quality


async def test_a_clipped_segment_is_spoken_again(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps)
        view = synthesis_result(audio, []).quality
        assert view is not None
        assert (view.checked, view.attempts, view.repeated, view.with_problems) == (3, 4, 1, 0)
        assert (view.method, view.not_transcribed, view.word_error_rate) == ("signal", "not_requested", None)
        views = [segment_view(found).quality for found in await segments_of(audio, deps)]
        assert [view and (view.attempts, view.problems) for view in views] == [(1, []), (2, []), (1, [])]
        again = await spoken(deps)
        assert again.cached_units == 3
        assert quality_of(again) == quality_of(audio)
        assert again.checksum == audio.checksum


def bad_segments(metrics: Metrics, problem: str = "clipped") -> float | None:
    """Return the number of segments that stayed bad in a replica; None before the first one."""
    return metrics.registry.get_sample_value("echo_engine_bad_segments_total", {"engine": "tone", "problem": problem})


async def test_a_bad_segment_is_not_spoken_again_before_it_expires(replica: Replica, database: Database) -> None:
    metrics = Metrics()
    async with replica(metrics=metrics) as deps:
        audio = await spoken(deps, BAD)
        assert (quality_of(audio).attempts, quality_of(audio).with_problems) == (3, 1)
        [found] = await segments_of(audio, deps)
        assert found.segment.quality is not None
        assert found.segment.quality.problems == ("clipped",)
        await deps.cache.wait_for_writes()
        again = await spoken(deps, BAD)
        assert (again.cached_units, again.quality, again.checksum) == (1, audio.quality, audio.checksum)
        assert bad_segments(metrics) == 1
        store = await database.open("synthesis")
        assert await store.collection("speech_cache").update_one({}, {"$set": {"expires_at": now()}})
        await store.close()
        later = await spoken(deps, BAD)
        assert (later.cached_units, quality_of(later).attempts, bad_segments(metrics)) == (0, 3, 2)


async def test_a_repeated_stream_does_not_speak_a_bad_segment_again(replica: Replica) -> None:
    request = StreamRequest(text=f"One sentence is good. {BAD}", config=SpeechConfig())
    heard = []
    for _ in range(2):
        metrics = Metrics()
        async with replica(metrics=metrics) as deps:
            parts = [part async for part in await stream_speech(request, ALICE, deps)]
            heard.append((b"".join(part.audio for part in parts), parts[-1].totals, bad_segments(metrics)))
    (first, totals, stayed_bad), (again, totals_again, spoken_anew) = heard
    assert first == again
    assert totals.quality == totals_again.quality == AudioQuality(checked=2, attempts=4, repeated=1, with_problems=1)
    assert (totals.cached_units, totals_again.cached_units) == (0, 2)
    assert (stayed_bad, spoken_anew) == (1, None)


async def test_a_constant_false_alarm_costs_its_takes_once(replica: Replica) -> None:
    metrics = Metrics()
    async with replica(metrics=metrics) as deps:
        text = "Beeps are not words at all."
        first, again = [await spoken(deps, text, quality_check=True) for _ in range(2)]
        assert (quality_of(first).attempts, quality_of(first).with_problems) == (3, 1)
        assert (again.cached_units, again.quality) == (1, first.quality)
        assert bad_segments(metrics, "words") == 1


@pytest.mark.parametrize("text", ["A.", "7", "1234567890 0.5", "x" * 500, "你好。", "Straße, Öl und Übung."])
async def test_unusual_texts_are_measured(replica: Replica, text: str) -> None:
    async with replica() as deps:
        audio = await spoken(deps, text, language="en-US")
        quality = quality_of(audio)
        assert (quality.checked, quality.with_problems) == (audio.units, 0)
        assert (quality.attempts, quality.not_transcribed) == (audio.units, "not_requested")


@pytest.mark.parametrize("text", ["A.", "7"])
async def test_texts_of_one_word_are_compared_but_not_judged(replica: Replica, text: str) -> None:
    async with replica() as deps:
        view = synthesis_result(await spoken(deps, text, quality_check=True), []).quality
        assert view is not None
        assert (view.method, view.transcribed, view.attempts, view.with_problems) == ("recognizer", 1, 1, 0)


async def test_a_language_without_measured_bounds_is_not_transcribed(replica: Replica) -> None:
    async with replica() as deps:
        settings = SpeechSettings(voice_id="tone_low", engine="tone", language="de-DE", quality_check=True)
        narration = await plan("Ein Satz. Der zweite Satz hat tone-clip.", settings, TONE, deps.scripts)
        audio = await deps.recorder.record(narration, user_id=ALICE.user_id, synthesis_id="syn_1")
        assert quality_of(audio) == AudioQuality(
            checked=2, attempts=4, repeated=1, with_problems=1, not_transcribed="not_calibrated"
        )


async def test_the_quota_counts_the_audio_once(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, BAD)
        used = await deps.quotas.usage(ALICE)
        assert (used[Metric.SYNTHESES], used[Metric.CHARACTERS]) == (1, len(BAD))
        assert used[Metric.AUDIO_SECONDS] == pytest.approx(audio.duration, abs=1)


async def test_a_cancelled_job_leaves_nothing_of_its_takes(replica: Replica) -> None:
    async with replica() as deps:
        job = await queue_job(f"Busy tone-slow-900. {BAD}", None, SpeechConfig(), ALICE, deps)
        deps.worker.wake()
        await until(job, deps, JobStatus.PROCESSING)
        await cancel_job(job.id, ALICE, deps)
        deps.worker.recheck(job.id)
        await eventually(lambda: not deps.worker.busy)
        assert await objects(deps) == set()


async def test_a_segment_is_regenerated_in_another_take(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps, "One sentence. Another one.")
        heard = [await parts_of(audio, deps)]
        heard += [await parts_of(await replaced(audio, 0, deps), deps) for _ in range(2)]
        assert all(np.array_equal(heard[0][1], parts[1]) for parts in heard)
        sounds = [parts[0].tobytes() for parts in heard]
        assert len(set(sounds)) == 3
        back = await parts_of(await replaced(audio, 0, deps, dictionary_entry={"term": "One", "respelling": "won"}), deps)
        again = await parts_of(await replaced(audio, 0, deps, dictionary_entry={"term": "One", "respelling": "One"}), deps)
        assert back[0].tobytes() not in sounds
        assert len(again[0]) == len(heard[0][0])


async def test_regenerations_that_wait_together_differ(replica: Replica) -> None:
    async with replica(jobs_at_once=1) as deps:
        audio = await spoken(deps, "One sentence. Another one.")
        busy = await queue_job("Busy tone-slow-900.", None, SpeechConfig(), ALICE, deps)
        jobs = [await queued(audio, 0, deps) for _ in range(2)]
        for job in (busy, *jobs):
            await until(job, deps)
        held = await find_audio(audio.id, ALICE, deps)
        assert held.revision == 3
        kept = [revision.checksum for revision in held.revisions]
        assert len(set(kept)) == 3


async def test_the_quality_of_a_revision_covers_all_its_segments(replica: Replica) -> None:
    async with replica() as deps:
        audio = await spoken(deps)
        revised = await replaced(audio, 0, deps, text=BAD)
        assert quality_of(revised) == AudioQuality(
            checked=3, attempts=6, repeated=2, with_problems=1, not_transcribed="not_requested"
        )


async def test_a_revision_of_an_audio_of_an_earlier_version_has_no_totals(replica: Replica) -> None:
    def forget(audio: Audio) -> None:
        audio.quality = None
        audio.segments = [json.dumps({**json.loads(line), "quality": None}) for line in audio.segments]

    async with replica() as deps:
        audio = await deps.audio.update((await spoken(deps, "One. Two.")).id, forget)
        assert (await replaced(audio, 0, deps, text="Now.")).quality is None
        complete = await replaced(audio, 1, deps, text="Then.")
        assert quality_of(complete).checked == 2


async def test_streams_are_checked_without_a_recogniser(replica: Replica) -> None:
    async with replica() as deps:
        request = StreamRequest(text=TEXT, config=SpeechConfig(quality_check=True))
        parts = [part async for part in await stream_speech(request, ALICE, deps)]
        view = streamed_end(parts[-1].totals).quality
        assert (view.method, view.not_transcribed, view.repeated) == ("signal", "stream", 1)


async def test_requested_speech_is_compared_with_its_text(replica: Replica) -> None:
    async with replica() as deps:
        assert find_recogniser("auto") is not None
        audio = await spoken(deps, "Beeps are not words at all.", quality_check=True)
        view = synthesis_result(audio, []).quality
        assert view is not None
        assert (view.method, view.transcribed, view.attempts, view.with_problems) == ("recognizer", 1, 3, 1)
        assert view.word_error_rate is not None
        assert view.word_error_rate > 0.5
        unchecked = await spoken(deps, "Beeps are not words at all.")
        assert (quality_of(unchecked).transcribed, quality_of(unchecked).attempts) == (0, 1)


@pytest.mark.parametrize(
    ("setting", "requested", "reason"),
    [("off", True, "switched_off"), ("requested", False, "not_requested"), ("calibrated", False, "failed")],
)
async def test_a_setting_decides_which_speech_is_compared(
    replica: Replica, tmp_path: Path, setting: str, requested: bool, reason: str
) -> None:
    async with replica(quality_gate=setting, recogniser=str(tmp_path / "no-model")) as deps:
        audio = await spoken(deps, "One sentence.", quality_check=requested)
        assert quality_of(audio) == AudioQuality(checked=1, attempts=1, not_transcribed=reason)


@pytest.mark.parametrize(("setting", "warnings"), [("calibrated", 1), ("requested", 0), ("off", 0)])
async def test_a_missing_recogniser_is_reported_at_the_start(replica: Replica, setting: str, warnings: int) -> None:
    with capture_logs() as logs:
        async with replica(quality_gate=setting, recogniser="off"):
            pass
    assert len([line for line in logs if line["event"] == "speech_not_compared"]) == warnings


class MumblingPool:
    """A pool of an engine double that says something else in the first take of each text; espeak speaks."""

    def __init__(self) -> None:
        self.takes: list[int] = []

    def workers(self, engine: str) -> int:
        return 1

    async def speak(self, engine: str, utterance: Utterance, *, turn: object = ()) -> Speech:
        self.takes.append(utterance.take)
        said = spoken_by_espeak(
            utterance.text if utterance.take else "Bananas rarely argue with purple engineers.", voice="en-gb"
        )
        words = tuple(WordTime(0.0, 0.1) for _ in utterance.words)
        return Speech(np.array(said), RATE, words, "model")


async def test_a_recogniser_finds_wrong_words_and_the_right_take_is_cached(database: Database, tmp_path: Path) -> None:
    store = await database.open("synthesis")
    text, engine = "The dog runs in the park and the children laugh.", replace(TONE, sample_rate=RATE)
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US", quality_check=True)
    narration = await plan(text, settings, engine, ScriptWriter(SynthesisSettings()))
    async with (
        SandboxedTranscriber.open(find_recogniser("auto"), 1) as transcriber,
        SpeechCache.open(store, FolderStorage(tmp_path), 1 << 24) as cache,
    ):
        pool = MumblingPool()
        narrator = Narrator(pool, cache, gate=QualityGate(transcriber))  # type: ignore[arg-type]
        qualities = [[one.speech.quality async for one in narrator.speak(narration)] for _ in range(2)]
    await store.close()
    assert pool.takes == [0, 1]
    assert qualities[0] == qualities[1]
    [quality] = qualities[0]
    assert quality is not None
    assert (quality.attempts, quality.problems, quality.words) == (2, (), 10)
