"""The health of the voice service shows its language model, which never makes it unready."""

import pytest

from tests.integration.voice.conftest import Start


async def test_a_missing_language_model_is_shown_and_leaves_the_service_ready(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_VOICE_CHAT", "gemini")
    monkeypatch.delenv("ECHO_VOICE_CHAT_KEY", raising=False)
    async with start() as ada:
        response = await ada.http.get("/readyz")
    assert response.status_code == 200
    assert response.json()["parts"]["language_model"]["facts"] == {
        "model": "gemini:gemini-3.8-flash",
        "state": "lacks a key: set ECHO_VOICE_CHAT_KEY",
    }
