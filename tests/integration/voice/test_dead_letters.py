"""Tests of dead letters for administrators, on the voice service."""

from collections.abc import AsyncIterator

import pytest

from echo_common.bus.delivery import encode
from echo_common.bus.port import DeadLetter, Message
from echo_common.clock import now
from echo_common.contracts.events.voice import ConsentRevoked
from echo_common.outbox.dead_letters import StoreDeadLetters
from tests.integration.voice.conftest import VoiceClient
from tests.support.database import Database
from tests.support.person import data, refusal

PATH = "/internal/dead-letters"
REVOKED = encode(ConsentRevoked(consent_id="cns_nobody", user_id="usr_ada"))
BROKEN = Message("evt_broken", "voice.consent_revoked", 1, b"not JSON")


@pytest.fixture
async def letters(ada: VoiceClient, database: Database) -> AsyncIterator[StoreDeadLetters]:
    """Two dead letters of voice: one that can be handled now, and one that cannot."""
    store = await database.open("voice")
    kept = StoreDeadLetters(store)
    for message, error in ((REVOKED, "StoreUnavailableError()"), (BROKEN, "no JSON")):
        await kept.add(DeadLetter("voice", message, error, 5, now()))
    yield kept
    await store.close()


@pytest.fixture
def admin(ada: VoiceClient) -> VoiceClient:
    token = ada.issuer.token(sub="usr_admin", role="admin", scope="account admin")
    return VoiceClient(ada.http, ada.deps, ada.issuer, {"Authorization": f"Bearer {token}"})


async def test_dead_letters_are_listed_and_shown_with_their_message(admin: VoiceClient, letters: StoreDeadLetters) -> None:
    listed = await admin.get(PATH)
    assert {letter["id"] for letter in listed} == {REVOKED.id, BROKEN.id}
    assert listed[0]["died_at"] >= listed[1]["died_at"]
    shown = await admin.get(f"{PATH}/{REVOKED.id}")
    assert (shown["topic"], shown["error"], shown["attempts"]) == ("voice.consent_revoked", "StoreUnavailableError()", 5)
    assert shown["body"]["consent_id"] == "cns_nobody"
    assert (await admin.get(f"{PATH}/{BROKEN.id}"))["body"] == "not JSON"
    assert await admin.get(f"{PATH}?topic=voice.nothing") == []


async def test_replayed_dead_letters_are_handled_and_deleted(admin: VoiceClient, letters: StoreDeadLetters) -> None:
    data(await admin.ask("POST", f"{PATH}/{REVOKED.id}/replay"))
    assert [letter.id for letter in await letters.list()] == [BROKEN.id]
    assert refusal(await admin.ask("POST", f"{PATH}/{REVOKED.id}/replay")) == (404, "DEAD_LETTER_NOT_FOUND")


async def test_dead_letters_that_fail_again_are_kept(admin: VoiceClient, letters: StoreDeadLetters) -> None:
    assert refusal(await admin.ask("POST", f"{PATH}/{BROKEN.id}/replay")) == (409, "DEAD_LETTER_REPLAY_FAILED")
    assert (await letters.get(BROKEN.id)).error == "no JSON"


async def test_dead_letters_require_an_administrator(ada: VoiceClient, letters: StoreDeadLetters) -> None:
    for method, path in (("GET", PATH), ("GET", f"{PATH}/{REVOKED.id}"), ("POST", f"{PATH}/{REVOKED.id}/replay")):
        assert refusal(await ada.ask(method, path)) == (403, "FORBIDDEN")
        assert refusal(await ada.http.request(method, path)) == (401, "UNAUTHENTICATED")
    assert len(await letters.list()) == 2
