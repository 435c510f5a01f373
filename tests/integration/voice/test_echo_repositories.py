"""The repositories of echos and their revisions, on every database."""

from collections.abc import AsyncIterator

import pytest

from echo_common.bus.inproc import InprocBroker, InprocBus
from echo_common.contracts.errors.voice import EchoNotFoundError
from echo_common.outbox.relay import Relay
from echo_common.store.port import Store
from echo_voice import repository
from echo_voice.domain.echos import Echo, EchoRevision, Persona
from echo_voice.repository import EchoRevisions, Echos

LEGACY = {"_id": "echo_1", "user_id": "usr_1", "name": "Old", "persona_prompt": "Kind.", "voice_model_id": "vm_1", "version": 1}
GRANDMOTHER = Persona.model_validate(
    {"name": "Grandmother", "greeting": "Hello!", "speed": 0.9, "pronunciations": [{"term": "Hugh", "ipa": "hju"}]}
)


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    relay = Relay(InprocBus(InprocBroker()))
    yield relay
    await relay.close()


@pytest.fixture
async def echos(store: Store, relay: Relay) -> Echos:
    echos = Echos(store, relay)
    await echos.prepare()
    return echos


@pytest.fixture
async def revisions(store: Store, relay: Relay) -> EchoRevisions:
    revisions = EchoRevisions(store, relay)
    await revisions.prepare()
    return revisions


async def test_an_echo_is_stored_with_all_fields(echos: Echos) -> None:
    echo = Echo.create("usr_1", GRANDMOTHER)
    await echos.add(echo)
    found = await echos.get(echo.id, user_id="usr_1")
    assert (found.persona, found.revision) == (GRANDMOTHER, 1)
    with pytest.raises(EchoNotFoundError):
        await echos.get(echo.id, user_id="usr_2")


async def test_the_voice_of_an_earlier_version_is_renamed_with_the_next_change(store: Store, echos: Echos) -> None:
    documents = store.collection("echos")
    await documents.insert(dict(LEGACY))
    [echo] = [echo async for echo in echos.find({"revision": {"$exists": False}})]
    await echos.amend(echo, Echo.announce)
    stored = await documents.find_one({"_id": "echo_1"}) or {}
    assert (stored["voice_id"], stored["revision"], "voice_model_id" in stored) == ("vm_1", 1, False)
    await echos.update("echo_1", lambda held: held.leave_voice("vm_1"))
    assert (await echos.get("echo_1")).persona == Persona(name="Old", persona_prompt="Kind.")
    assert [echo async for echo in echos.find({"revision": {"$exists": False}})] == []


async def test_a_revision_is_stored_once(revisions: EchoRevisions) -> None:
    echo = Echo.create("usr_1", GRANDMOTHER)
    for _ in range(2):
        await revisions.keep(EchoRevision.of(echo))
    [found] = [revision async for revision in revisions.find({"echo_id": echo.id})]
    assert (found.persona, found.created_at) == (GRANDMOTHER, echo.created_at)


async def test_the_oldest_revisions_of_an_echo_are_removed(
    echos: Echos, revisions: EchoRevisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "KEPT_REVISIONS", 2)
    echo, other = Echo.create("usr_1", GRANDMOTHER), Echo.create("usr_1", GRANDMOTHER)
    await revisions.keep(EchoRevision.of(other))
    for number in range(4):
        await revisions.keep(EchoRevision.of(echo))
        echo.revise(Persona(name=f"Name {number}"))
        await revisions.trim(echo)

    async def kept(echo_id: str) -> list[int]:
        found = revisions.find({"echo_id": echo_id}, sort=[("revision", -1)])
        return [revision.revision async for revision in found]

    assert (await kept(echo.id), await kept(other.id)) == ([4, 3], [1])
    await revisions.remove_all(echo.id)
    assert (await kept(echo.id), await kept(other.id)) == ([], [1])
