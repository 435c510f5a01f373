"""Tests of finished audio, text entries and the simple API."""

import hashlib

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform


async def test_audio_has_metadata(ada: Person, eve: Person) -> None:
    result = await ada.speak("What am I?", output_format="flac")
    info = data(await ada.http.get(f"/files/{result['audio_id']}/info"))
    content = (await ada.audio(result)).content
    assert info["checksum"] == hashlib.sha256(content).hexdigest()
    assert (info["size"], info["mime"], info["duration"]) == (len(content), "audio/flac", result["duration"])
    assert refusal(await eve.http.get(f"/files/{result['audio_id']}/info")) == (404, "AUDIO_NOT_FOUND")


async def test_ranges_beyond_the_end_report_the_file_size(ada: Person) -> None:
    result = await ada.speak("Short.")
    beyond = await ada.audio(result, Range=f"bytes={result['size']}-")
    assert refusal(beyond) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond.headers["Content-Range"] == f"bytes */{result['size']}"


async def test_signed_links_open_a_single_audio_temporarily(platform: Platform, ada: Person, eve: Person) -> None:
    result, other = await ada.speak("Hear this."), await ada.speak("But not that.")
    link = data(await ada.http.post(f"/files/{result['audio_id']}/link", json={"expires_in": 60}))["url"]
    async with Person.at(platform.url) as nobody:
        opened = await nobody.http.get(platform.url + link)
        assert opened.content == (await ada.audio(result)).content
        part = await nobody.http.get(platform.url + link, headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"RIFF")
        assert (await nobody.http.head(platform.url + link)).headers["Content-Length"] == str(result["size"])
        forged = [
            link.replace(result["audio_id"], other["audio_id"]),
            link.replace("expires=", "expires=9"),
            link[:-2] + ("AA" if link[-2:] != "AA" else "BB"),
            link.partition("expires")[0] + "signature=x",
            link.replace(result["audio_id"], "aud_unknown"),
        ]
        for attempt in forged:
            assert refusal(await nobody.http.get(platform.url + attempt)) == (403, "LINK_INVALID"), attempt
    assert refusal(await eve.http.post(f"/files/{result['audio_id']}/link")) == (404, "AUDIO_NOT_FOUND")
    assert refusal(await ada.http.post(f"/files/{result['audio_id']}/link", json={"expires_in": 301})) == (
        422,
        "VALIDATION_ERROR",
    )


async def test_signed_links_expire(platform: Platform, ada: Person) -> None:
    result = await ada.speak("Not for long.")
    link = data(await ada.http.post(f"/files/{result['audio_id']}/link", json={"expires_in": 2}))["url"]

    async with Person.at(platform.url) as stranger:
        assert (await stranger.http.get(platform.url + link)).status_code == 200

        async def expired() -> bool:
            return (await stranger.http.get(platform.url + link)).status_code == 403

        await eventually(expired)


async def test_deleted_audio_is_gone_for_all_users(platform: Platform, ada: Person) -> None:
    result = await ada.speak("Forget this.")
    link = data(await ada.http.post(f"/files/{result['audio_id']}/link"))["url"]
    assert (await ada.http.delete(f"/files/audio/{result['audio_id']}")).is_success
    assert refusal(await ada.http.get(f"/files/{result['audio_id']}/info")) == (404, "AUDIO_NOT_FOUND")
    assert refusal(await ada.http.delete(f"/files/audio/{result['audio_id']}")) == (404, "AUDIO_NOT_FOUND")
    assert refusal(await ada.http.get(platform.url + link)) == (403, "LINK_INVALID")


async def test_text_entries_are_synthesised_by_id(ada: Person, eve: Person) -> None:
    saved = data(await ada.http.post("/texts", json={"content": "Saved words here.", "language": "en-US"}), 201)
    path = f"/texts/{saved['id']}"

    spoken = data(await ada.http.post("/tts/synthesize", json={"text_id": saved["id"], "voice_id": "tone_low"}))
    assert [word["word"] for word in spoken["word_timestamps"]] == ["Saved", "words", "here"]
    assert spoken["text_id"] == saved["id"]
    job = data(await ada.http.post("/job", json={"text_id": saved["id"], "voice_model_id": "tone_low"}), 201)
    assert (job["text_content"], job["text_id"]) == ("Saved words here.", saved["id"])

    changed = data(await ada.http.patch(path, json={"content": "Other words.", "language": None}))
    assert (changed["content"], changed.get("language")) == ("Other words.", None)
    assert data(await ada.http.get(path))["content"] == "Other words."
    listing = await ada.http.get("/texts", params={"page_size": 1})
    assert [entry["id"] for entry in data(listing)] == [saved["id"]]
    assert listing.json()["meta"]["pagination"]["total_count"] == 1

    for attempt in (eve.http.get(path), eve.http.patch(path, json={"content": "Mine."}), eve.http.delete(path)):
        assert refusal(await attempt) == (404, "TEXT_NOT_FOUND")
    body = {"text_id": saved["id"], "voice_id": "tone_low"}
    assert refusal(await eve.http.post("/tts/synthesize", json=body)) == (404, "TEXT_NOT_FOUND")
    assert refusal(await ada.http.post("/tts/synthesize", json=body | {"text": "Both."})) == (422, "VALIDATION_ERROR")
    assert (await ada.http.delete(path)).is_success
    assert refusal(await ada.http.get(path)) == (404, "TEXT_NOT_FOUND")


