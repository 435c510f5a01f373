"""Echos: create, list, change, restore and delete, with the voices that their owner may use."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from echo_common.contracts.events.voice import EchoDeleted
from echo_voice.domain.echos import Echo, EchoRevision
from echo_voice.handlers import remove_traces_of_echo
from echo_voice.repository import EchoRevisions
from tests.integration.voice.conftest import Start, VoiceClient
from tests.support.database import Database
from tests.support.person import data
from tests.support.upstream import Exchange, Upstream

GRANDMOTHER: dict[str, Any] = {
    "name": "Grandmother",
    "persona_prompt": "You are kind and tell stories.",
    "language": "en",
    "greeting": "Hello, my dear!",
    "speed": 0.9,
    "pitch": 1.1,
    "volume": 1.5,
    "pronunciations": [{"term": "Hugh", "respelling": "hue"}],
}
BUILT_IN = {
    "af_heart": {"id": "af_heart", "name": "Heart", "language": "en-US", "gender": "female", "engine": "kokoro"},
    "gemini_kore": {
        "id": "gemini_kore",
        "name": "Kore",
        "language": "en-US",
        "gender": "female",
        "engine": "gemini",
        "styles": True,
    },
}


def refused(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return the error of a refusal with this status."""
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    return error


async def create(client: VoiceClient, **fields: Any) -> dict[str, Any]:
    echo: dict[str, Any] = data(await client.ask("POST", "/echos", json={"name": "Echo", **fields}), 201)
    return echo


async def patch(client: VoiceClient, echo_id: str, *, status: int = 200, **fields: Any) -> Any:
    response = await client.ask("PATCH", f"/echos/{echo_id}", json=fields)
    return data(response) if status == 200 else refused(response, status)


async def clone(client: VoiceClient, speech: bytes) -> str:
    clone_id: str = (await client.clone((await client.sample(speech))["id"]))["clone_id"]
    assert (await client.trained(clone_id))["status"] == "ready"
    return clone_id


async def test_an_echo_is_stored_with_all_fields(ada: VoiceClient) -> None:
    response = await ada.ask("POST", "/echos", json=GRANDMOTHER)
    echo = data(response, 201)
    entry = {"term": "Hugh", "respelling": "hue", "ipa": None, "case_sensitive": False}
    expected = {**GRANDMOTHER, "voice_id": None, "style": None, "pronunciations": [entry], "revision": 1, "user_id": "usr_ada"}
    assert {name: echo[name] for name in expected} == expected
    assert response.headers["ETag"] == '"1"'
    found = await ada.ask("GET", f"/echos/{echo['id']}")
    assert (data(found), found.headers["ETag"]) == (echo, '"1"')


async def test_a_change_needs_the_revision_that_it_names(ada: VoiceClient) -> None:
    echo = await create(ada)
    path = f"/echos/{echo['id']}"

    async def change(if_match: str, name: str) -> Any:
        headers = ada.headers | {"If-Match": if_match}
        return await ada.http.patch(path, headers=headers, json={"name": name})

    first = await change('"1"', "First")
    assert (data(first)["revision"], first.headers["ETag"]) == (2, '"2"')
    for outdated in ('"1"', "1", '"x"'):
        error = refused(await change(outdated, "Second"), 412)
        assert (error["code"], error["details"]) == ("ECHO_CHANGED", {"revision": 2})
    assert data(await change('"1", "2"', "Second"))["revision"] == 3
    assert data(await change("*", "Third"))["name"] == "Third"


async def test_concurrent_changes_of_different_fields_are_all_applied(ada: VoiceClient) -> None:
    echo = await create(ada)
    fields: list[dict[str, Any]] = [{"name": "Grandmother"}, {"speed": 0.8}, {"greeting": "Hello!"}, {"language": "de"}]

    await asyncio.gather(*(patch(ada, echo["id"], **each) for each in fields))

    changed = await ada.get(f"/echos/{echo['id']}")
    assert [changed["revision"], *(changed[name] for each in fields for name in each)] == [
        5,
        "Grandmother",
        0.8,
        "Hello!",
        "de",
    ]
    revisions = await ada.get(f"/echos/{echo['id']}/revisions")
    assert [revision["revision"] for revision in revisions] == [4, 3, 2, 1]


