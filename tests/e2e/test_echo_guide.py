"""Tests of the Echo API's own guide without the setting that allows requests without a token."""

import httpx

from tests.support.platform import Platform
from tests.support.recordings import spoken, wav

USER = "507f1f77bcf86cd799439011"


async def test_without_the_setting_every_request_of_the_guide_needs_a_token(platform: Platform) -> None:
    async with httpx.AsyncClient(base_url=f"{platform.url}/api", timeout=60) as client:
        audio = {"audio": ("my_voice.wav", wav(spoken()))}
        answers = [
            await client.post("/upload-reference", files=audio, data={"user_id": USER}),
            await client.post("/upload-reference", files=audio),
            await client.get("/voice-models", params={"user_id": USER}),
            await client.get("/voice-models/abc123"),
            await client.patch("/voice-models/abc123", json={"echo_id": "x"}),
            await client.delete("/voice-models/abc123"),
            await client.post("/echo", json={"name": "My Echo"}),
            await client.get("/echo/abc/voice-model"),
            await client.post("/synthesize", json={"text": "Hello.", "reference_id": "abc123"}),
            await client.post("/users/test_user_123", json={"email": "test@example.com"}),
        ]
    assert [answer.status_code for answer in answers] == [401] * len(answers)
    assert all(set(answer.json()) == {"error"} for answer in answers)
