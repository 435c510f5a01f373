"""The voice worker on its own: how it stops, and how it treats work that cannot be done yet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from echo_common.contracts.http.voice import TrainingConfig
from echo_common.contracts.values import JobStatus
from echo_common.errors import ServiceUnavailableError
from echo_common.faults import FaultPoints
from echo_common.outbox.relay import Relay
from echo_common.store.port import StoreUnavailableError
from echo_common.telemetry import Metrics
from echo_voice.domain.task import MAXIMUM_LOSSES
from echo_voice.domain.voicemodels import Made, VoiceModel
from echo_voice.provider import Progressed
from echo_voice.repository import VoiceModels
from echo_voice.worker import Line, Worker
from tests.integration.outbox.counters import RecordingBus
from tests.support.database import Database
from tests.support.eventually import eventually

Commit = Callable[[VoiceModel], None]


@dataclass
class Work:
    """Work that a test lets go on, and how often each piece was begun."""

    models: VoiceModels
    begun: list[str] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    unavailable: set[str] = field(default_factory=set)

    async def perform(self, model: VoiceModel, attempt: int, progressed: Progressed) -> Commit:
        self.begun.append(model.id)
        if model.id in self.unavailable:
            raise ServiceUnavailableError
        await self.may_end.wait()
        made = Made(engine="tone", reference="tone_low")
        return lambda held: held.complete(attempt, made)

    def worker(self, at_once: int = 4, *, lease_seconds: float = 600, exclusive: bool = False) -> Worker:
        lines: list[Line[Any]] = [Line("clones", self.models, self.perform, at_once)]
        return Worker(lines, lease_seconds, Metrics(), FaultPoints(), exclusive=exclusive)

    async def add(self) -> VoiceModel:
        model = VoiceModel.request(
            "usr_ada",
            name="Me",
            provider="tone",
            language="en",
            sample_ids=["vs_1"],
            consent_id="cns_1",
            config=TrainingConfig(),
        )
        await self.models.add(model)
        return model

    def has(self, model: VoiceModel, status: JobStatus) -> Callable[[], Awaitable[bool]]:
        async def reached() -> bool:
            return (await self.models.get(model.id)).work is status

        return reached


@pytest.fixture
async def work(database: Database) -> AsyncIterator[Work]:
    store = await database.open("voice")
    models = VoiceModels(store, Relay(RecordingBus()))
    await models.prepare()
    yield Work(models)
    await store.close()


async def test_a_worker_that_is_rung_just_before_it_is_told_to_stop_stops(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    leases = work.models.leases

    async def counted() -> Any:
        nonlocal looked
        looked += 1
        return await leases()

    monkeypatch.setattr(work.models, "leases", counted)
    for _ in range(10):
        worker, before = work.worker(), looked
        async with asyncio.timeout(10):
            async with worker.running():
                await eventually(lambda before=before: looked > before)  # type: ignore[misc]
                await eventually(lambda worker=worker: not worker.busy)  # type: ignore[misc]
                worker.ring()


async def test_a_stop_releases_what_runs(work: Work) -> None:
    model = await work.add()
    async with work.worker().running():
        await eventually(lambda: work.begun == [model.id])
    held = await work.models.get(model.id)
    assert (held.work, held.losses, held.lease) == (JobStatus.PENDING, 0, None)


async def test_work_that_cannot_be_done_yet_is_asked_for_ever_less_often_and_holds_up_nobody(work: Work) -> None:
    blocked, ready = await work.add(), await work.add()
    work.unavailable.add(blocked.id)
    work.may_end.set()
    worker = work.worker(at_once=1)
    async with worker.running():
        await eventually(work.has(ready, JobStatus.COMPLETED), within=20)
        for _ in range(50):
            worker.ring()
            await asyncio.sleep(0)
        await eventually(lambda: work.begun.count(blocked.id) >= 2, within=20)
        assert work.begun.count(blocked.id) <= 3
        work.unavailable.clear()
        await eventually(work.has(blocked, JobStatus.COMPLETED), within=30)


async def test_a_late_cancellation_does_not_end_a_later_training(work: Work) -> None:
    model = await work.add()
    worker = work.worker()
    async with worker.running():
        await eventually(lambda: len(work.begun) == 1)
        await work.models.update(model.id, VoiceModel.cancel)
        await work.models.update(model.id, VoiceModel.train_again)
        worker.recheck(model.id)
        await eventually(lambda: len(work.begun) == 2)
        worker.recheck(model.id)
        work.may_end.set()
        await eventually(work.has(model, JobStatus.COMPLETED))
        held = await work.models.get(model.id)
        assert (held.attempt, held.losses) == (2, 0)


async def test_what_a_crash_has_left_is_released_at_once_where_no_other_process_works(work: Work) -> None:
    model = await work.add()
    model.claim("wrk_dead", lease_seconds=600)
    await work.models.save(model)
    work.may_end.set()
    async with work.worker(exclusive=True).running():
        await eventually(work.has(model, JobStatus.COMPLETED))


async def test_a_platform_that_is_killed_again_and_again_fails_no_training(work: Work) -> None:
    model = await work.add()
    model.losses = MAXIMUM_LOSSES + 2  # without any progress in between
    model.claim("wrk_dead", lease_seconds=600)
    await work.models.save(model)
    work.may_end.set()
    async with work.worker(exclusive=True).running():
        await eventually(work.has(model, JobStatus.COMPLETED))


async def test_a_cancelled_training_ends_at_once(work: Work) -> None:
    model = await work.add()
    worker = work.worker()
    async with worker.running():
        await eventually(lambda: len(work.begun) == 1)
        await work.models.update(model.id, VoiceModel.cancel)
        worker.recheck(model.id)
        await eventually(lambda: not worker.busy)
    assert (await work.models.get(model.id)).work is JobStatus.CANCELLED


async def test_an_outage_while_claiming_pauses_the_worker_and_no_more(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def unavailable() -> Any:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise StoreUnavailableError
        return []

    monkeypatch.setattr(work.models, "leases", unavailable)
    work.may_end.set()
    model = await work.add()
    worker = work.worker()
    async with worker.running():
        await eventually(work.has(model, JobStatus.COMPLETED), within=20)