async def test_the_same_values_make_no_revision(ada: VoiceClient) -> None:
    echo = await create(ada, **GRANDMOTHER)
    assert await patch(ada, echo["id"], **GRANDMOTHER) == echo
    assert await patch(ada, echo["id"]) == echo
    assert await ada.get(f"/echos/{echo['id']}/revisions") == []


async def test_earlier_revisions_are_listed_and_restored(ada: VoiceClient) -> None:
    echo = await create(ada, **GRANDMOTHER)
    await patch(ada, echo["id"], name="Oma", speed=None, pronunciations=None)
    await patch(ada, echo["id"], greeting=None)
    path = f"/echos/{echo['id']}/revisions"

    revisions = await ada.get(path)

    assert [(each["revision"], each["name"], each["speed"], each["greeting"]) for each in revisions] == [
        (2, "Oma", 1.0, "Hello, my dear!"),
        (1, "Grandmother", 0.9, "Hello, my dear!"),
    ]
    second = await ada.ask("GET", path, params={"page": 2, "limit": 1})
    assert [each["revision"] for each in data(second)] == [1]
    assert second.json()["meta"]["pagination"]["total_count"] == 2
    restored = data(await ada.ask("POST", f"{path}/1/restore"))
    unchanging = GRANDMOTHER.keys() - {"pronunciations"}
    assert restored["revision"] == 4
    assert {name: restored[name] for name in unchanging} == {name: GRANDMOTHER[name] for name in unchanging}
    assert restored["pronunciations"] == echo["pronunciations"]
    for missing in (4, 5):
        assert refused(await ada.ask("POST", f"{path}/{missing}/restore"), 404)["code"] == "ECHO_REVISION_NOT_FOUND"


