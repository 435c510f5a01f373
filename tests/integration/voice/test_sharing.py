"""Sharing of voice models with existing users."""

import pytest

from tests.integration.voice.conftest import VoiceClient
from tests.support.person import data, refusal


@pytest.fixture
async def clone_id(ada: VoiceClient, speech: bytes) -> str:
    sample = await ada.sample(speech)
    return str((await ada.trained((await ada.clone(sample["id"]))["clone_id"]))["id"])


@pytest.mark.parametrize("recipient", [{"user_id": "usr_eve"}, {"email": "Eve@Example.com"}])
async def test_voices_are_shared_by_id_and_by_address(
    ada: VoiceClient, eve: VoiceClient, clone_id: str, recipient: dict[str, str]
) -> None:
    shares = data(await ada.ask("POST", f"/voices/{clone_id}/shares", json=recipient))
    assert shares["shared_with"] == ["usr_eve"]
    data(await eve.ask("POST", f"/voice/clones/{clone_id}/select"))


@pytest.mark.parametrize("recipient", [{"user_id": "usr_unknown"}, {"email": "nobody@example.com"}])
async def test_unknown_recipients_are_not_found(ada: VoiceClient, clone_id: str, recipient: dict[str, str]) -> None:
    answer = await ada.ask("POST", f"/voices/{clone_id}/shares", json=recipient)
    assert refusal(answer) == (404, "USER_NOT_FOUND")
    assert (await ada.get(f"/voices/{clone_id}/shares"))["shared_with"] == []


@pytest.mark.parametrize(
    "recipient",
    [
        {},
        {"public": False},
        {"user_id": "usr_eve", "public": True},
        {"user_id": "usr_eve", "email": "eve@example.com"},
        {"user_id": "usr_ada"},
        {"email": "ada@example.com"},
        {"email": "no address"},
    ],
)
async def test_a_share_names_one_other_recipient(ada: VoiceClient, clone_id: str, recipient: dict[str, object]) -> None:
    answer = await ada.ask("POST", f"/voices/{clone_id}/shares", json=recipient)
    assert refusal(answer) == (422, "VALIDATION_ERROR")


async def test_recipients_are_looked_up_only_for_own_voices(ada: VoiceClient, eve: VoiceClient, clone_id: str) -> None:
    answer = await eve.ask("POST", f"/voices/{clone_id}/shares", json={"user_id": "usr_unknown"})
    assert refusal(answer) == (404, "CLONE_NOT_FOUND")
