"""Tests of the main function: text to speech with word timings."""

import io
import wave
from typing import Any

from tests.support.person import Person, data

STORY = "The quick brown fox jumps over the lazy dog. " * 40


async def test_a_user_registers_synthesises_and_downloads_audio(ada: Person) -> None:
    result = await ada.speak("Hello brave new world.")

    assert [word["word"] for word in result["word_timestamps"]] == ["Hello", "brave", "new", "world"]
    times = [(word["start_time"], word["end_time"]) for word in result["word_timestamps"]]
    assert times == sorted(times)
    assert times[-1][1] <= result["duration"]
    whole = await ada.audio(result)
    assert len(whole.content) == result["size"] == int(whole.headers["Content-Length"])
    with wave.open(io.BytesIO(whole.content)) as sound:
        assert sound.getframerate() == result["sample_rate"]
        assert abs(sound.getnframes() / sound.getframerate() - result["duration"]) < 0.01


async def test_audio_is_served_in_ranges(ada: Person) -> None:
    result = await ada.speak("Only a part of this.")
    whole = await ada.audio(result)

    middle = await ada.audio(result, Range="bytes=100-199")
    unchanged = await ada.audio(result, **{"If-None-Match": whole.headers["ETag"]})
    beyond = await ada.audio(result, Range=f"bytes={result['size']}-")

    assert (middle.status_code, middle.content) == (206, whole.content[100:200])
    assert middle.headers["Content-Range"] == f"bytes 100-199/{result['size']}"
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert beyond.status_code == 416


async def test_jobs_report_progress_and_the_result(ada: Person) -> None:
    queued = data(await ada.http.post("/tts/synthesize/async", json={"text": "One. Two. Three.", "voice_id": "tone_low"}), 202)
    assert queued["status"] == "pending"

    events = [event async for event in ada.follow(queued["job_id"])]

    assert events[-1]["event"] == "complete"
    shares = [event["progress"] for event in events[:-1]]
    assert shares == sorted(shares)
    assert (shares[-1], events[-2]["status"]) == (100, "completed")
    job = await ada.job(queued["job_id"])
    for name in ("output_file_path", "audio_url", "duration"):
        assert events[-2][name] == job[name]
    assert job["result"]["synthesis_id"] == queued["synthesis_id"]
    assert (await ada.audio(job["result"])).status_code == 200


async def test_responses_say_what_was_done(ada: Person) -> None:
    speech = {"text": "One.", "voice_id": "tone_low"}
    plain = speech | {"config": {"include_timestamps": False}}

    async def message(path: str, body: dict[str, Any]) -> str:
        return str((await ada.http.post(path, json=body)).json()["message"])

    assert await message("/tts/synthesize", speech) == "Speech synthesis completed with timestamps"
    assert await message("/tts/synthesize", plain) == "Speech synthesis completed"
    queued = "Asynchronous speech synthesis job created"
    assert await message("/tts/synthesize/async", speech) == f"{queued} with timestamp mapping"
    assert await message("/tts/synthesize/async", plain) == queued
    assert await message("/job", {"text_content": "One."}) == "Synthesis job created successfully"


async def test_reconnecting_clients_receive_missed_events(ada: Person) -> None:
    job = await ada.queue("One. Two. Three.")
    first = [event async for event in ada.follow(job["id"])]

    again = [event async for event in ada.follow(job["id"], **{"Last-Event-ID": first[1]["id"]})]

    assert again == first[2:]


async def test_every_format_matches_its_mime_type(ada: Person) -> None:
    signs = {"wav": [b"RIFF"], "mp3": [b"ID3", b"\xff"], "flac": [b"fLaC"], "ogg": [b"OggS"], "pcm": [b""]}
    for name, beginnings in signs.items():
        result = await ada.speak("A format.", output_format=name)
        whole = await ada.audio(result)
        assert result["format"] == name
        assert whole.content.startswith(tuple(beginnings)), name


async def test_long_texts_are_spoken_completely(ada: Person) -> None:
    job = await ada.queue(STORY)

    events = [event async for event in ada.follow(job["id"])]
    result = (await ada.job(job["id"]))["result"]

    assert events[-1]["event"] == "complete"
    assert len(result["word_timestamps"]) == len(STORY.split())
    assert all(STORY[word["char_start"] : word["char_end"]] == word["word"] for word in result["word_timestamps"])


async def test_the_same_idempotency_key_makes_one_job(ada: Person) -> None:
    headers = {"Idempotency-Key": "once"}
    body = {"text_content": "Only once.", "voice_model_id": "tone_low"}

    first, second = [data(await ada.http.post("/job", json=body, headers=headers)) for _ in range(2)]

    assert first["id"] == second["id"]
    assert len(data(await ada.http.get("/job"))) == 1


async def test_jobs_can_be_cancelled(ada: Person) -> None:
    job = await ada.queue(" ".join(f"Unwanted sentence tone-slow-950 number {number}." for number in range(40)))

    assert data(await ada.http.patch(f"/job/{job['id']}", json={"status": "cancelled"}))["status"] == "cancelled"
    events = [event async for event in ada.follow(job["id"])]

    assert events[-2]["status"] == "cancelled"
    assert (await ada.http.delete(f"/job/{job['id']}")).is_success
    assert (await ada.http.get(f"/job/{job['id']}")).status_code == 404