async def test_the_oldest_revisions_are_removed(ada: VoiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echo_voice.repository.KEPT_REVISIONS", 2)
    echo = await create(ada)
    for number in range(4):
        await patch(ada, echo["id"], name=f"Name {number}")
    assert [each["revision"] for each in await ada.get(f"/echos/{echo['id']}/revisions")] == [4, 3]


async def test_echos_are_listed_sorted_and_searched(ada: VoiceClient) -> None:
    for name in ("Ödipus", "anna", "Berta"):
        await create(ada, name=name)

    async def names(**query: Any) -> list[str]:
        return [echo["name"] for echo in data(await ada.ask("GET", "/echos", params=query))]

    assert await names() == ["Berta", "anna", "Ödipus"]
    assert await names(sort_by="name", sort_order="asc") == ["anna", "Berta", "Ödipus"]
    assert await names(page=2, limit=2) == ["Ödipus"]
    assert await names(search="ÖDI") == ["Ödipus"]
    assert await names(search="a.n") == []


async def test_other_users_find_nothing_of_an_echo(ada: VoiceClient, eve: VoiceClient) -> None:
    echo = await create(ada)
    await patch(ada, echo["id"], name="Renamed")
    path = f"/echos/{echo['id']}"
    answers = [
        await eve.ask("GET", path),
        await eve.ask("PATCH", path, json={"name": "Stolen"}),
        await eve.ask("DELETE", path),
        await eve.ask("GET", f"{path}/revisions"),
        await eve.ask("POST", f"{path}/revisions/1/restore"),
        await eve.ask("GET", f"/echo/{echo['id']}"),
        await eve.ask("DELETE", f"/echo/{echo['id']}"),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert await eve.get("/echos") == []
    assert (await ada.get(path))["name"] == "Renamed"


async def test_the_number_of_echos_of_a_user_is_limited(start: Start) -> None:
    async with start(echos_per_user=2) as ada:
        eve = ada.acting_as("usr_eve")
        first = await create(ada)
        assert (await ada.ask("POST", "/echo", json={"name": "Second"})).is_success
        full = await ada.ask("POST", "/echos", json={"name": "Third"})
        assert refused(full, 409)["code"] == "ECHO_LIMIT_CONFLICT"
        assert (await ada.ask("POST", "/echo", json={"name": "Third"})).status_code == 409
        await create(eve)
        data(await ada.ask("DELETE", f"/echos/{first['id']}"))
        await create(ada)


async def test_concurrent_creations_do_not_exceed_the_limit(start: Start) -> None:
    async with start(echos_per_user=2) as ada:
        answers = await asyncio.gather(*(ada.ask("POST", "/echos", json={"name": "Grace"}) for _ in range(10)))
        stored = await ada.get("/echos")
        assert len(stored) <= 2
        created = {answer.json()["data"]["id"] for answer in answers if answer.is_success}
        assert {echo["id"] for echo in stored} == created
        assert {answer.status_code for answer in answers} <= {201, 409}


async def test_a_deleted_echo_leaves_nothing(ada: VoiceClient, speech: bytes, database: Database) -> None:
    clone_id = await clone(ada, speech)
    echo_id = (await ada.ask("POST", "/echo", json={"name": "Echo", "voice_model_id": clone_id})).json()["_id"]
    await patch(ada, echo_id, name="Renamed")

    data(await ada.ask("DELETE", f"/echos/{echo_id}"))

    assert (await ada.ask("GET", f"/echos/{echo_id}")).status_code == 404
    assert (await ada.ask("PATCH", f"/echos/{echo_id}", json={"name": "Again"})).status_code == 404
    assert await ada.deps.echo_revisions.count({"user_id": "usr_ada"}) == 0
    record = (await ada.ask("GET", f"/voice-models/{clone_id}")).json()["voice_model"]
    assert record["echo_id"] is None


async def test_traces_of_a_deleted_echo_are_removed_after_a_crash(ada: VoiceClient) -> None:
    echo = Echo.create("usr_ada", (await ada.deps.echos.get((await create(ada))["id"])).persona)
    await ada.deps.echo_revisions.keep(EchoRevision.of(echo))
    await remove_traces_of_echo(EchoDeleted(echo_id=echo.id, user_id="usr_ada"), ada.deps)
    assert await ada.deps.echo_revisions.count({"echo_id": echo.id}) == 0


async def test_a_change_that_a_crash_interrupted_is_not_listed(ada: VoiceClient) -> None:
    echo = await create(ada, greeting="Hello!")
    await ada.deps.echo_revisions.keep(EchoRevision.of(await ada.deps.echos.get(echo["id"])))
    assert await ada.get(f"/echos/{echo['id']}/revisions") == []
    await patch(ada, echo["id"], name="Renamed")
    [revision] = await ada.get(f"/echos/{echo['id']}/revisions")
    assert (revision["revision"], revision["name"]) == (1, "Echo")


async def test_a_change_during_the_deletion_leaves_no_revision(ada: VoiceClient, monkeypatch: pytest.MonkeyPatch) -> None:
    echo = await create(ada)
    keep = EchoRevisions.keep

    async def keep_after_the_deletion(revisions: EchoRevisions, revision: EchoRevision) -> None:
        data(await ada.ask("DELETE", f"/echos/{echo['id']}"))
        await keep(revisions, revision)

    monkeypatch.setattr(EchoRevisions, "keep", keep_after_the_deletion)
    assert (await patch(ada, echo["id"], status=404, name="Renamed"))["code"] == "ECHO_NOT_FOUND"
    assert await ada.deps.echo_revisions.count({"echo_id": echo["id"]}) == 0


async def test_own_and_shared_clones_are_voices_of_echos(ada: VoiceClient, eve: VoiceClient, speech: bytes) -> None:
    clone_id = await clone(eve, speech)
    assert (await create(eve, voice_id=clone_id))["voice_id"] == clone_id
    foreign = await ada.ask("POST", "/echos", json={"name": "Echo", "voice_id": clone_id})
    assert refused(foreign, 404)["code"] == "VOICE_NOT_FOUND"
    data(await eve.ask("POST", f"/voices/{clone_id}/shares", json={"user_id": "usr_ada"}))
    echo = await create(ada, voice_id=clone_id)

    data(await eve.ask("DELETE", f"/voices/{clone_id}/shares"))

    assert (await patch(ada, echo["id"], name="Renamed"))["voice_id"] == clone_id  # its voice does not change
    assert (await patch(ada, echo["id"], voice_id=None))["voice_id"] is None
    assert (await patch(ada, echo["id"], status=404, voice_id=clone_id))["code"] == "VOICE_NOT_FOUND"
    restored = await ada.ask("POST", f"/echos/{echo['id']}/revisions/1/restore")
    assert refused(restored, 404)["code"] == "VOICE_NOT_FOUND"


@pytest.mark.parametrize("voice_id", ["vm_" + "0" * 26, "vs_" + "0" * 26, "echo_" + "0" * 26])
async def test_other_ids_are_no_voices_of_echos(ada: VoiceClient, voice_id: str) -> None:
    response = await ada.ask("POST", "/echos", json={"name": "Echo", "voice_id": voice_id})
    assert refused(response, 404)["code"] == "VOICE_NOT_FOUND"
    assert await ada.get("/echos") == []


async def find_built_in(exchange: Exchange) -> None:
    await exchange.read()
    voice = BUILT_IN.get(exchange.asked.target.rpartition("/")[2])
    if exchange.asked.header("authorization") is None:
        await exchange.json({"code": "UNAUTHENTICATED", "message": "No token."}, 401)
    elif voice is None:
        await exchange.json({"code": "VOICE_NOT_FOUND", "message": "There is no voice."}, 404)
    else:
        await exchange.json(voice)


@pytest.fixture
async def with_synthesis(start: Start) -> AsyncIterator[VoiceClient]:
    """A service beside a synthesis service with two built-in voices."""
    async with Upstream(find_built_in).serving() as url, start(synthesis_url=url) as client:
        yield client


async def test_built_in_voices_are_looked_up_as_the_user(with_synthesis: VoiceClient) -> None:
    ada = with_synthesis
    assert (await create(ada, voice_id="af_heart"))["voice_id"] == "af_heart"
    unknown = await ada.ask("POST", "/echos", json={"name": "Echo", "voice_id": "af_nobody"})
    assert refused(unknown, 404)["code"] == "VOICE_NOT_FOUND"


async def test_a_style_needs_a_voice_whose_engine_supports_one(with_synthesis: VoiceClient) -> None:
    ada = with_synthesis
    echo = await create(ada, voice_id="gemini_kore", style="warm and slow")
    error = await patch(ada, echo["id"], status=422, voice_id="af_heart")
    assert error["details"][0]["field"] == "style"
    assert (await patch(ada, echo["id"], voice_id="af_heart", style=None))["style"] is None
    assert (await patch(ada, echo["id"], status=422, style="warm"))["code"] == "VALIDATION_ERROR"


async def test_an_echo_is_not_created_while_its_voice_cannot_be_looked_up(start: Start) -> None:
    async with start(synthesis_url="http://127.0.0.1:9") as ada:
        unknown = await ada.ask("POST", "/echos", json={"name": "Echo", "voice_id": "af_heart"})
        assert refused(unknown, 503)["code"] == "SERVICE_UNAVAILABLE"
        assert (await create(ada))["voice_id"] is None


async def test_echos_of_an_earlier_version_are_announced_at_the_start(start: Start, database: Database) -> None:
    legacy = {"_id": "echo_1", "user_id": "usr_ada", "name": "Old", "persona_prompt": "Kind.", "voice_model_id": "vm_1"}
    store = await database.open("voice")
    try:
        await store.collection("echos").insert({**legacy, "version": 1})
    finally:
        await store.close()
    for _ in range(2):
        async with start() as ada:
            assert (await ada.get("/echos/echo_1"))["revision"] == 1
            assert await ada.get("/echos/echo_1/revisions") == []
            document = (await ada.ask("GET", "/echo/echo_1")).json()
            assert (document["voice_model_id"], document["persona_prompt"]) == ("vm_1", "Kind.")
    async with start() as ada:
        assert (await patch(ada, "echo_1", voice_id=None))["voice_id"] is None
        assert (await ada.get("/echos/echo_1"))["voice_id"] is None


async def test_both_interfaces_list_and_delete_the_same_echos(ada: VoiceClient) -> None:
    first = (await ada.ask("POST", "/echo", json={"name": "First", "persona_prompt": "Kind."})).json()
    second = await create(ada, name="Second")
    listed = (await ada.ask("GET", "/echo")).json()
    assert ([echo["_id"] for echo in listed["echos"]], listed["count"]) == ([second["id"], first["_id"]], 2)
    assert (await ada.get(f"/echos/{first['_id']}"))["persona_prompt"] == "Kind."
    assert (await ada.ask("GET", f"/echo/{first['_id']}")).json() == first
    deleted = await ada.ask("DELETE", f"/echo/{second['id']}")
    assert (deleted.status_code, deleted.json()) == (200, {"success": True, "message": "Echo deleted"})
    assert [echo["id"] for echo in await ada.get("/echos")] == [first["_id"]]