async def test_the_simple_api_submits_waits_and_downloads(ada: Person, eve: Person) -> None:
    body = {"text": "Simple words. And some more.", "voice_name": "Tone High", "config": {"output_format": "mp3"}}
    asked = data(await ada.http.post("/tts/generate", json=body), 202)
    assert (asked["status"], asked["voice_name"], asked["files"]) == ("pending", "tone_high", [])

    async def done() -> bool:
        return bool(data(await ada.http.get(f"/tts/{asked['id']}"))["status"] == "completed")

    await eventually(done, within=30)
    made = data(await ada.http.get(f"/tts/{asked['id']}"))
    [file] = made["files"]
    download = await ada.http.get(f"/tts/{asked['id']}/download")
    assert hashlib.sha256(download.content).hexdigest() == file["checksum"]
    assert (len(download.content), file["mime"]) == (file["size"], "audio/mpeg")
    assert download.headers["Content-Disposition"].startswith("attachment")
    for path in ("/tts/", "/tts"):
        assert [one["id"] for one in data(await ada.http.get(path))] == [asked["id"]]
        assert data(await eve.http.get(path)) == []
    assert data(await ada.http.get(f"/tts/{asked['job_id']}"))["id"] == asked["id"]
    assert refusal(await eve.http.get(f"/tts/{asked['id']}")) == (404, "SYNTHESIS_NOT_FOUND")
    assert refusal(await ada.http.post("/tts/generate", json=body | {"voice_name": "Nobody"})) == (404, "VOICE_NOT_FOUND")

    assert (await ada.http.delete(f"/tts/{asked['id']}")).is_success
    assert refusal(await ada.http.get(f"/tts/{asked['id']}")) == (404, "SYNTHESIS_NOT_FOUND")


async def test_queued_and_synchronous_syntheses_are_one_list_with_metadata(ada: Person) -> None:
    body = {"text": "Simple words.", "voice_name": "tone_low", "metadata": {"chapter": 1}}
    queued = data(await ada.http.post("/tts/generate", json=body), 202)
    now = data(
        await ada.http.post("/tts/synthesize", json={"text": "At once.", "voice_id": "tone_low", "metadata": {"a": None}})
    )
    assert (queued["metadata"], now["metadata"]) == ({"chapter": 1}, {"a": None})
    listed = data(await ada.http.get("/tts/"))
    assert [(one["id"], one["text"], one["metadata"]) for one in listed] == [
        (now["synthesis_id"], "At once.", {"a": None}),
        (queued["id"], "Simple words.", {"chapter": 1}),
    ]
    second = await ada.http.get("/tts/", params={"limit": 1, "offset": 1})
    assert [one["id"] for one in data(second)] == [queued["id"]]
    assert second.json()["meta"]["pagination"]["total_count"] == 2
    assert data(await ada.http.get(f"/job/{queued['job_id']}"))["metadata"] == {"chapter": 1}
    assert data(await ada.http.get(f"/files/{now['audio_id']}/info"))["metadata"] == {"a": None}
    refused = await ada.http.post("/tts/generate", json=body | {"metadata": {"$where": 1}})
    assert refusal(refused) == (422, "VALIDATION_ERROR")
    assert refused.json()["error"]["details"][0]["field"] == "metadata"
    assert (await ada.http.delete(f"/tts/{now['synthesis_id']}")).is_success
    assert [one["id"] for one in data(await ada.http.get("/tts/"))] == [queued["id"]]


async def test_captions_follow_word_timings(ada: Person) -> None:
    result = await ada.speak("Simple words. And some more.", include_timestamps=False)
    assert result.get("word_timestamps") is None
    for known in (result["synthesis_id"], result["audio_id"]):
        srt = await ada.http.get(f"/tts/{known}/captions.srt")
        vtt = await ada.http.get(f"/tts/{known}/captions.vtt")
        assert srt.text.startswith("1\n00:00:00,")
        assert "Simple words." in srt.text
        assert vtt.text.startswith("WEBVTT")
        assert vtt.headers["Content-Type"].startswith("text/vtt")


async def test_unfinished_syntheses_have_no_audio(ada: Person) -> None:
    asked = data(await ada.http.post("/tts/generate", json={"text": "Wait tone-slow-950 now.", "voice_name": "tone_low"}), 202)
    assert refusal(await ada.http.get(f"/tts/{asked['id']}/download")) == (409, "JOB_STATE_CONFLICT")
    assert refusal(await ada.http.get(f"/tts/{asked['id']}/captions.vtt")) == (409, "JOB_STATE_CONFLICT")
    await ada.http.patch(f"/job/{asked['job_id']}", json={"status": "cancelled"})
