"""The audio of a track is analysed in the background, once for each revision."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from echo_common.contracts.errors.tracks import TrackNotAudioError, TrackWithoutAudioError
from echo_common.contracts.events.listening import TrackAnalysed
from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.contracts.values import JobStatus
from echo_common.ids import new_id
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.tracks import Track
from echo_listening.feature_analyser import FeatureAnalysisFailedError
from echo_listening.features.analyser import SandboxedFeatureAnalyser
from echo_listening.usecases import features, tracks
from tests.integration.listening.conftest import ListeningClient, Start, audio_of
from tests.integration.listening.test_tracks import revised
from tests.support.eventually import eventually
from tests.support.music import RATE, song
from tests.support.person import data, refusal
from tests.support.recordings import wav

SONG = song(120, 9, 0, seconds=8)
OTHER = song(90, 4, 1, seconds=8)
WITHOUT_A_WORKER = {"analyses_at_once": 0}


async def stored_speech(client: ListeningClient, content: bytes = wav(SONG), **fields: Any) -> str:
    """Store a file as synthesis does, and return the id of its track."""
    event = audio_of(client.user_id, size_bytes=len(content), duration=len(SONG) / RATE, **fields)
    await client.deps.objects.put(event.object_key, content, event.mime)
    return str((await client.speech(**event.model_dump(exclude={"user_id"})))["id"])


async def ended(client: ListeningClient, track_id: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def complete() -> bool:
        found.update(await client.get(f"/tracks/{track_id}/features"))
        return bool(found["status"] != "pending")

    await eventually(complete, within=60)
    return found


async def test_an_analysis_is_repeated_for_a_stream_only_if_the_file_is_missing(start: Start) -> None:
    async with start(**WITHOUT_A_WORKER) as ada:
        track_id = await stored_speech(ada)
        analysis = TrackAnalysis(id=track_id, user_id=ada.user_id)
        analysis.complete(analysis.claim("worker", 15), 1, TrackFeatures())
        await ada.deps.analyses.add(analysis)

        await features.analyse_skipped(track_id, TrackNotAudioError.code, ada.deps)
        assert (await ada.get(f"/tracks/{track_id}/features"))["status"] == "complete"
        await features.analyse_skipped(track_id, TrackWithoutAudioError.code, ada.deps)
        assert (await ada.get(f"/tracks/{track_id}/features"))["status"] == "pending"


async def test_pending_analyses_of_users_take_turns(start: Start) -> None:
    async with start(**WITHOUT_A_WORKER) as ada:
        keys = [(new_id("track"), user_id) for user_id in ("usr_ada", "usr_ada", "usr_ada", "usr_eve", "usr_eve")]
        for key, user_id in keys:
            await ada.deps.analyses.queue(TrackAnalysis(id=key, user_id=user_id, audio_counter=1))
        order = [one.user_id for one in await ada.deps.analyses.pending(5, {})]
        assert order == ["usr_ada", "usr_eve", "usr_ada", "usr_eve", "usr_ada"]

        first = await ada.deps.analyses.get(keys[0][0])
        first.complete(first.claim("worker", 15), 1, TrackFeatures())
        await ada.deps.analyses.save(first)
        await ada.deps.analyses.update(first.id, TrackAnalysis.repeat)
        assert [one.task_id for one in await ada.deps.analyses.pending(5, {})][-1] == first.id


def announced(client: ListeningClient) -> Sequence[TrackAnalysed]:
    return [TrackAnalysed.model_validate_json(message.body) for message in client.heard if message.topic == TrackAnalysed.topic]


async def test_generated_speech_is_analysed_and_announced(ada: ListeningClient) -> None:
    track_id = await stored_speech(ada)
    found = await ended(ada, track_id)

    assert (found["status"], found["code"], found["key"], found["mode"]) == ("complete", None, 9, 0)
    assert found["tempo"] == pytest.approx(120, rel=0.02)
    assert found["analysed_seconds"] == 8
    assert (await ada.get(f"/tracks/{track_id}"))["features_status"] == "complete"
    assert [track["features_status"] for track in await ada.get("/tracks")] == ["complete"]
    await eventually(lambda: bool(announced(ada)))
    assert [(one.track_id, one.user_id, one.status, one.audio_counter) for one in announced(ada)] == [
        (track_id, "usr_ada", "complete", 1)
    ]


@pytest.mark.parametrize("mime", ["audio/pcm", "audio/pcm;rate=24000"])
async def test_audio_without_a_header_is_analysed(mime: str, ada: ListeningClient) -> None:
    found = await ended(ada, await stored_speech(ada, wav(SONG)[44:], mime=mime))

    assert (found["status"], found["key"]) == ("complete", 9)
    assert found["tempo"] == pytest.approx(120, rel=0.02)


async def test_a_revision_is_analysed_again(ada: ListeningClient) -> None:
    track_id = await stored_speech(ada)
    await ended(ada, track_id)
    event = revised((await ada.get(f"/tracks/{track_id}"))["audio_id"])
    await ada.deps.objects.put(event.object_key, wav(OTHER), event.mime)
    await ada.publish(event)

    async def analysed_again() -> bool:
        return bool((await ended(ada, track_id))["key"] == 4)

    await eventually(analysed_again, within=60)
    await eventually(lambda: len(announced(ada)) == 2)
    assert [one.audio_counter for one in announced(ada)] == [1, 2]


async def test_repeated_events_queue_one_analysis(start: Start) -> None:
    async with start(**WITHOUT_A_WORKER) as ada:
        event = audio_of("usr_ada")
        await tracks.add_speech(event, ada.deps)
        track_id = Track.id_of_speech(event.audio_id)
        for _ in range(3):
            await features.queue_analysis(track_id, ada.deps)

        analysis = await ada.deps.analyses.get(track_id)
        assert (analysis.status, analysis.restarts) == (JobStatus.PENDING, 0)


async def test_files_that_are_missing_or_no_audio_leave_no_features(ada: ListeningClient) -> None:
    missing = await ended(ada, (await ada.speech())["id"])
    no_audio = await ended(ada, await stored_speech(ada, b"Dear diary"))

    assert (missing["status"], missing["code"], missing["key"]) == ("unavailable", "TRACK_WITHOUT_AUDIO", -1)
    assert (no_audio["status"], no_audio["code"]) == ("unavailable", "TRACK_NOT_AUDIO")
    await eventually(lambda: len(announced(ada)) == 2)
    assert {one.status.value for one in announced(ada)} == {"unavailable"}


async def test_a_failed_analysis_can_be_repeated(ada: ListeningClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: SandboxedFeatureAnalyser, path: Path) -> None:
        raise FeatureAnalysisFailedError

    with monkeypatch.context() as patched:
        patched.setattr(SandboxedFeatureAnalyser, "analyse", fail)
        track_id = await stored_speech(ada)
        failed = await ended(ada, track_id)
    assert (failed["status"], failed["code"], failed["energy"]) == ("failed", "FEATURE_ANALYSIS_FAILED", None)

    queued = data(await ada.ask("POST", f"/tracks/{track_id}/features"), 202)
    assert (queued["status"], queued["code"]) == ("pending", None)
    assert (await ended(ada, track_id))["status"] == "complete"


async def test_features_of_others_are_not_found(ada: ListeningClient, eve: ListeningClient) -> None:
    track_id = (await ada.speech())["id"]

    async def responses() -> list[httpx.Response]:
        return [await eve.ask(method, f"/tracks/{track_id}/features") for method in ("GET", "POST")]

    assert [refusal(response) for response in await responses()] == 2 * [(404, "TRACK_NOT_FOUND")]


async def test_repeating_an_analysis_needs_the_scope_for_writing(ada: ListeningClient) -> None:
    track_id = (await ada.speech())["id"]
    reader = ada.acting_as("usr_ada", scope="listening:read")

    assert refusal(await reader.ask("POST", f"/tracks/{track_id}/features")) == (403, "FORBIDDEN")


async def test_a_track_without_audio_is_not_analysed(ada: ListeningClient) -> None:
    track_id = (await ada.speech(object_key="", mime=""))["id"]

    assert refusal(await ada.ask("POST", f"/tracks/{track_id}/features")) == (409, "TRACK_WITHOUT_AUDIO")
    found = await ada.get(f"/tracks/{track_id}/features")
    assert (found["status"], found["code"]) == ("unavailable", "TRACK_WITHOUT_AUDIO")
    assert (await ada.get(f"/tracks/{track_id}"))["features_status"] == "unavailable"


async def test_the_features_of_a_deleted_audio_are_removed(ada: ListeningClient) -> None:
    track = await ada.speech()
    await ended(ada, track["id"])
    await ada.publish(AudioDeleted(audio_id=track["audio_id"], user_id="usr_ada"))

    async def gone() -> bool:
        return await ada.deps.analyses.count({}) == 0

    await eventually(gone)


async def test_an_analysis_that_was_queued_after_the_deletion_is_removed(ada: ListeningClient) -> None:
    await ada.deps.analyses.add(TrackAnalysis(id="track_gone", user_id="usr_ada", audio_counter=1))
    ada.deps.worker.wake()

    async def gone() -> bool:
        return await ada.deps.analyses.count({}) == 0

    await eventually(gone, within=20)
    assert announced(ada) == []
