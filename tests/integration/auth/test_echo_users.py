"""Tests of the user document of the Echo API, for users and guests, without data of other users."""

import pytest

from echo_common.contracts.errors.auth import GuestsDisabledError
from echo_common.contracts.http.auth import LOCAL_SESSION_PATH, LOCAL_USER_ID
from echo_common.contracts.system_settings import GUESTS
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.support.visitor import Reply, Visitor

ADA = "ada@example.com"


async def ask(visitor: Visitor, name: str = "Ada", email: object = ADA) -> Reply:
    return await visitor.call("POST", f"/users/{name}", {"email": email})


async def test_a_token_returns_the_users_own_document(auth: Auth) -> None:
    ada = await registered(auth)
    me = (await ada.me()).data

    reply = await ask(ada, "Ada%20L.", "Ada@Example.com")

    assert reply.status == 200
    assert reply.body == {"_id": me["id"], "name": "Ada L.", "email": ADA, "created_at": me["created_at"]}
    assert reply.headers["Cache-Control"] == "no-store"


async def test_existing_names_are_kept(auth: Auth) -> None:
    ada = auth.visitor()
    await ada.register(ADA, first_name="Ada", last_name="Lovelace")
    assert (await ask(ada, "Somebody")).body["name"] == "Ada Lovelace"


async def test_other_addresses_get_the_same_refusal_with_or_without_an_account(auth: Auth) -> None:
    await registered(auth)
    eve = await registered(auth, "eve@example.com")

    taken, free = await ask(eve, "Ada"), await ask(eve, "Ada", "nobody@example.com")

    assert (taken.status, taken.body) == (free.status, free.body) == (403, {"error": "The email is not that of the token."})


async def test_requests_without_a_token_are_refused_unless_guests_are_enabled(auth: Auth) -> None:
    reply = await ask(auth.visitor())
    assert (reply.status, set(reply.body)) == (401, {"error"})
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_guests_are_new_users_for_any_address(start: Start) -> None:
    async with start(SETTINGS.model_copy(update={"anonymous_users": True})) as auth:
        ada = await registered(auth)

        reply = await ask(auth.visitor(), "Ada")

        assert reply.status == 200
        assert (reply.body["name"], reply.body["email"]) == ("Ada", ADA)
        assert reply.body["_id"] != (await ada.me()).data["id"]
        guest = auth.visitor(access_token=reply.body["access_token"], refresh_token=reply.body["refresh_token"])
        me = (await guest.me()).data
        assert (me["id"], me["plan"], me["email"], me["first_name"]) == (reply.body["_id"], "guest", None, "Ada")
        assert (await guest.refresh()).status == 200
        assert (await ask(auth.visitor(), "Ada")).body["_id"] != reply.body["_id"]
        assert (await auth.visitor().log_in(ADA, "")).status == 422


async def test_guests_have_the_limit_and_the_setting_of_other_guests(start: Start) -> None:
    async with start(SETTINGS.model_copy(update={"anonymous_users": True})) as auth:
        replies = [await ask(auth.visitor()) for _ in range(11)]
        assert [reply.status for reply in replies] == [200] * 10 + [429]
        assert int(replies[-1].headers["Retry-After"]) > 0
        assert (await auth.visitor().call("POST", "/auth/guest")).code == "TOO_MANY_ATTEMPTS"
        elsewhere = auth.visitor(address="198.51.100.9")
        assert (await ask(elsewhere)).status == 200

        admin = await administrator(auth)
        await admin.call("PUT", "/admin/config", {"values": {GUESTS.key: False}})
        refused = await ask(elsewhere)
        assert (refused.status, refused.body) == (403, {"error": GuestsDisabledError.default_message()})
        assert await auth.deps.users.count({"plan": "guest"}) == 11


async def test_the_local_user_derives_names_when_the_echo_api_needs_no_token(
    start: Start, auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await auth.visitor().call("POST", LOCAL_SESSION_PATH)).status == 404
    monkeypatch.setenv("ECHO_API_WITHOUT_TOKEN", "true")
    async with start(SETTINGS) as one, start(SETTINGS) as other:
        sessions = [await replica.visitor().call("POST", LOCAL_SESSION_PATH) for replica in (one, other)]
        tokens = [session.data["access_token"] for session in sessions]
        assert all(session.headers["Cache-Control"] == "no-store" for session in sessions)

        documents = [(await ask(one.visitor(access_token=token), "Ada")).body for token in tokens]
        bob = (await ask(one.visitor(access_token=tokens[0]), "Bob", "bob@example.com")).body

        assert documents[0] == documents[1]
        assert (documents[0]["name"], documents[0]["email"]) == ("Ada", ADA)
        assert bob["_id"] != documents[0]["_id"]
        me = (await one.visitor(access_token=tokens[0]).me()).data
        assert (me["id"], me["email"], me["role"]) == (LOCAL_USER_ID, None, "user")
        assert one.facts().count("auth.user_registered") <= 2  # the administrator's is the other one


async def test_invalid_addresses_and_names_are_refused_with_a_sentence(auth: Auth) -> None:
    ada = await registered(auth)
    for reply in (await ask(ada, email="ada"), await ask(ada, email=None), await ask(ada, "%0a")):
        assert (reply.status, set(reply.body)) == (422, {"error"})
