"""Tests of text normalisation through the public API."""

from tests.support.person import Person, data, refusal


async def test_a_text_is_previewed_before_synthesis(ada: Person) -> None:
    body = {"text": "Dr. Smith paid $5.50. [pause:1s] 😂", "voice_id": "tone_low"}
    script = data(await ada.http.post("/tts/normalize", json=body))
    assert script["spoken_text"] == "Doctor Smith paid five dollars and fifty cents. face with tears of joy"
    assert [part["type"] for part in script["parts"]] == ["unit", "pause", "unit"]


async def test_pronunciations_are_stored_applied_changed_and_deleted(ada: Person) -> None:
    entry = data(await ada.http.post("/tts/dictionary", json={"term": "Hugh", "respelling": "hue"}), 201)
    result = await ada.speak("Ask Hugh about 2 things.")
    assert [(word["word"], word["spoken"]) for word in result["word_timestamps"]] == [
        ("Ask", None),
        ("Hugh", "hue"),
        ("about", None),
        ("2", "two"),
        ("things", None),
    ]
    changed = data(await ada.http.patch(f"/tts/dictionary/{entry['id']}", json={"respelling": "you"}))
    assert data(await ada.http.get(f"/tts/dictionary/{entry['id']}")) == changed
    assert [each["id"] for each in data(await ada.http.get("/tts/dictionary"))] == [entry["id"]]
    data(await ada.http.delete(f"/tts/dictionary/{entry['id']}"))
    assert data(await ada.http.get("/tts/dictionary")) == []


async def test_malformed_ssml_is_refused_with_its_position(ada: Person) -> None:
    answer = await ada.http.post(
        "/tts/synthesize", json={"text": "<speak>\n <break time='x'/></speak>", "voice_id": "tone_low"}
    )
    assert refusal(answer) == (422, "VALIDATION_ERROR")
    [detail] = answer.json()["error"]["details"]
    assert (detail["field"], detail["line"], detail["column"]) == ("text", 2, 2)


async def test_syllables_are_returned_on_request(ada: Person) -> None:
    result = await ada.speak("Water.", timestamp_granularity="both")
    assert [each["syllable"] for each in result["syllable_timestamps"]] == ["Wa", "ter"]
    assert [each["word"] for each in result["word_timestamps"]] == ["Water"]
