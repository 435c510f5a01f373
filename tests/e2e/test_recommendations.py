"""Interactions, preferences and recommendations of generated speech."""

from typing import Any

from tests.support.eventually import eventually
from tests.support.person import Person, data


async def test_liked_speech_is_preferred_and_recommended_after_other_speech(ada: Person) -> None:
    first, second = [await _track(ada, text) for text in ("A sentence that is liked.", "Another sentence.")]
    data(await ada.http.post("/interactions", json={"track_id": first, "type": "like"}), 201)
    preferences: dict[str, Any] = {}

    async def derived() -> bool:
        preferences.update(data(await ada.http.get("/preferences")))
        return bool(preferences["top_tracks"])

    await eventually(derived, within=60)
    assert preferences["derived"]["top_tracks"] == [first]
    found = data(await ada.http.get("/recommendations", params={"playable": True}))
    assert [one["track"]["id"] for one in found] == [second, first]
    assert found[0]["reason"]["code"] in {"SAME_VOICE", "SIMILAR_TO_LIKED", "FEATURE_TARGET"}
    assert [one["track"]["id"] for one in data(await ada.http.get(f"/tracks/{first}/similar"))] == [second]


async def _track(person: Person, text: str) -> str:
    """Generate speech, wait for its features, and return the id of its track."""
    speech = await person.speak(text)
    track_id = f"track_{speech['audio_id'].partition('_')[2]}"

    async def analysed() -> bool:
        response = await person.http.get(f"/tracks/{track_id}/features")
        return bool(response.is_success and data(response)["status"] == "complete")

    await eventually(analysed, within=60)
    return track_id
