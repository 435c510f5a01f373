"""Tests of the upload and measurement of samples."""

import asyncio
import io
from contextlib import suppress
from typing import Any

import av
import httpx
import numpy as np
import pytest
import soxr

from tests.integration.voice.conftest import Start, VoiceClient
from tests.support.eventually import eventually
from tests.support.person import data, refusal
from tests.support.recordings import RATE, encoded, spoken, video, wav


async def test_samples_are_measured_and_become_ready(ada: VoiceClient, speech: bytes) -> None:
    uploaded = data(await ada.upload(speech, name="../../My voice.wav", description="at home"), 201)
    assert uploaded["status"] == "uploaded"

    sample = await ada.processed(uploaded["sample_id"])

    assert (sample["status"], sample["name"], sample["mime"]) == ("ready", "My voice.wav", "audio/wav")
    quality = sample["quality"]
    assert quality["duration"] == pytest.approx(len(speech) / 2 / RATE, abs=0.1)
    assert 8 < quality["speech_seconds"] <= quality["duration"]
    assert quality["snr"] > 20
    assert quality["clipping"] == 0
    assert -30 < quality["loudness"] < -10
    by_measure = {verdict["measure"]: verdict for verdict in sample["validation"]}
    assert by_measure["snr"] == {"measure": "snr", "value": quality["snr"], "verdict": "good", "advice": "Nothing to do."}


async def test_stored_samples_are_trimmed_and_normalised(ada: VoiceClient) -> None:
    silence = np.zeros(3 * RATE, np.float32)
    quiet = spoken("This is said very quietly between two silences. It is still quite clear what is said.") * 0.05

    sample = await ada.sample(wav(np.concatenate([silence, quiet, silence])))

    held = await ada.deps.samples.get(sample["id"])
    assert held.processed is not None
    blob = b"".join([block async for block in ada.deps.objects.read(held.processed.key)])
    processed = _decoded(blob)
    assert len(processed) / RATE < sample["quality"]["duration"] - 4
    assert np.abs(processed).max() > 5 * np.abs(quiet).max()


async def test_the_rhythm_of_a_sample_has_its_pauses_before_trimming(ada: VoiceClient) -> None:
    words = spoken("This is said before and after a pause")
    sample = await ada.sample(wav(np.concatenate([words, np.zeros(2 * RATE, np.float32), words])))

    held = await ada.deps.samples.get(sample["id"])
    assert held.quality is not None
    rhythm = held.quality.rhythm
    assert rhythm is not None
    assert rhythm.pauses == 1
    assert rhythm.pause_seconds == pytest.approx(2, abs=0.4)
    assert rhythm.speech_seconds == pytest.approx(2 * len(words) / RATE, abs=0.6)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "mime"),
    [
        ("mp3", "libmp3lame", 24_000, "audio/mpeg"),
        ("flac", "flac", 24_000, "audio/flac"),
        ("ogg", "libopus", 48_000, "audio/ogg"),
        ("webm", "libopus", 48_000, "video/webm"),
        ("ipod", "aac", 24_000, "audio/mp4"),
    ],
)
async def test_common_formats_are_detected_by_content(
    ada: VoiceClient, container: str, codec: str, rate: int, mime: str
) -> None:
    sound = np.asarray(soxr.resample(spoken(), RATE, rate), np.float32)

    sample = await ada.sample(encoded(sound, container, codec, rate), name="voice.txt")

    assert (sample["status"], sample["mime"]) == ("ready", mime)


async def test_the_audio_of_videos_is_extracted(ada: VoiceClient) -> None:
    sample = await ada.sample(video(spoken()))
    assert (sample["status"], sample["mime"]) == ("ready", "video/mp4")


async def test_poor_samples_are_rejected_with_a_remedy(ada: VoiceClient) -> None:
    noise = np.random.default_rng(1).normal(0, 0.2, 12 * RATE).astype(np.float32)
    sample = await ada.sample(wav(noise))
    assert sample["status"] == "rejected"
    assert "speech" in sample["error_message"]

    drowned = spoken()
    drowned = drowned + np.random.default_rng(2).normal(0, 0.08, len(drowned)).astype(np.float32)
    sample = await ada.sample(wav(drowned))
    advice = {verdict["measure"]: verdict["advice"] for verdict in sample["validation"]}
    assert "quiet" in advice["snr"]


async def test_duplicate_samples_are_detected_by_bytes_and_by_sound(ada: VoiceClient, speech: bytes) -> None:
    first = await ada.sample(speech)

    again = data(await ada.upload(speech), 201)
    await ada.processed(again["sample_id"])
    other_format = await ada.sample(encoded(spoken(), "flac", "flac"))
    of_another_user = data(await ada.acting_as("usr_eve").upload(speech), 201)

    assert again["duplicate_of"] == first["id"]
    assert other_format["duplicate_of"] == first["id"]
    assert of_another_user["duplicate_of"] is None


async def test_samples_can_be_measured_again_and_deleted(ada: VoiceClient, speech: bytes) -> None:
    sample = await ada.sample(speech)

    work = data(await ada.ask("POST", f"/voice/samples/{sample['id']}/process"), 202)
    assert work["job_id"] != sample["job_id"]
    assert (await ada.processed(sample["id"]))["status"] == "ready"

    assert (await ada.ask("DELETE", f"/voice/samples/{sample['id']}")).status_code == 200
    assert refusal(await ada.ask("GET", f"/voice/samples/{sample['id']}")) == (404, "SAMPLE_NOT_FOUND")
    assert [key async for key in ada.deps.objects.keys(f"samples/{sample['id']}/")] == []


