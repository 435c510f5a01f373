"""A job that resumes after the death of its worker speaks a bad segment as often as any other job."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from echo_common.contracts.values import JobStatus
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.engine import Speech, Utterance
from echo_synthesis.pool.engine_pool import EnginePool
from echo_synthesis.usecases.audio import find_audio
from tests.integration.synthesis.test_quality_gate import quality_of
from tests.support.database import Database
from tests.support.segments import ALICE, segments_of, until
from tests.support.service_process import run_until_dead
from tests.support.synthesis_replica import Replica
from tests.support.work import JOB

ONCE = "This has tone-clip-once and tone-slow-600 in it."
BAD = "Every take of this has tone-clip and tone-slow-900 in it."
LAST = "The last one has tone-clip-once and tone-slow-600 in it."
"""Its second take follows the last one of the bad segment, which is stored in the meantime."""

Spoken = list[tuple[str, int]]


@pytest.fixture
def spoken(monkeypatch: pytest.MonkeyPatch) -> Spoken:
    """Return the list of the last words and the takes that this process speaks."""
    found: Spoken = []
    speak: Callable[..., object] = EnginePool.speak

    async def recorded(self: EnginePool, engine: str, utterance: Utterance, **turn: object) -> Speech:
        found.append((utterance.text.split()[0], utterance.take))
        return await speak(self, engine, utterance, **turn)  # type: ignore[misc, no-any-return]

    monkeypatch.setattr(EnginePool, "speak", recorded)
    return found


@pytest.mark.parametrize(
    ("died_at", "spoken_again"),
    [
        # the first segment is delivered after its second take, which follows the first take of the bad one, or its second
        pytest.param(1, [["Every 1", "Every 2"], ["Every 2"]], id="between-takes"),
        pytest.param(3, [[]], id="after-takes"),
    ],
)
async def test_a_job_speaks_a_bad_segment_three_times_at_most(
    database: Database, tmp_path: Path, replica: Replica, spoken: Spoken, died_at: int, spoken_again: Sequence[Sequence[str]]
) -> None:
    store = await database.open("synthesis")
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    job = Job.queue(ALICE.user_id, f"{ONCE} {BAD} {LAST}", settings, word_count=24, units_total=3)
    jobs = JOB.open(store)
    await jobs.prepare()
    await jobs.add(job)
    await store.close()
    await asyncio.to_thread(run_until_dead, database, tmp_path, f"worker.mid_speech:{died_at}")
    async with replica(lease_seconds=2) as deps:
        done = await until(job, deps, JobStatus.COMPLETED)
        audio = await find_audio(str(done.audio_id), ALICE, deps)
        assert done.attempt == 2
        assert [f"{word} {take}" for word, take in spoken if word == "Every"] in spoken_again
        found = [each.segment.quality for each in await segments_of(audio, deps)]
        assert [quality and (quality.attempts, quality.problems) for quality in found] == [(2, ()), (3, ("clipped",)), (2, ())]
        assert (quality_of(audio).checked, quality_of(audio).with_problems) == (3, 1)
