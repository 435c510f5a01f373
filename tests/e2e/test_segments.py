"""Users replace a segment of an audio through the gateway, and read each revision."""

import hashlib
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.person import Person, data, refusal
from tests.support.platform import Platform

STORY = "One sentence. Another sentence."


async def replaced(person: Person, known: str, number: int, **body: Any) -> dict[str, Any]:
    """Replace a segment and return the completed job."""
    job = data(await person.http.post(f"/tts/{known}/segments/{number}/regenerate", json=body), 202)
    assert [event async for event in person.follow(job["id"])][-2]["status"] == "completed"
    return await person.job(job["id"])


def checksum_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_replaced_segment_gives_another_revision(ada: Person) -> None:
    result = await ada.speak(STORY)
    path = f"/tts/{result['synthesis_id']}"
    first = (await ada.audio(result)).content
    segments = data(await ada.http.get(f"{path}/segments"))
    assert [(one["number"], one["text"]) for one in segments] == [(0, "One sentence."), (1, "Another sentence.")]
    assert segments[1]["end_time"] == result["duration"]

    job = await replaced(ada, result["audio_id"], 0, text="Now much more is said before.")
    assert job["replaces"] == {"audio_id": result["audio_id"], "segment": 0}
    revised = job["result"]
    assert (revised["revision"], revised["audio_id"]) == (2, result["audio_id"])
    assert revised["duration"] > result["duration"]
    second = await ada.audio(revised)
    assert second.headers["ETag"] == f'"{checksum_of(second.content)}"'
    assert "immutable" in second.headers["Cache-Control"]
    assert second.content != first

    revisions = data(await ada.http.get(f"{path}/revisions"))
    assert [(one["number"], one["current"], one["checksum"]) for one in revisions] == [
        (2, True, checksum_of(second.content)),
        (1, False, checksum_of(first)),
    ]
    for revision, content in ((1, first), (2, second.content)):
        for file in (f"{path}/download", f"/files/audio/{result['audio_id']}"):
            assert (await ada.http.get(file, params={"revision": revision})).content == content
    assert (await ada.http.get(f"{path}/download")).content == second.content
    assert "Now much more" in (await ada.http.get(f"{path}/captions.vtt")).text
    assert data(await ada.http.get(path))["text"] == "Now much more is said before. Another sentence."
    assert data(await ada.http.get(f"/files/{result['audio_id']}/info"))["revision"] == 2
    assert [one["id"] for one in data(await ada.http.get("/tts/"))] == [result["synthesis_id"]]


async def test_cached_audio_is_replaced_and_links_keep_their_revision(platform: Platform, ada: Person) -> None:
    result = await ada.speak(STORY)
    first = (await ada.audio(result)).content
    assert (await ada.audio(result)).content == first
    old_link = data(await ada.http.post(f"/files/{result['audio_id']}/link"))["url"]
    job = await replaced(ada, result["audio_id"], 1, text="Something else.")
    second = (await ada.audio(job["result"])).content

    async def purged() -> bool:
        return (await ada.audio(result)).content == second

    await eventually(purged)
    new_link = data(await ada.http.post(f"/files/{result['audio_id']}/link"))["url"]
    async with Person.at(platform.url) as stranger:
        assert (await stranger.http.get(platform.url + old_link)).content == first
        assert (await stranger.http.get(platform.url + new_link)).content == second
        forged = old_link.replace("revision=1", "revision=2")
        for url in (forged, old_link.replace("revision=1&", "")):
            assert refusal(await stranger.http.get(platform.url + url)) == (403, "LINK_INVALID")


async def test_a_dictionary_entry_corrects_a_segment_with_one_request(ada: Person) -> None:
    result = await ada.speak("Hugh waits. Nobody comes.")
    segment = f"/tts/{result['audio_id']}/segments/0"
    assert data(await ada.http.get(segment))["words"][0]["spoken"] == "Hugh"
    job = await replaced(ada, result["audio_id"], 0, dictionary_entry={"term": "Hugh", "respelling": "hue"})
    assert job["result"]["word_timestamps"][0]["spoken"] == "hue"
    assert data(await ada.http.get(segment))["words"][0]["spoken"] == "hue"
    assert [entry["respelling"] for entry in data(await ada.http.get("/tts/dictionary"))] == ["hue"]


async def test_repeated_requests_replace_a_segment_once(ada: Person) -> None:
    result = await ada.speak(STORY)
    path, key = f"/tts/{result['audio_id']}/segments/0/regenerate", {"Idempotency-Key": "once"}
    jobs = [data(await ada.http.post(path, headers=key), 202) for _ in range(2)]
    assert jobs[0]["id"] == jobs[1]["id"]
    assert [event async for event in ada.follow(jobs[0]["id"])][-2]["status"] == "completed"
    assert len(data(await ada.http.get(f"/tts/{result['audio_id']}/revisions"))) == 2


@pytest.mark.parametrize(
    ("number", "body", "expected"),
    [
        ("2", {}, (404, "SEGMENT_NOT_FOUND")),
        ("-1", {}, (422, "VALIDATION_ERROR")),
        ("1.5", {}, (422, "VALIDATION_ERROR")),
        ("9" * 400, {}, (422, "VALIDATION_ERROR")),
        ("0", {"text": ""}, (422, "VALIDATION_ERROR")),
        ("0", {"text": "\x00"}, (422, "VALIDATION_ERROR")),
        ("0", {"text": "x" * 2_001}, (422, "VALIDATION_ERROR")),
        ("0", {"text": "..."}, (422, "VALIDATION_ERROR")),
        ("0", {"voice_id": "tone_high"}, (422, "VALIDATION_ERROR")),
        ("0", {"dictionary_entry": {"term": "One"}}, (422, "VALIDATION_ERROR")),
        ("0", {"dictionary_entry": {"term": "Elsewhere", "respelling": "x"}}, (422, "VALIDATION_ERROR")),
    ],
)
async def test_invalid_replacements_are_refused(
    ada: Person, number: str, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    result = await ada.speak(STORY)
    refused = await ada.http.post(f"/tts/{result['audio_id']}/segments/{number}/regenerate", json=body)
    assert refusal(refused) == expected


async def test_segments_and_revisions_belong_to_their_owner(ada: Person, eve: Person) -> None:
    result = await ada.speak(STORY)
    for path in ("segments", "segments/0", "revisions"):
        assert refusal(await eve.http.get(f"/tts/{result['audio_id']}/{path}")) == (404, "SYNTHESIS_NOT_FOUND")
    refused = await eve.http.post(f"/tts/{result['audio_id']}/segments/0/regenerate")
    assert refusal(refused) == (404, "SYNTHESIS_NOT_FOUND")
    unknown = await ada.http.get(f"/tts/{result['audio_id']}/download", params={"revision": 2})
    assert refusal(unknown) == (404, "REVISION_NOT_FOUND")
