"""The listening service erases the data of a deleted user, and exports that of its user alone."""

from datetime import timedelta

import pytest

from echo_common.clock import now
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.listening import ListeningUserDataErased
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.contracts.values import MemberStatus
from echo_common.storage.port import ObjectNotFoundError
from echo_listening.domain.captions import TrackCaptions
from echo_listening.usecases import tracks
from tests.integration.listening.conftest import ListeningClient, audio_of
from tests.integration.listening.test_tracks import revised
from tests.support.database import Database
from tests.support.eventually import eventually
from tests.support.music import note
from tests.support.person import data
from tests.support.recordings import wav

COLLECTIONS = (
    "tracks",
    "audio_changes",
    "track_features",
    "quota_counters",
    "stored_bytes",
    "playlists",
    "playlist_updates",
    "tickets",
    "track_captions",
    "interactions",
    "preferences",
    "group_sessions",
    "group_session_presence",
)
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
    upload = data(await ada.ask("POST", "/tracks", files={"file": ("walk.wav", wav(note(57, 1)))}), 201)
    liked = {"track_id": track["id"], "type": "like"}
    data(await ada.ask("POST", "/interactions", json=liked), 201)
    others = await eve.speech()
    await ada.get(f"/tracks/{track['id']}/features")
    playlist = data(await ada.ask("POST", "/playlists", json={"name": "Evening", "track_ids": [track["id"]]}), 201)
    data(await ada.ask("PATCH", f"/playlists/{playlist['id']}", json={"name": "Night"}))
    data(await ada.ask("POST", f"/playlists/{playlist['id']}/stream/ticket"))
    await ada.deps.captions.save(TrackCaptions(track_id=track["id"], user_id="usr_ada", audio_counter=2, vtt="WEBVTT"))
    body = {"name": "Friday", "playlist_id": playlist["id"], "display_name": "Ada"}
    session = data(await ada.ask("POST", "/group-sessions", json=body), 201)
    await ada.deps.presence.store(session["id"], "usr_ada", "replica_1", MemberStatus.READY, 0)

    async def stored() -> bool:
        return {name for name, _ in await remains(database, "usr_ada")} == set(COLLECTIONS)

    await eventually(stored)
    await erased(ada, "usr_ada")

    assert await remains(database, "usr_ada", track["audio_id"]) == []
    assert [key async for key in ada.deps.objects.keys(f"uploads/{upload['id']}/")] == []
    assert [found["id"] for found in await eve.get("/tracks")] == [others["id"]]


async def test_a_deleted_user_leaves_the_playlists_of_others(
    ada: ListeningClient, eve: ListeningClient, database: Database
) -> None:
    mine, hers = await ada.speech(), await eve.speech()
    playlist = data(await eve.ask("POST", "/playlists", json={"name": "Evening", "track_ids": [hers["id"]]}), 201)
    path = f"/playlists/{playlist['id']}"
    data(await eve.ask("PUT", f"{path}/collaborators/usr_ada", json={"role": "editor"}))
    data(await ada.ask("POST", f"{path}/items", json={"track_ids": [mine["id"]]}))
    data(await ada.ask("PATCH", path, json={"name": "Night"}))
    await erased(ada, "usr_ada")

    assert await remains(database, "usr_ada") == []
    left = await eve.get(path)
    assert ([item["track_id"] for item in left["items"]], left["collaborators"]) == ([hers["id"]], [])
    updates = await eve.get(f"{path}/updates")
    assert [(update["type"], update["user_id"]) for update in updates] == [
        ("remove", None),
        ("rename", None),
        ("add", None),
        ("create", "usr_eve"),
    ]


