"""Generated speech has audio features, in both modes."""

from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.person import Person, data


@pytest.mark.parametrize("output_format", ["wav", "mulaw"])
async def test_the_features_of_generated_speech_are_computed(ada: Person, output_format: str) -> None:
    speech = await ada.speak("Features of speech that has no melody.", output_format=output_format, sample_rate=16_000)
    track_id = f"track_{speech['audio_id'].partition('_')[2]}"
    found: dict[str, Any] = {}

    async def analysed() -> bool:
        response = await ada.http.get(f"/tracks/{track_id}/features")
        found.update(data(response) if response.is_success else {})
        return bool(found.get("status", "pending") != "pending")

    await eventually(analysed, within=60)
    assert (found["status"], found["code"]) == ("complete", None)
    assert found["analysed_seconds"] == pytest.approx(speech["duration"], abs=0.05)
    assert -60 < found["loudness"] < 0
    assert data(await ada.http.get(f"/tracks/{track_id}"))["features_status"] == "complete"
