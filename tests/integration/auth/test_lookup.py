"""Finding users to share with: only users who allow it, without their addresses."""

import asyncio
from typing import Any

import pytest

from echo_common.contracts.http.auth import RECIPIENT_PATH
from echo_common.http.client import RemoteError
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_sessions import registered
from tests.support.visitor import Visitor

EVE = "eve@example.com"


async def discoverable(auth: Auth, **more: Any) -> Visitor:
    eve = auth.visitor()
    await eve.register(EVE, **more)
    assert (await eve.call("PATCH", "/users/me", {"discoverable": True})).data["discoverable"]
    return eve


async def id_of(visitor: Visitor) -> str:
    return str((await visitor.me()).data["id"])


async def test_users_are_found_by_address_and_username_once_they_allow_it(auth: Auth) -> None:
    ada, eve = await registered(auth), await discoverable(auth, username="Eve", first_name="Eve", last_name="Adams")

    for query in ("email=Eve%40Example.com", "username=eve"):
        reply = await ada.call("GET", f"/users/lookup?{query}")
        assert (reply.status, reply.data) == (200, {"id": await id_of(eve), "name": "Eve Adams"})


async def test_unknown_users_and_users_who_do_not_allow_it_get_the_same_response(auth: Auth) -> None:
    ada = await registered(auth)
    assert not (await (await registered(auth, EVE)).me()).data["discoverable"]

    hidden = await ada.call("GET", f"/users/lookup?email={EVE}")
    unknown = await ada.call("GET", "/users/lookup?email=nobody@example.com")

    assert (hidden.status, hidden.body["error"]) == (unknown.status, unknown.body["error"])
    assert (hidden.status, hidden.code) == (404, "USER_NOT_FOUND")


async def test_users_are_not_found_any_more_once_they_forbid_it(auth: Auth) -> None:
    ada, eve = await registered(auth), await discoverable(auth)
    await eve.call("PATCH", "/users/me", {"discoverable": False})
    assert (await ada.call("GET", f"/users/lookup?email={EVE}")).code == "USER_NOT_FOUND"


@pytest.mark.parametrize("query", ["", "?email=eve@example.com&username=eve"])
async def test_a_lookup_names_either_an_address_or_a_username(auth: Auth, query: str) -> None:
    ada = await registered(auth)
    assert (await ada.call("GET", f"/users/lookup{query}")).code == "VALIDATION_ERROR"


async def test_unsuccessful_lookups_are_limited_for_each_user(auth: Auth) -> None:
    ada, eve = await registered(auth), await discoverable(auth)
    for n in range(10):
        assert (await ada.call("GET", f"/users/lookup?email=guess{n}@example.com")).status == 404

    refused = await ada.call("GET", f"/users/lookup?email={EVE}")

    assert (refused.status, refused.code) == (429, "TOO_MANY_ATTEMPTS")
    assert int(refused.headers["Retry-After"]) > 0
    assert (await eve.call("GET", f"/users/lookup?email={EVE}")).status == 200


async def test_concurrent_lookups_do_not_exceed_the_limit(auth: Auth) -> None:
    ada = await registered(auth)

    replies = await asyncio.gather(*(ada.call("GET", f"/users/lookup?email=guess{n}@example.com") for n in range(60)))

    assert sorted(reply.status for reply in replies) == [404] * 10 + [429] * 50


async def test_successful_lookups_are_not_limited(auth: Auth) -> None:
    ada, _ = await registered(auth), await discoverable(auth)
    for _ in range(11):
        assert (await ada.call("GET", f"/users/lookup?email={EVE}")).status == 200


async def test_recipients_are_any_user_by_id_and_discoverable_users_by_address(auth: Auth) -> None:
    eve = await registered(auth, EVE)
    eve_id = await id_of(eve)

    assert await recipient(auth, user_id=eve_id) == eve_id
    for request in ({"email": EVE}, {"user_id": "usr_unknown"}, {}):
        with pytest.raises(RemoteError) as refused:
            await recipient(auth, **request)
        assert refused.value.code == "USER_NOT_FOUND"
    await eve.call("PATCH", "/users/me", {"discoverable": True})
    assert await recipient(auth, email=EVE) == eve_id


async def recipient(auth: Auth, **request: str) -> str:
    found = await auth.client.request("POST", RECIPIENT_PATH, json={"shared_by": "usr_ada", **request})
    return str(found["user_id"])
