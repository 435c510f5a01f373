"""Users learn what was measured about their speech, and bad segments are spoken again."""

from tests.support.person import Person, data


async def test_results_tell_what_was_measured(ada: Person) -> None:
    result = await ada.speak("This one is fine. The next has tone-clip-once in it.")
    quality = result["quality"]
    assert (quality["checked"], quality["attempts"], quality["repeated"], quality["with_problems"]) == (2, 3, 1, 0)
    assert (quality["method"], quality["not_transcribed"]) == ("signal", "not_requested")
    segments = data(await ada.http.get(f"/tts/{result['audio_id']}/segments"))
    assert [one["quality"]["attempts"] for one in segments] == [1, 2]
    assert [one["quality"]["problems"] for one in segments] == [[], []]


async def test_jobs_compare_their_speech_with_the_text_on_request(ada: Person) -> None:
    job = await ada.queue("Beeps are not understood as words.", config={"quality_check": True})
    assert [event async for event in ada.follow(job["id"])][-2]["status"] == "completed"
    done = await ada.job(job["id"])
    quality = done["result"]["quality"]
    assert (quality["method"], quality["transcribed"], quality["repeated"], quality["with_problems"]) == ("recognizer", 1, 1, 1)
    assert quality["attempts"] == 3
    assert quality["word_error_rate"] > 0.5
    assert done["config"]["quality_check"] is True
    [segment] = data(await ada.http.get(f"/tts/{done['audio_id']}/segments"))
    assert segment["quality"]["problems"] == ["words"]


async def test_a_segment_is_regenerated_in_another_take(ada: Person) -> None:
    result = await ada.speak("One sentence. Another sentence.")
    contents = {(await ada.audio(result)).content}
    for _ in range(2):
        job = data(await ada.http.post(f"/tts/{result['audio_id']}/segments/0/regenerate"), 202)
        assert [event async for event in ada.follow(job["id"])][-2]["status"] == "completed"
        contents.add((await ada.audio((await ada.job(job["id"]))["result"])).content)
    assert len(contents) == 3