async def test_samples_of_other_users_are_not_found(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    sample_id = data(await ada.upload(speech), 201)["sample_id"]
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/process")]:
        assert refusal(await eve.ask(method, f"/voice/samples/{sample_id}{path}")) == (404, "SAMPLE_NOT_FOUND")
    assert await eve.get("/voice/samples") == []


async def test_text_and_empty_files_are_refused(ada: VoiceClient) -> None:
    assert refusal(await ada.upload(b"Dear diary, " * 100, name="diary.wav")) == (415, "UNSUPPORTED_MEDIA")
    assert refusal(await ada.upload(b"")) == (415, "UNSUPPORTED_MEDIA")
    assert refusal(await ada.ask("POST", "/voice/samples", data={"file": "no file"}, files={"x": b"1"}))[0] == 422


async def test_oversized_files_are_refused_with_and_without_a_declared_length(start: Start) -> None:
    async with start(upload_bytes=100_000) as ada:
        assert refusal(await ada.upload(b"RIFF" + bytes(300_000))) == (413, "FILE_TOO_LARGE")

        seen = 0

        async def endless() -> Any:
            nonlocal seen
            yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
            while True:
                seen += 10_000
                yield bytes(10_000)
                await asyncio.sleep(0)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with suppress(httpx.TransportError):  # the connection is closed while it is being written to
            response = await ada.http.post("/voice/samples", content=endless(), headers=ada.headers | headers)
            assert refusal(response) == (413, "FILE_TOO_LARGE")
        assert seen < 50_000_000


async def test_uploads_are_limited_per_day(start: Start, speech: bytes) -> None:
    async with start(uploads_a_day=1) as ada:
        assert (await ada.upload(speech)).status_code == 201
        response = await ada.upload(speech)
        assert refusal(response) == (429, "QUOTA_EXCEEDED")
        assert int(response.headers["Retry-After"]) > 0


async def test_samples_of_a_dead_worker_are_processed_by_another(start: Start, speech: bytes) -> None:
    async with start(lease_seconds=1) as first:
        sample_id = data(await first.upload(speech), 201)["sample_id"]

        async def begun() -> bool:
            return bool((await first.get(f"/voice/samples/{sample_id}"))["status"] == "processing")

        await eventually(begun)
    # The first has stopped in an orderly way: its work is in the queue again.
    async with start(lease_seconds=1) as second:
        assert (await second.processed(sample_id))["status"] == "ready"


async def test_original_and_processed_audio_of_a_sample_can_be_played(
    ada: VoiceClient, eve: VoiceClient, speech: bytes
) -> None:
    sample = await ada.sample(speech)
    path = f"/voice/samples/{sample['id']}/audio"

    original = await ada.ask("GET", path)
    assert (original.status_code, original.headers["Content-Type"], original.content) == (200, "audio/wav", speech)

    processed = await ada.ask("GET", path, params={"variant": "processed"})
    assert processed.headers["Content-Type"] == "audio/flac"
    assert len(_decoded(processed.content)) > 8 * RATE
    cached = ada.headers | {"If-None-Match": processed.headers["ETag"]}
    assert (await ada.http.get(path, params={"variant": "processed"}, headers=cached)).status_code == 304

    part = await ada.http.get(path, headers=ada.headers | {"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    beyond = await ada.http.get(path, headers=ada.headers | {"Range": f"bytes={len(speech)}-"})
    assert refusal(beyond) == (416, "RANGE_NOT_SATISFIABLE")
    head = await ada.ask("HEAD", path)
    assert (head.headers["Content-Length"], head.content) == (str(len(speech)), b"")

    assert refusal(await eve.ask("GET", path)) == (404, "SAMPLE_NOT_FOUND")
    assert refusal(await ada.ask("GET", path, params={"variant": "loud"}))[0] == 422


async def test_processed_audio_of_an_undecodable_sample_is_a_conflict_with_its_status(ada: VoiceClient) -> None:
    sample = await ada.sample(b"RIFF\x00\x00\x00\x00WAVE" + bytes(200))

    response = await ada.ask("GET", f"/voice/samples/{sample['id']}/audio", params={"variant": "processed"})

    assert refusal(response) == (409, "SAMPLE_STATE_CONFLICT")
    assert response.json()["error"]["details"] == {"status": "rejected"}
    assert sample["error_message"] in response.json()["error"]["message"]


async def test_samples_require_a_token(ada: VoiceClient) -> None:
    response = await ada.http.get("/voice/samples")
    assert isinstance(response, httpx.Response)
    assert response.status_code == 401


def _decoded(blob: bytes) -> Any:
    with av.open(io.BytesIO(blob), "r") as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1)[0].astype(np.float32) / 32768


async def test_samples_are_transcribed_where_the_recogniser_is_enabled(start: Start, speech: bytes) -> None:
    async with start(recogniser=True) as ada:
        sample = await ada.sample(speech)
    assert sample["status"] == "ready"
    assert sample["language"] == "en"
    assert sample["transcript"]


async def test_of_parallel_uploads_as_many_succeed_as_fit_into_the_storage(start: Start) -> None:
    content = b"RIFF\x00\x00\x00\x00WAVE" + bytes(9_988)  # is refused later, without a processed file
    async with start(storage_bytes=35_000) as ada:
        replies = await asyncio.gather(*(ada.upload(content) for _ in range(10)))

        assert sorted(reply.status_code for reply in replies) == [201] * 3 + [429] * 7
        refused = next(reply for reply in replies if reply.status_code == 429)
        assert refused.json()["error"]["details"]["metric"] == "storage_bytes"

        stored = next(reply for reply in replies if reply.status_code == 201)
        sample_id = data(stored, 201)["sample_id"]
        await ada.processed(sample_id)
        assert (await ada.ask("DELETE", f"/voice/samples/{sample_id}")).is_success
        assert (await ada.upload(content)).status_code == 201
        assert (await ada.upload(content)).status_code == 429