async def test_a_deleted_user_leaves_group_sessions_to_their_other_members(
    ada: ListeningClient, eve: ListeningClient, database: Database
) -> None:
    playlist = data(await eve.ask("POST", "/playlists", json={"name": "Evening"}), 201)
    data(await eve.ask("PUT", f"/playlists/{playlist['id']}/collaborators/usr_ada", json={"role": "editor"}))
    body = {"name": "Friday", "playlist_id": playlist["id"], "display_name": "Ada"}
    session = data(await ada.ask("POST", "/group-sessions", json=body), 201)
    data(await eve.ask("POST", "/group-sessions/join", json={"code": session["code"], "display_name": "Eve"}))
    await erased(ada, "usr_ada")

    assert await remains(database, "usr_ada") == []
    left = await eve.get(f"/group-sessions/{session['id']}")
    assert (left["role"], left["active"], [member["user_id"] for member in left["members"]]) == ("host", True, ["usr_eve"])


async def test_a_former_collaborator_is_erased_from_the_latest_update(
    ada: ListeningClient, eve: ListeningClient, database: Database
) -> None:
    playlist = data(await eve.ask("POST", "/playlists", json={"name": "Evening"}), 201)
    path = f"/playlists/{playlist['id']}"
    data(await eve.ask("PUT", f"{path}/collaborators/usr_ada", json={"role": "editor"}))
    data(await ada.ask("PATCH", path, json={"name": "Night"}))
    data(await eve.ask("DELETE", f"{path}/collaborators/usr_ada"))
    await erased(ada, "usr_ada")

    assert await remains(database, "usr_ada") == []
    left = await eve.get(path)
    assert (left["name"], left["revision"]) == ("Night", 2)


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


async def test_an_export_holds_the_bytes_of_uploads(ada: ListeningClient, eve: ListeningClient) -> None:
    content = wav(note(57, 1))
    track = data(await ada.ask("POST", "/tracks", files={"file": ("walk.wav", content)}), 201)

    found = [item async for item in ada.deps.user_data.export("usr_ada") if isinstance(item, ExportedObject)]
    assert [(item.id, item.size, item.mime, item.name.startswith("tracks/")) for item in found] == [
        (track["id"], len(content), "audio/wav", True)
    ]
    assert (await ada.deps.user_data.find_object("usr_ada", track["id"])).checksum == found[0].checksum
    with pytest.raises(ObjectNotFoundError):
        await eve.deps.user_data.find_object("usr_eve", track["id"])


async def test_an_export_holds_playlists_with_their_updates_and_memberships(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = data(await ada.ask("POST", "/playlists", json={"name": "Evening"}), 201)
    playlist = data(await ada.ask("PATCH", f"/playlists/{playlist['id']}", json={"name": "Night"}))
    hers = data(await eve.ask("POST", "/playlists", json={"name": "Private"}), 201)
    data(await eve.ask("PUT", f"/playlists/{hers['id']}/collaborators/usr_ada", json={"role": "viewer"}))
    updates = await ada.get(f"/playlists/{playlist['id']}/updates", sort_order="asc")

    assert [item async for item in ada.deps.user_data.export("usr_ada")] == [
        ExportedDocument(collection="playlists", fields={name: playlist[name] for name in playlist.keys() - {"duration"}}),
        *(ExportedDocument(collection="playlist_updates", fields=update) for update in updates),
        ExportedDocument(collection="playlist_memberships", fields={"id": hers["id"], "name": "Private", "role": "viewer"}),
    ]


async def test_an_export_holds_the_group_sessions_with_the_own_name_alone(ada: ListeningClient, eve: ListeningClient) -> None:
    playlist = data(await eve.ask("POST", "/playlists", json={"name": "Evening"}), 201)
    body = {"name": "Friday", "playlist_id": playlist["id"], "display_name": "Eve"}
    session = data(await eve.ask("POST", "/group-sessions", json=body), 201)
    joined = data(await ada.ask("POST", "/group-sessions/join", json={"code": session["code"], "display_name": "Ada"}))
    (exported,) = [item async for item in ada.deps.user_data.export("usr_ada")]

    assert isinstance(exported, ExportedDocument)
    assert exported.collection == "group_sessions"
    assert (exported.fields["id"], exported.fields["role"], exported.fields["display_name"]) == (joined["id"], "member", "Ada")
    assert "usr_eve" not in str(exported.fields)
