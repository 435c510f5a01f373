"""The timeline and the stream of a playlist over HTTP."""

import io
from typing import Any

import av
import httpx
import numpy as np
import pytest

from echo_common.contracts.events.synthesis import AudioDeleted
from echo_common.ids import new_id
from tests.integration.listening.conftest import ListeningClient
from tests.support.eventually import eventually
from tests.support.music import silence
from tests.support.person import data, refusal
from tests.support.recordings import wav

RATE = 48_000
TYPES = {"mp3": "audio/mpeg", "ogg": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav"}


def sine(seconds: float) -> Any:
    return (0.5 * np.sin(2 * np.pi * 330 * np.arange(round(RATE * seconds)) / RATE)).astype(np.float32)


async def track_of(client: ListeningClient, content: bytes | None, seconds: float) -> str:
    """Add a track of speech with this file, which is stored before the event as in synthesis, and return its id."""
    audio_id = new_id("aud")
    if content is not None:
        await client.deps.objects.put(f"audio/{audio_id}/1.wav", content, "audio/wav")
    track = await client.speech(audio_id=audio_id, duration=seconds, size_bytes=len(content or b"lost"))
    found: str = track["id"]
    return found


async def playlist_of(client: ListeningClient, *track_ids: str) -> str:
    created = data(await client.ask("POST", "/playlists", json={"name": "Evening", "track_ids": list(track_ids)}), 201)
    return f"/playlists/{created['id']}"


def heard(content: bytes) -> Any:
    with av.open(io.BytesIO(content), "r") as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)] + resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


@pytest.mark.parametrize("name", TYPES)
async def test_a_playlist_is_one_recording(name: str, ada: ListeningClient) -> None:
    path = await playlist_of(ada, await track_of(ada, wav(sine(1), RATE), 1.0), await track_of(ada, wav(sine(0.5), RATE), 0.5))

    response = await ada.ask("GET", f"{path}/stream", params={"format": name})

    assert response.status_code == 200
    assert response.headers["content-type"] == TYPES[name]
    assert response.headers["echo-skipped-tracks"] == "0"
    assert len(heard(response.content)) == pytest.approx(1.5 * RATE, abs=4 * 1024)


async def test_a_stream_starts_within_the_timeline(ada: ListeningClient) -> None:
    first, second = await track_of(ada, wav(sine(1), RATE), 1.0), await track_of(ada, wav(sine(1), RATE), 1.0)
    path = await playlist_of(ada, first, second, first)
    timeline = await ada.get(f"{path}/timeline")
    assert [(item["track_id"], item["start"]) for item in timeline["items"]] == [(first, 0), (second, 1), (first, 2)]
    assert (timeline["duration"], timeline["revision"], timeline["skipped"]) == (3, 1, [])

    response = await ada.ask("GET", f"{path}/stream", params={"format": "wav", "start": 1.25})

    assert len(heard(response.content)) == 1.75 * RATE
    for late in (3, 2.999_999_9):  # before the second one, no sample is left
        assert refusal(await ada.ask("GET", f"{path}/stream", params={"start": late})) == (422, "VALIDATION_ERROR")


async def test_tracks_that_cannot_be_played_are_skipped_and_named(ada: ListeningClient) -> None:
    sound, missing = await track_of(ada, wav(sine(1), RATE), 1.0), await track_of(ada, None, 1.0)
    text = await track_of(ada, b"Dear diary\n" * 100, 1.0)
    path = await playlist_of(ada, missing, text, sound)
    await ada.get(f"/tracks/{text}/features")

    response = await ada.ask("GET", f"{path}/stream", params={"format": "wav"})
    assert response.headers["echo-skipped-tracks"] == "2"
    assert len(heard(response.content)) == RATE

    async def analysed() -> bool:
        return len((await ada.get(f"{path}/timeline"))["skipped"]) == 2

    await eventually(analysed, within=60)
    timeline = await ada.get(f"{path}/timeline")
    assert [(item["track_id"], item["code"]) for item in timeline["skipped"]] == [
        (missing, "TRACK_WITHOUT_AUDIO"),
        (text, "TRACK_NOT_AUDIO"),
    ]
    again = await ada.ask("GET", f"{path}/stream", params={"format": "wav"})
    assert (again.headers["echo-skipped-tracks"], again.content) == ("2", response.content)


async def test_files_that_turn_out_to_be_unreadable_are_no_stream(ada: ListeningClient) -> None:
    empty, missing = await playlist_of(ada), await playlist_of(ada, await track_of(ada, None, 1.0))
    for path in (empty, missing):
        assert refusal(await ada.ask("GET", f"{path}/stream")) == (409, "PLAYLIST_WITHOUT_AUDIO")


async def test_others_hear_a_playlist_only_as_collaborators(ada: ListeningClient, eve: ListeningClient) -> None:
    path = await playlist_of(ada, await track_of(ada, wav(silence(0.5)), 0.5))
    for each in ("timeline", "stream"):
        assert refusal(await eve.ask("GET", f"{path}/{each}")) == (404, "PLAYLIST_NOT_FOUND")


async def test_a_ticket_opens_one_stream_of_its_playlist(ada: ListeningClient) -> None:
    track = await track_of(ada, wav(sine(0.5), RATE), 0.5)
    path, other = await playlist_of(ada, track), await playlist_of(ada, track)
    issued = data(await ada.ask("POST", f"{path}/stream/ticket"))
    assert issued["stream_url"] == f"/api/v1{path}/stream?ticket={issued['ticket']}"

    async def listen(path: str, **query: str) -> httpx.Response:
        return await ada.http.get(f"{path}/stream", params={"format": "wav", **query})

    assert refusal(await listen(other, ticket=issued["ticket"])) == (401, "TICKET_INVALID")
    assert len(heard((await listen(path, ticket=issued["ticket"])).content)) == RATE / 2
    assert refusal(await listen(path, ticket=issued["ticket"])) == (401, "TICKET_INVALID")
    assert refusal(await listen(path)) == (401, "UNAUTHENTICATED")


async def test_only_those_who_may_hear_a_playlist_get_tickets(ada: ListeningClient, eve: ListeningClient) -> None:
    path = await playlist_of(ada)
    assert refusal(await eve.ask("POST", f"{path}/stream/ticket")) == (404, "PLAYLIST_NOT_FOUND")


async def test_a_deleted_audio_leaves_the_stream(ada: ListeningClient) -> None:
    kept, deleted = await track_of(ada, wav(sine(1), RATE), 1.0), await ada.speech()
    path = await playlist_of(ada, deleted["id"], kept)
    await ada.publish(AudioDeleted(audio_id=deleted["audio_id"], user_id="usr_ada"))

    async def removed() -> bool:
        return [item["track_id"] for item in (await ada.get(f"{path}/timeline"))["items"]] == [kept]

    await eventually(removed)
    assert len(heard((await ada.ask("GET", f"{path}/stream", params={"format": "wav"})).content)) == RATE
