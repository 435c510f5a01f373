"""A track whose analysis is interrupted by the death of its worker, by SIGKILL, is analysed once by another one."""

import asyncio
from pathlib import Path

import psutil
import pytest

from echo_common.clock import now
from echo_common.contracts.events.listening import TrackAnalysed
from echo_common.contracts.values import JobStatus
from echo_common.outbox.relay import Relay
from echo_common.storage.connect import open_storage
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.tracks import SpeechFile, Track
from echo_listening.repository.analyses import Analyses
from echo_listening.repository.tracks import Tracks
from tests.integration.listening.conftest import Start, start
from tests.integration.outbox.counters import RecordingBus
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.music import RATE, song
from tests.support.recordings import wav
from tests.support.service_process import run_until_dead

__all__ = ["start"]

SONG = song(120, 9, 0, seconds=8)


async def queued(database: Database, folder: Path) -> str:
    """Store a track with its file, and queue its analysis, while no worker runs; return its id."""
    content = wav(SONG)
    objects = await open_storage(folder.joinpath("objects").as_uri())
    await objects.put("audio/aud_1/1.wav", content, "audio/wav")
    await objects.close()
    file = SpeechFile(duration=len(SONG) / RATE, object_key="audio/aud_1/1.wav", mime="audio/wav", size=len(content))
    track = Track.of_speech("aud_1", "usr_ada", "tone_low", file, now())
    store = await database.open("listening")
    relay = Relay(RecordingBus())
    await Tracks(store, relay).add(track)
    await Analyses(store, relay).add(TrackAnalysis(id=track.id, user_id=track.user_id, audio_counter=1))
    await store.close()
    return track.id


def analysing(folder: Path) -> list[int]:
    """Return the ids of processes that analyse a track of the service with this scratch folder."""
    found = [process.info for process in psutil.process_iter(["pid", "cmdline"])]
    return [each["pid"] for each in found if any(part.startswith(f"{folder}/") for part in each["cmdline"] or ())]


@pytest.mark.parametrize("point", ["worker.after_renewal", "worker.before_commit"])
async def test_an_analysis_is_completed_once_after_the_death_of_its_worker(
    point: str, database: Database, tmp_path: Path, start: Start
) -> None:
    track_id = await queued(database, tmp_path)
    scratch = tmp_path / "scratch"
    await asyncio.to_thread(run_until_dead, database, tmp_path, point, service="listening", ECHO_SCRATCH=str(scratch))
    await eventually(lambda: not analysing(scratch))
    async with start(lease_seconds=1) as ada:

        async def ended() -> bool:
            return (await ada.deps.analyses.get(track_id)).status is JobStatus.COMPLETED

        await eventually(ended, within=40)
        analysis = await ada.deps.analyses.get(track_id)
        assert (analysis.attempt, analysis.losses) == (2, 1)
        assert analysis.features is not None
        assert (analysis.features.key, analysis.features.mode) == (9, 0)
        await eventually(lambda: TrackAnalysed.topic in [message.topic for message in ada.heard])
        assert [message.topic for message in ada.heard].count(TrackAnalysed.topic) == 1
