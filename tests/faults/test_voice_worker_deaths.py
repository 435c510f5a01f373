"""Voice workers that die between two writes, as real processes by SIGKILL: every sample and training is done once."""

import asyncio
import re
from pathlib import Path

import pytest

from echo_common.contracts.values import JobStatus
from echo_common.outbox.relay import Relay
from echo_voice.domain.samples import Sample
from echo_voice.domain.voicemodels import VoiceModel
from echo_voice.repository import Samples, VoiceModels
from tests.faults.test_worker_deaths import POINTS as SYNTHESIS_POINTS
from tests.integration.outbox.counters import RecordingBus
from tests.integration.voice.conftest import Booth, Start
from tests.support.database import Database
from tests.support.mortal import run_until_dead

POINTS = ["voice.after_claim", "voice.after_renewal", "voice.before_commit"]
_ROOT = Path(__file__).parents[2]


@pytest.fixture
async def sample_id(start: Start, speech: bytes) -> str:
    """A sample that is ready, and nobody there any more."""
    async with start() as ada:
        return str((await ada.sample(speech))["id"])


async def waiting(database: Database, sample_id: str, epochs: int) -> VoiceModel:
    """A training in the queue, asked for the way the service does, while no worker runs."""
    store = await database.open("voice")
    relay = Relay(RecordingBus())
    models, samples = VoiceModels(store, relay), Samples(store, relay)
    sample = await samples.get(sample_id)
    model = VoiceModel.request(
        sample.user_id,
        name="Me",
        provider="tone",
        language="en",
        sample_ids=[sample_id],
        consent_id="cns_1",
        config={"epochs": epochs},  # type: ignore[arg-type]
    )
    await models.add(model)
    await store.close()
    return model


async def trained(model: VoiceModel, ada: Booth) -> VoiceModel:
    assert (await ada.trained(model.id))["status"] == "ready"
    return await ada.deps.studio.models.get(model.id)


async def die(database: Database, folder: Path, point: str) -> None:
    await asyncio.to_thread(run_until_dead, database, folder, point, service="voice")


@pytest.mark.parametrize("point", POINTS)
async def test_wherever_a_voice_worker_dies_the_training_is_done_once(
    point: str, sample_id: str, database: Database, tmp_path: Path, start: Start
) -> None:
    model = await waiting(database, sample_id, epochs=4)
    await die(database, tmp_path, point)
    async with start(lease_seconds=1) as ada:
        done = await trained(model, ada)
        assert (done.attempt, done.revision) == (2, 1)
        history = await ada.get(f"/voice/clones/{model.id}/trainings")
        assert [training["status"] for training in history] == ["completed"]


async def test_a_training_whose_workers_die_while_it_progresses_is_completed(
    sample_id: str, database: Database, tmp_path: Path, start: Start
) -> None:
    model = await waiting(database, sample_id, epochs=40)
    for renewals in (4, 8, 12):
        await die(database, tmp_path, f"voice.after_renewal:{renewals}")
    async with start(lease_seconds=1) as ada:
        assert (await trained(model, ada)).attempt == 4


@pytest.mark.full
async def test_a_training_that_three_workers_die_of_before_it_begins_fails(
    sample_id: str, database: Database, tmp_path: Path, start: Start
) -> None:
    model = await waiting(database, sample_id, epochs=4)
    for _ in range(3):
        await die(database, tmp_path, "voice.after_claim")
    async with start(lease_seconds=1) as ada:
        failed = await ada.trained(model.id)
        assert (failed["status"], failed["error_code"]) == ("failed", "WORKER_LOST")


async def test_a_sample_whose_worker_dies_before_its_commit_is_processed_by_another(
    sample_id: str, database: Database, tmp_path: Path, start: Start
) -> None:
    store = await database.open("voice")
    samples = Samples(store, Relay(RecordingBus()))
    await samples.update(sample_id, Sample.process_again)
    await store.close()
    await die(database, tmp_path, "voice.before_commit")
    async with start(lease_seconds=1) as ada:
        assert (await ada.processed(sample_id))["status"] == "ready"
        held = await ada.deps.studio.samples.get(sample_id)
        assert (held.work, held.attempt) == (JobStatus.COMPLETED, 3)


def test_every_fault_point_of_the_code_is_reached_by_a_test() -> None:
    code = [*_ROOT.glob("services/**/*.py"), *_ROOT.glob("libs/**/*.py")]
    named = {
        name for path in code if ".venv" not in path.parts for name in re.findall(r'reach\("([a-z_.]+)"\)', path.read_text())
    }
    assert named == {point.partition(":")[0] for point in [*SYNTHESIS_POINTS, *POINTS]}
