"""Users upload their own music and speech; a refused file leaves nothing behind."""

import asyncio
import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from echo_common.contracts.http.quotas import USAGE_PATH
from echo_common.errors import StorageFullError
from echo_common.storage.orphans import OrphanSweeper
from echo_common.storage.port import StorageSpaceError
from echo_listening.upload_reader import UploadedAudio
from echo_listening.uploads.reader import SandboxedUploadReader
from echo_listening.usecases.uploads import object_owners
from tests.integration.listening.conftest import ListeningClient, Start
from tests.integration.synthesis.test_orphans import age
from tests.support.eventually import eventually
from tests.support.music import RATE, note
from tests.support.person import data, refusal
from tests.support.recordings import encoded, video, wav

DAY = 24 * 3600.0
TONE = note(57, 2)
SHORT = wav(TONE)


async def upload(client: ListeningClient, content: bytes, file_name: str = "walk.wav", **fields: str) -> Any:
    return await client.ask("POST", "/tracks", files={"file": (file_name, content)}, data=fields)


async def stored(client: ListeningClient) -> list[Any]:
    """Return the tracks, objects, counted quotas and temporary files that are left."""
    return [
        *await client.get("/tracks"),
        *[key async for key in client.deps.objects.keys("")],
        *[view for view in await client.acting_as(client.user_id, scope="account").get(USAGE_PATH) if view["used"]],
        *[path for path in client.deps.scratch.path.rglob("*") if path.name != "lock"],
    ]


async def test_an_upload_is_a_track_with_its_measured_length(ada: ListeningClient) -> None:
    track = data(await upload(ada, SHORT, file_name="folder/Evening walk.wav", artists='["Ada"]', genres='["Folk"]'), 201)

    assert (track["source"], track["name"], track["duration"]) == ("upload", "Evening walk", 2.0)
    assert (track["artists"], track["album"], track["genres"]) == (["Ada"], None, ["folk"])
    assert (track["audio_id"], track["voice_id"], track["cover_url"]) == (None, None, None)
    assert track["audio_url"] == f"/api/v1/tracks/{track['id']}/audio"
    played = await ada.ask("GET", f"/tracks/{track['id']}/audio")
    assert (played.headers["Content-Type"], played.content) == ("audio/wav", SHORT)

    async def analysed() -> bool:
        return bool((await ada.get(f"/tracks/{track['id']}"))["features_status"] == "complete")

    await eventually(analysed, within=60)


