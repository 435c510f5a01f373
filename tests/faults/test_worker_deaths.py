"""Workers of both services that die between two writes, as real processes by SIGKILL: every task is done once."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echo_common.bus.port import Message
from echo_common.contracts.values import JobStatus
from echo_common.storage.connect import open_storage
from echo_common.work.repository import TaskRepository
from echo_common.work.task import Task
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Job, SpeechSettings
from echo_synthesis.usecases.audio import find_audio, words_of
from echo_voice.domain.samples import Sample
from echo_voice.domain.values import TrainingOptions
from echo_voice.domain.voice_models import VoiceModel
from tests.faults.test_erasure_deaths import ERASURE_POINTS
from tests.faults.test_export_deaths import EXPORT_POINTS
from tests.faults.test_playlist_deaths import PLAYLIST_POINT
from tests.faults.test_reply_deaths import REPLY_POINTS
from tests.faults.test_spotify_deaths import SPOTIFY_POINTS
from tests.faults.test_webhook_deaths import WEBHOOK_POINTS
from tests.integration.voice.conftest import Start
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.selection import select_params
from tests.support.service_process import run_until_dead
from tests.support.synthesis_replica import Replica, principal_of
from tests.support.work import JOB, SAMPLE, TRAINING, Kind

ALICE = principal_of("usr_alice")
STORY = "One sentence. Another sentence. A third sentence. The last sentence."
SLOW_STORY = "One tone-slow-300 sentence. Another tone-slow-300 sentence. A third tone-slow-300 sentence. The last sentence."

POINTS = ["worker.after_claim", "worker.after_renewal", "worker.before_commit"]
SYNTHESIS_POINTS = [
    "worker.mid_speech:3",
    "worker.after_upload",
    "relay.after_save_before_publish",
    "relay.after_confirm_before_removal",
]
_ROOT = Path(__file__).parents[2]


@dataclass
class Service:
    """A service whose worker dies: tasks that wait for it, its deaths, and a replica that survives."""

    kind: Kind
    database: Database
    folder: Path
    queue: Callable[[int], Awaitable[Task]]
    """Queues a task that takes about 100 to 200 ms for each of so many steps."""
    serve: Callable[[], AbstractAsyncContextManager[TaskRepository[Any]]]
    deaths_with_progress: Sequence[str]
    """Fault points, each further into the task than the one before."""

    async def die(self, point: str) -> None:
        await asyncio.to_thread(run_until_dead, self.database, self.folder, point, service=self.kind.service)


@pytest.fixture
async def synthesis(database: Database, tmp_path: Path, replica: Replica) -> Service:
    @asynccontextmanager
    async def serve() -> AsyncIterator[TaskRepository[Any]]:
        async with replica(lease_seconds=2) as deps:
            yield deps.jobs

    async def queue(steps: int) -> Task:
        [job] = await queued_jobs(database, story=" ".join(f"Sentence tone-slow-100 {step}." for step in range(steps)))
        return job

    deaths = [f"worker.mid_speech:{segments}" for segments in (4, 8, 12)]
    return Service(JOB, database, tmp_path, queue, serve, deaths)


@pytest.fixture
async def voice(database: Database, tmp_path: Path, start: Start, sample_id: str) -> Service:
    @asynccontextmanager
    async def serve() -> AsyncIterator[TaskRepository[Any]]:
        async with start(lease_seconds=1) as ada:
            yield ada.deps.models

    async def queue(steps: int) -> Task:
        return await queued_training(database, sample_id, epochs=min(50, 4 * steps))

    deaths = [f"worker.after_renewal:{renewals}" for renewals in (1, 2, 3)]
    return Service(TRAINING, database, tmp_path, queue, serve, deaths)


@pytest.fixture
async def sample_id(start: Start, speech: bytes) -> str:
    """Id of a sample that is ready, while no worker runs."""
    async with start() as ada:
        return str((await ada.sample(speech))["id"])


@pytest.fixture(params=["synthesis", pytest.param("voice", marks=pytest.mark.full)])  # the same code serves both
def service(request: pytest.FixtureRequest) -> Service:
    chosen: Service = request.getfixturevalue(request.param)
    return chosen


async def ended(task: Task, tasks: TaskRepository[Any], status: JobStatus = JobStatus.COMPLETED) -> Task:
    async def reached() -> bool:
        return bool((await tasks.get(task.id)).work_status is status)

    await eventually(reached, within=40)
    held: Task = await tasks.get(task.id)
    return held


async def queued_jobs(database: Database, count: int = 1, story: str = STORY) -> Sequence[Job]:
    """Queue jobs while no worker runs."""
    store = await database.open("synthesis")
    jobs = JOB.open(store)
    await jobs.prepare()
    settings = SpeechSettings(voice_id="tone_low", engine="tone", language="en-US")
    queued = [
        Job.queue("usr_alice", f"{number}: {story}", settings, word_count=9, units_total=story.count("."))
        for number in range(count)
    ]
    for job in queued:
        await jobs.add(job)
    await store.close()
    return queued


async def queued_training(database: Database, sample_id: str, epochs: int) -> VoiceModel:
    """Queue a training while no worker runs."""
    store = await database.open("voice")
    sample = await SAMPLE.open(store).get(sample_id)
    model = VoiceModel.request(
        sample.user_id,
        name="Me",
        provider="tone",
        language="en",
        sample_ids=[sample_id],
        consent_id="cns_1",
        config=TrainingOptions(epochs=epochs),
    )
    await TRAINING.open(store).add(model)
    await store.close()
    return model


@pytest.mark.parametrize("point", select_params("worker.before_commit", among=POINTS))
async def test_a_task_is_completed_once_after_any_worker_death(point: str, service: Service) -> None:
    task = await service.queue(8)
    await service.die(point)
    async with service.serve() as tasks:
        done = await ended(task, tasks)
    assert done.attempt == 2
    assert done.losses <= 1


@pytest.mark.full
async def test_a_task_that_progresses_survives_the_deaths_of_its_workers(service: Service) -> None:
    task = await service.queue(20)
    for point in service.deaths_with_progress:
        await service.die(point)
    async with service.serve() as tasks:
        assert (await ended(task, tasks)).attempt == 1 + len(service.deaths_with_progress)


async def test_a_task_that_three_workers_die_of_fails_and_can_be_retried(service: Service) -> None:
    task = await service.queue(1)
    for _ in range(3):
        await service.die("worker.after_claim")
    async with service.serve() as tasks:
        failed = await ended(task, tasks, JobStatus.FAILED)
        assert failed.error_code == "WORKER_LOST"
        other = await service.queue(1)
        await tasks.update(task.id, service.kind.retry)
        assert (await ended(task, tasks)).attempt == 4
        assert (await ended(other, tasks)).attempt == 1


async def completed_jobs(jobs: Sequence[Job], deps: Dependencies) -> list[Job]:
    return [await deps.jobs.get((await ended(job, deps.jobs)).id) for job in jobs]


@pytest.mark.parametrize("point", select_params("worker.after_upload", among=["worker.before_commit", *SYNTHESIS_POINTS]))
async def test_a_job_has_one_audio_and_one_event_after_any_worker_death(
    point: str, database: Database, tmp_path: Path, replica: Replica
) -> None:
    queued = await queued_jobs(database, 3)
    await asyncio.to_thread(run_until_dead, database, tmp_path, point)
    heard: list[Message] = []
    async with replica(lease_seconds=2, heard=heard) as deps:
        done = await completed_jobs(queued, deps)

        for job in done:
            audio = await find_audio(str(job.audio_id), ALICE, deps)
            stored = b"".join([block async for block in deps.objects.read(audio.object_key)])
            assert len(stored) == audio.size
            assert len(await words_of(audio, deps)) == len(STORY.split()) + 1
        kept = {key for job in done for key in (await find_audio(str(job.audio_id), ALICE, deps)).object_keys}
        assert {key async for key in deps.objects.keys("audio/")} == kept

        def told_once() -> bool:
            ended = Counter(message.id for message in heard if message.topic == "synthesis.job_completed")
            return len(ended) >= len(done)

        await eventually(told_once, within=20)
    assert max(job.losses for job in done) <= 1


async def cached_segments(folder: Path) -> int:
    storage = await open_storage(folder.joinpath("objects").as_uri())
    keys = [key async for key in storage.keys("speech/")]
    await storage.close()
    return len(keys)


async def test_segments_synthesised_before_the_death_are_not_synthesised_again(
    database: Database, tmp_path: Path, replica: Replica
) -> None:
    queued = await queued_jobs(database, story=SLOW_STORY)
    await asyncio.to_thread(run_until_dead, database, tmp_path, "worker.mid_speech:4")
    # A segment is written to the cache while the next one is synthesised: the last of them may be missing.
    cached = await cached_segments(tmp_path)
    assert cached >= 1
    async with replica(lease_seconds=2) as deps:
        [done] = await completed_jobs(queued, deps)
        audio = await find_audio(str(done.audio_id), ALICE, deps)
        assert audio.units == 4
        assert audio.cached_units == cached


async def test_a_training_whose_worker_dies_is_announced_once(voice: Service, start: Start) -> None:
    model = await voice.queue(1)
    await voice.die("worker.before_commit")
    async with start(lease_seconds=1) as ada:
        assert (await ada.trained(model.id))["status"] == "ready"
        done = await ada.deps.models.get(model.id)
        assert (done.attempt, done.revision) == (2, 1)
        history = await ada.get(f"/voice/clones/{model.id}/trainings")
        assert [training["status"] for training in history] == ["completed"]


@pytest.mark.full
async def test_a_sample_whose_worker_dies_before_its_commit_is_processed_by_another(
    sample_id: str, database: Database, tmp_path: Path, start: Start
) -> None:
    store = await database.open("voice")
    await SAMPLE.open(store).update(sample_id, Sample.process_again)
    await store.close()
    await asyncio.to_thread(run_until_dead, database, tmp_path, "worker.before_commit", service="voice")
    async with start(lease_seconds=1) as ada:
        assert (await ada.processed(sample_id))["status"] == "ready"
        held = await ada.deps.samples.get(sample_id)
        assert (held.work, held.attempt) == (JobStatus.COMPLETED, 3)


def test_every_fault_point_of_the_code_is_reached_by_a_test() -> None:
    code = [*_ROOT.glob("services/**/*.py"), *_ROOT.glob("libs/**/*.py")]
    named = {
        name for path in code if ".venv" not in path.parts for name in re.findall(r'reach\("([a-z_.]+)"\)', path.read_text())
    }
    of_others = [*EXPORT_POINTS, *REPLY_POINTS, *WEBHOOK_POINTS, *SPOTIFY_POINTS, PLAYLIST_POINT]
    tested = [*POINTS, *SYNTHESIS_POINTS, *ERASURE_POINTS, *of_others]
    assert named == {point.partition(":")[0] for point in tested}
