"""Tests of guests and their upgrade to users."""

import asyncio

from echo_common.contracts.system_settings import GUESTS
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_sessions import heard, registered
from tests.support.eventually import eventually
from tests.support.visitor import PASSWORD, Visitor

ACCOUNT = {"email": "grace@example.com", "password": PASSWORD, "username": "grace"}


async def guest(auth: Auth) -> Visitor:
    visitor = auth.visitor()
    reply = await visitor.call("POST", "/auth/guest")
    assert (reply.status, reply.headers["Cache-Control"]) == (201, "no-store")
    visitor.access_token, visitor.refresh_token = reply.data["access_token"], reply.data["refresh_token"]
    return visitor


async def test_a_guest_has_an_account_without_an_address(auth: Auth) -> None:
    visitor = await guest(auth)
    me = (await visitor.me()).data
    assert (me["plan"], me["role"], me["email"], me["username"]) == ("guest", "user", None, None)
    assert (await visitor.refresh()).status == 200


async def test_guests_are_refused_where_they_are_disabled(auth: Auth) -> None:
    admin = auth.visitor()
    await admin.log_in("admin@example.com", "admin password")
    await admin.call("PUT", "/admin/config", {"values": {GUESTS.key: False}})
    refused = await auth.visitor().call("POST", "/auth/guest")
    assert (refused.status, refused.code) == (403, "GUESTS_DISABLED")


async def test_guests_of_an_address_are_throttled(auth: Auth) -> None:
    replies = await asyncio.gather(*(auth.visitor().call("POST", "/auth/guest") for _ in range(15)))
    assert sorted(reply.status for reply in replies) == [201] * 10 + [429] * 5
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.code == "TOO_MANY_ATTEMPTS"
    assert int(refused.headers["Retry-After"]) > 0
    assert (await auth.visitor(address="198.51.100.9").call("POST", "/auth/guest")).status == 201


async def test_an_upgraded_guest_keeps_the_id_and_logs_in(auth: Auth) -> None:
    visitor = await guest(auth)
    user_id = (await visitor.me()).data["id"]

    reply = await visitor.call("POST", "/auth/guest/upgrade", {**ACCOUNT, "first_name": "Grace"})

    user = reply.data["user"]
    assert (reply.status, user["id"], user["plan"], user["first_name"]) == (200, user_id, "user", "Grace")
    upgraded = auth.visitor(access_token=reply.data["access_token"])
    assert (await upgraded.me()).data == user
    for identifier in ("grace@example.com", "GRACE"):
        assert (await auth.visitor().log_in(identifier)).data["user"]["id"] == user_id
    assert "auth.guest_upgraded" in await heard(auth, "auth.guest_upgraded")


async def test_the_tokens_of_a_guest_end_with_the_upgrade(auth: Auth) -> None:
    visitor = await guest(auth)
    assert (await visitor.call("POST", "/auth/guest/upgrade", ACCOUNT)).status == 200
    assert (await visitor.refresh()).code == "INVALID_REFRESH_TOKEN"

    async def refused() -> bool:
        return (await visitor.me()).status == 401

    await eventually(refused)


async def test_an_upgrade_to_a_taken_address_changes_nothing(auth: Auth) -> None:
    await registered(auth, "grace@example.com")
    visitor = await guest(auth)
    before = (await visitor.me()).data
    refused = await visitor.call("POST", "/auth/guest/upgrade", {**ACCOUNT, "first_name": "Eve"})
    assert (refused.status, refused.code) == (409, "EMAIL_CONFLICT")
    assert [detail["field"] for detail in refused.body["error"]["details"]] == ["email"]
    assert (await visitor.me()).data == before
    assert (await visitor.refresh()).status == 200


async def test_concurrent_upgrades_to_an_address_leave_one_user(auth: Auth) -> None:
    visitors = [await guest(auth) for _ in range(4)]
    replies = await asyncio.gather(*(visitor.call("POST", "/auth/guest/upgrade", ACCOUNT) for visitor in visitors))
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]


async def test_only_guests_are_upgraded(auth: Auth) -> None:
    ada = await registered(auth)
    refused = await ada.call("POST", "/auth/guest/upgrade", ACCOUNT)
    assert (refused.status, refused.code) == (409, "NOT_GUEST_CONFLICT")


async def test_a_guest_needs_a_strong_password(auth: Auth) -> None:
    visitor = await guest(auth)
    refused = await visitor.call("POST", "/auth/guest/upgrade", ACCOUNT | {"password": "password1"})
    assert (refused.status, refused.code) == (422, "WEAK_PASSWORD")
