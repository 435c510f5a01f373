"""The bytes of a track are read by its owner, and by users whom a rule of the service permits to hear it."""

from collections.abc import Collection

import pytest

from tests.integration.listening.conftest import ListeningClient
from tests.support.person import refusal

CONTENT = bytes(range(250)) * 4


@pytest.fixture
async def track_id(ada: ListeningClient) -> str:
    """Id of a track of Ada whose file is stored."""
    track = await ada.speech(size_bytes=len(CONTENT))
    stored = await ada.deps.tracks.get(track["id"])
    assert stored.object_key is not None
    await ada.deps.objects.put(stored.object_key, CONTENT, "audio/wav")
    return stored.id


async def test_the_owner_gets_all_bytes_a_range_and_the_headers(ada: ListeningClient, track_id: str) -> None:
    path = f"/tracks/{track_id}/audio"

    whole = await ada.ask("GET", path)
    assert (whole.status_code, whole.headers["Content-Type"], whole.content) == (200, "audio/wav", CONTENT)
    assert whole.headers["Cache-Control"] == "private, no-cache"
    part = await ada.ask("GET", path, headers=ada.headers | {"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    beyond = await ada.ask("GET", path, headers=ada.headers | {"Range": f"bytes={len(CONTENT)}-"})
    assert refusal(beyond) == (416, "RANGE_NOT_SATISFIABLE")
    unchanged = await ada.ask("GET", path, headers=ada.headers | {"If-None-Match": whole.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = await ada.ask("HEAD", path)
    assert (head.headers["Content-Length"], head.content) == (str(len(CONTENT)), b"")


async def test_bytes_of_other_users_tracks_are_not_found(ada: ListeningClient, eve: ListeningClient, track_id: str) -> None:
    assert refusal(await eve.ask("GET", f"/tracks/{track_id}/audio")) == (404, "TRACK_NOT_FOUND")
    assert refusal(await ada.ask("GET", "/tracks/track_none/audio")) == (404, "TRACK_NOT_FOUND")


async def test_a_track_whose_file_is_missing_has_no_audio(ada: ListeningClient) -> None:
    track = await ada.speech()

    assert refusal(await ada.ask("GET", f"/tracks/{track['id']}/audio")) == (409, "TRACK_WITHOUT_AUDIO")


async def test_a_user_whom_a_rule_permits_hears_the_track_and_does_not_change_it(
    ada: ListeningClient, track_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def permit_eve(track_ids: Collection[str], user_id: str) -> Collection[str]:
        return {track_id} & set(track_ids) if user_id == "usr_eve" else set()

    monkeypatch.setitem(ada.deps.__dict__, "may_hear", (permit_eve,))
    eve, mallory = ada.acting_as("usr_eve"), ada.acting_as("usr_mallory")
    path = f"/tracks/{track_id}"

    shared = await eve.get(path)
    assert shared["audio_url"] == f"/api/v1{path}/audio"
    assert (await eve.ask("GET", f"{path}/audio")).content == CONTENT
    assert refusal(await mallory.ask("GET", f"{path}/audio")) == (404, "TRACK_NOT_FOUND")
    assert refusal(await eve.ask("PATCH", path, json={"name": "Eve's"})) == (404, "TRACK_NOT_FOUND")
    assert await eve.get("/tracks") == []