async def test_tags_fill_the_fields_that_a_request_lacks(ada: ListeningClient) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as target:
        target.metadata.update({"title": "Tagged", "artist": "Grace", "album": "Walks", "genre": "Folk"})
        stream: Any = target.add_stream("flac", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((TONE * 32_767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        target.mux([*stream.encode(frame), *stream.encode(None)])

    tagged = data(await upload(ada, file.getvalue()), 201)
    assert (tagged["name"], tagged["artists"], tagged["album"], tagged["genres"]) == ("Tagged", ["Grace"], "Walks", ["folk"])
    named = data(await upload(ada, file.getvalue(), file_name="x.flac", artists="[]"), 201)
    assert (named["name"], named["artists"], named["album"]) == ("Tagged", [], "Walks")


@pytest.mark.parametrize(
    ("container", "codec", "rate", "mime"),
    [
        ("mp3", "libmp3lame", 24_000, "audio/mpeg"),
        ("ogg", "libopus", 48_000, "audio/ogg"),
        ("ipod", "aac", 24_000, "audio/mp4"),
        ("webm", "libopus", 48_000, "audio/webm"),
    ],
)
async def test_formats_are_recognised_by_their_content(
    ada: ListeningClient, container: str, codec: str, rate: int, mime: str
) -> None:
    track = data(await upload(ada, encoded(TONE, container, codec, rate), file_name="song.wav"), 201)

    assert track["duration"] == pytest.approx(len(TONE) / rate, abs=0.1)
    assert (await ada.ask("HEAD", f"/tracks/{track['id']}/audio")).headers["Content-Type"] == mime


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Dear diary, " * 100,
        SHORT[:1_000],
        b"fLaC" + bytes(3_000),
        b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(99),
        video(TONE),
    ],
    ids=["empty", "text", "cut", "damaged", "header", "video"],
)
async def test_files_that_are_not_audio_leave_nothing_behind(ada: ListeningClient, content: bytes) -> None:
    assert refusal(await upload(ada, content)) == (422, "TRACK_NOT_AUDIO")
    assert await stored(ada) == []


async def test_tracks_that_are_too_long_or_too_large_leave_nothing_behind(start: Start) -> None:
    async with start(upload_seconds=1.5, upload_bytes=200_000) as ada:
        bomb = encoded(np.zeros(600 * 8_000, np.float32), "flac", "flac", 8_000)
        for content in (SHORT, bomb):
            assert refusal(await upload(ada, content)) == (422, "TRACK_TOO_LONG")
        assert refusal(await upload(ada, b"RIFF" + bytes(300_000))) == (413, "FILE_TOO_LARGE")
        assert await stored(ada) == []


async def test_a_file_whose_decoding_takes_too_long_is_refused(start: Start) -> None:
    minute = encoded(np.zeros(60 * 8_000, np.float32), "mp3", "libmp3lame", 8_000)
    async with start(decode_seconds=1, upload_seconds=100_000) as ada:
        assert refusal(await upload(ada, minute * 600)) == (422, "TRACK_NOT_AUDIO")
        assert await stored(ada) == []


@pytest.mark.parametrize("fields", [{"name": "x" * 201}, {"artists": "Ada"}, {"genres": '["' + "x" * 51 + '"]'}, {"year": "1"}])
async def test_invalid_fields_leave_nothing_behind(ada: ListeningClient, fields: dict[str, str]) -> None:
    assert refusal(await upload(ada, SHORT, **fields)) == (422, "VALIDATION_ERROR")
    assert await stored(ada) == []


async def test_uploads_are_limited_per_day_and_by_the_space_they_take(start: Start) -> None:
    async with start(uploads_a_day=2, storage_bytes=2 * len(SHORT)) as ada:
        replies = await asyncio.gather(*(upload(ada, SHORT) for _ in range(3)))
        assert sorted(reply.status_code for reply in replies) == [201, 201, 429]
        track_id = next(data(reply, 201)["id"] for reply in replies if reply.status_code == 201)
        assert (await ada.ask("DELETE", f"/tracks/{track_id}")).is_success
        again = await upload(ada, SHORT)
        assert (refusal(again), again.json()["error"]["details"]["metric"]) == ((429, "QUOTA_EXCEEDED"), "uploads")


async def test_uploads_of_a_user_are_decoded_one_at_a_time_and_few_wait(
    ada: ListeningClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, read, reading = asyncio.Event(), SandboxedUploadReader.read, list[Path]()

    async def slowly(reader: SandboxedUploadReader, path: Path) -> UploadedAudio:
        reading.append(path)
        await released.wait()
        return await read(reader, path)

    monkeypatch.setattr(SandboxedUploadReader, "read", slowly)
    uploads = [asyncio.create_task(upload(ada, SHORT)) for _ in range(5)]
    refused, waiting = await asyncio.wait(uploads, return_when=asyncio.FIRST_COMPLETED)

    assert [refusal(one.result()) for one in refused] == [(429, "TOO_MANY_OPEN_REQUESTS")]
    assert len(reading) == 1
    released.set()
    assert [(await one).status_code for one in waiting] == [201] * 4


async def test_the_space_of_a_deleted_upload_is_free_again(start: Start) -> None:
    async with start(storage_bytes=len(SHORT)) as ada:
        track = data(await upload(ada, SHORT), 201)
        full = await upload(ada, SHORT)
        assert (refusal(full), full.json()["error"]["details"]["metric"]) == ((429, "QUOTA_EXCEEDED"), "storage_bytes")
        assert (await ada.ask("DELETE", f"/tracks/{track['id']}")).is_success
        assert [key async for key in ada.deps.objects.keys("uploads/")] == []
        assert (await upload(ada, SHORT)).status_code == 201


@pytest.mark.parametrize("step", ["put_file", "add"])
async def test_a_full_disk_leaves_nothing_behind(ada: ListeningClient, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    async def full(*_: Any) -> None:
        raise StorageSpaceError if step == "put_file" else StorageFullError

    with monkeypatch.context() as patched:
        patched.setattr(ada.deps.objects if step == "put_file" else ada.deps.tracks, step, full)
        assert refusal(await upload(ada, SHORT)) == (503, "STORAGE_FULL")
    assert await stored(ada) == []


async def test_objects_that_a_crash_left_are_removed_and_those_of_tracks_kept(ada: ListeningClient, tmp_path: Path) -> None:
    track = data(await upload(ada, SHORT), 201)
    await ada.deps.objects.put("uploads/track_lost/original", SHORT, "audio/wav")
    age(tmp_path / "objects", 2 * DAY)

    assert await OrphanSweeper(ada.deps.objects, object_owners(ada.deps), DAY).sweep() == 1
    assert [key async for key in ada.deps.objects.keys("uploads/")] == [f"uploads/{track['id']}/original"]
