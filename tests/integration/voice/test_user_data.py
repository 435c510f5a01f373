"""The voice service erases everything of a deleted user, and the user's access to voices of others; and exports."""

import hashlib
from pathlib import Path

from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.http.auth import EXPORT_AUDIENCE
from echo_common.contracts.http.user_data import USER_DATA_OBJECTS_PATH, USER_DATA_PATH, ExportLine
from echo_voice.handlers import erase_user
from tests.integration.voice.conftest import VoiceClient
from tests.integration.voice.test_messages import use_fakes
from tests.support.chat_model import ScriptedChatModel
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data
from tests.support.speech_stream import FakeSpeechStreams

COLLECTIONS = (
    "samples",
    "voice_models",
    "consents",
    "consent_phrases",
    "echos",
    "echo_revisions",
    "messages",
    "conversations",
    "preferences",
)


async def remains(database: Database, user_id: str) -> list[tuple[str, str]]:
    """Return collection and id of the documents that contain the user's id."""
    store = await database.open("voice")
    try:
        return [
            (name, document["_id"])
            for name in COLLECTIONS
            async for document in store.collection(name).find({})
            if user_id in str(document)
        ]
    finally:
        await store.close()


async def nothing_remains(database: Database, user_id: str) -> None:
    """Wait until nothing of a user is stored: an erased document is removed once its events are published."""

    async def gone() -> bool:
        return await remains(database, user_id) == []

    await eventually(gone)


async def delete(client: VoiceClient, user_id: str) -> None:
    await erase_user(UserDeleted(user_id=user_id), client.deps)

    async def erased() -> bool:
        found = await client.deps.erasure._users.find_one({"_id": user_id})
        return found is not None and found.erased_at is not None

    await eventually(erased, within=30)


async def owning(client: VoiceClient, speech: bytes, user_id: str) -> str:
    """Create a sample, a voice model, a phrase, an echo with two revisions and two messages, and a selection; return the id of the voice model."""
    sample = await client.sample(speech)
    clone_id: str = (await client.clone(sample["id"]))["clone_id"]
    assert (await client.trained(clone_id))["status"] == "ready"
    data(await client.ask("GET", "/voice/consent-phrase"))
    data(await client.ask("POST", f"/voice/clones/{clone_id}/select"))
    body = {"user_id": user_id, "name": "Me", "persona_prompt": "Kind.", "voice_model_id": clone_id}
    echo_id = (await client.ask("POST", "/echo", json=body)).json()["_id"]
    data(await client.ask("PATCH", f"/echos/{echo_id}", json={"greeting": "Hello!"}))
    use_fakes(client.deps, ScriptedChatModel(), FakeSpeechStreams())
    data(await client.ask("POST", f"/echos/{echo_id}/messages", json={"text": "Hello!"}))
    return clone_id


async def test_everything_of_a_deleted_user_is_erased(
    ada: VoiceClient, eve: VoiceClient, speech: bytes, database: Database, tmp_path: Path
) -> None:
    mine, others = await owning(ada, speech, "usr_ada"), await owning(eve, speech, "usr_eve")
    data(await eve.ask("POST", f"/voices/{others}/shares", json={"user_id": "usr_ada"}))
    before = await remains(database, "usr_eve")
    assert len({name for name, _ in await remains(database, "usr_ada")}) >= len(COLLECTIONS) - 1

    await delete(ada, "usr_ada")

    await nothing_remains(database, "usr_ada")
    assert await remains(database, "usr_eve") == before
    assert (await eve.get(f"/voice/clones/{others}"))["status"] == "ready"
    stored = [str(path) for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if mine in path]
    assert await ada.deps.vectors.get(ada.deps.voice_space, mine) is None


async def test_a_sample_in_processing_leaves_nothing(
    ada: VoiceClient, speech: bytes, database: Database, tmp_path: Path
) -> None:
    sample_id = data(await ada.upload(speech), 201)["sample_id"]
    await delete(ada, "usr_ada")

    async def stopped() -> bool:
        return not ada.deps.worker._running

    await eventually(stopped, within=60)
    await ada.deps.erasure._data.erase("usr_ada")
    await nothing_remains(database, "usr_ada")
    assert not [path for path in (tmp_path / "objects").rglob("*") if path.is_file() and sample_id in str(path)]


async def lines(client: VoiceClient, token: str) -> list[ExportLine]:
    """Return the export as auth reads it."""
    response = await client.http.get(USER_DATA_PATH, headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200, response.text
    return [ExportLine.model_validate_json(line) for line in response.text.splitlines()]


async def test_an_export_holds_everything_of_its_user_alone(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    clone_id = await owning(ada, speech, "usr_ada")
    others = await owning(eve, speech, "usr_eve")
    token = ada.issuer.token(sub="usr_ada", sid="exp_1", aud=EXPORT_AUDIENCE)
    *items, end = await lines(ada, token)
    documents = [item.document for item in items if item.document is not None]
    objects = [item.object for item in items if item.object is not None]
    assert (end.end.documents, end.end.objects) == (len(documents), len(objects))  # type: ignore[union-attr]
    assert "usr_eve" not in str(items)
    assert others not in str(items)
    collections = ["samples", "voice_models", "consents", "echos", "echo_revisions", "conversations", "messages", "messages"]
    collections.append("voice_selection")
    assert [document.collection for document in documents] == collections
    assert {document.fields["id"] for document in documents if document.collection == "voice_models"} == {clone_id}

    assert sorted(item.id.partition("/")[2] for item in objects) in (
        ["original", "processed"],
        ["original", "processed", "style"],
    )
    for item in objects:
        path = f"{USER_DATA_OBJECTS_PATH}/{item.id}?checksum={item.checksum}"
        response = await ada.http.get(path, headers={"Authorization": f"Bearer {token}"})
        assert (len(response.content), hashlib.sha256(response.content).hexdigest()) == (item.size, item.checksum)
        for_eve = ada.issuer.token(sub="usr_eve", sid="exp_2", aud=EXPORT_AUDIENCE)
        assert (await ada.http.get(path, headers={"Authorization": f"Bearer {for_eve}"})).status_code == 404
        replaced = f"{USER_DATA_OBJECTS_PATH}/{item.id}?checksum={'0' * 64}"
        assert (await ada.http.get(replaced, headers={"Authorization": f"Bearer {token}"})).status_code == 404


async def test_access_tokens_do_not_export(ada: VoiceClient) -> None:
    for headers in (ada.headers, {}, {"Authorization": "Bearer x"}):
        for path in (USER_DATA_PATH, f"{USER_DATA_OBJECTS_PATH}/vs_1/original"):
            assert (await ada.http.get(path, headers=headers)).status_code == 401
    for_export = ada.issuer.token(sub="usr_ada", sid="exp_1", aud=EXPORT_AUDIENCE, scope="voices:read")
    response = await ada.http.get("/voice/samples", headers={"Authorization": f"Bearer {for_export}"})
    assert response.status_code == 401
