"""The listening service erases the data of a deleted user, and exports that of its user alone."""

from datetime import timedelta

from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.listening import ListeningUserDataErased
from echo_common.contracts.http.user_data import ExportedDocument
from echo_listening.usecases import tracks
from tests.integration.listening.conftest import ListeningClient, audio_of
from tests.integration.listening.test_tracks import revised
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.person import data

COLLECTIONS = ("tracks", "audio_changes", "track_features", "interactions", "preferences")
"""One line per collection with data of users; add those of each part."""


async def remains(database: Database, *parts: str) -> list[tuple[str, str]]:
    """Return collection and id of the documents that contain one of the texts."""
    store = await database.open("listening")
    try:
        return [
            (name, document["_id"])
            for name in COLLECTIONS
            async for document in store.collection(name).find({}, fields=())
            if any(part in str({**document, "outbox": None}) for part in parts)
        ]
    finally:
        await store.close()


async def erased(client: ListeningClient, user_id: str) -> None:
    await client.publish(UserDeleted(user_id=user_id))
    await eventually(lambda: ListeningUserDataErased.topic in [message.topic for message in client.heard], within=30)


async def test_a_deleted_user_leaves_nothing(ada: ListeningClient, eve: ListeningClient, database: Database) -> None:
    track = await ada.speech()
    await tracks.revise_speech(revised(track["audio_id"]), ada.deps)
    liked = {"track_id": track["id"], "type": "like"}
    data(await ada.ask("POST", "/interactions", json=liked), 201)
    others = await eve.speech()

    async def stored() -> bool:
        return len(await remains(database, "usr_ada")) == len(COLLECTIONS)

    await eventually(stored)
    await erased(ada, "usr_ada")

    assert await remains(database, "usr_ada", track["audio_id"]) == []
    assert [found["id"] for found in await eve.get("/tracks")] == [others["id"]]


async def test_late_events_of_a_deleted_user_store_nothing(
    ada: ListeningClient, eve: ListeningClient, database: Database
) -> None:
    await erased(ada, "usr_ada")
    await ada.publish(audio_of("usr_ada"))
    await eve.speech()

    assert await remains(database, "usr_ada") == []


async def test_an_erasure_is_repeated_against_late_writes(ada: ListeningClient, database: Database) -> None:
    await erased(ada, "usr_ada")
    await tracks.add_speech(audio_of("usr_ada"), ada.deps)

    assert await ada.deps.erasure.erase_due(now() + timedelta(minutes=2)) == 1
    assert await remains(database, "usr_ada") == []


async def test_an_export_holds_interactions_and_preferences_of_its_user_alone(
    ada: ListeningClient, eve: ListeningClient
) -> None:
    for client in (eve, ada):
        liked = {"track_id": (await client.speech())["id"], "type": "like"}
        data(await client.ask("POST", "/interactions", json=liked), 201)
        data(await client.ask("PUT", "/preferences", json={"genres": [client.user_id]}))

    exported = {
        item.collection: item.fields
        async for item in ada.deps.user_data.export("usr_ada")
        if isinstance(item, ExportedDocument)
    }
    assert [exported["interactions"]] == await ada.get("/interactions")
    assert (exported["preferences"]["user_id"], exported["preferences"]["genres"]) == ("usr_ada", ["usr_ada"])


async def test_an_export_holds_the_tracks_of_its_user_alone(ada: ListeningClient, eve: ListeningClient) -> None:
    track = await ada.speech()
    await eve.speech()

    async def analysed() -> bool:
        return bool((await ada.get(f"/tracks/{track['id']}/features"))["status"] == "unavailable")

    await eventually(analysed)
    assert [item async for item in ada.deps.user_data.export("usr_ada")] == [
        ExportedDocument(collection="tracks", fields={name: track[name] for name in track.keys() - {"features_status"}}),
        ExportedDocument(collection="track_features", fields={"track_id": track["id"], "status": "unavailable"}),
    ]
