"""Tests of guests and their upgrade to users."""

import asyncio

from echo_common.contracts.system_settings import GUESTS
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_sessions import heard, registered
from tests.support.eventually import eventually
from tests.support.mail_server import MailServer, token_in
from tests.support.visitor import PASSWORD, Reply, Visitor

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


async def confirmed_guest(auth: Auth, mails: MailServer, visitor: Visitor, number: int = 1) -> Reply:
    """Open the link in the mail to the guest."""
    token = token_in(await mails.received("grace@example.com", number))
    return await visitor.call("POST", "/auth/email/confirm", {"token": token})


async def test_a_guest_stays_one_until_the_address_is_confirmed(confirming: Auth, mails: MailServer) -> None:
    visitor = await guest(confirming)
    user_id = (await visitor.me()).data["id"]

    reply = await visitor.call("POST", "/auth/guest/upgrade", {**ACCOUNT, "first_name": "Grace"})

    assert (reply.status, reply.data) == (202, None)
    await mails.received("grace@example.com")
    me = (await visitor.me()).data
    assert (me["plan"], me["email"], me["first_name"]) == ("guest", None, None)
    assert (await confirming.visitor().log_in("grace@example.com")).code == "INVALID_CREDENTIALS"
    assert (await confirmed_guest(confirming, mails, visitor)).status == 200
    user = (await confirming.visitor().log_in("grace")).data["user"]
    assert (user["id"], user["plan"], user["email"], user["first_name"]) == (user_id, "user", "grace@example.com", "Grace")
    assert (await visitor.refresh()).code == "INVALID_REFRESH_TOKEN"
    assert (await confirmed_guest(confirming, mails, visitor)).code == "INVALID_LINK"


async def test_an_upgrade_to_a_taken_address_is_not_disclosed(confirming: Auth, mails: MailServer) -> None:
    owner, visitor = await guest(confirming), await guest(confirming)
    free = await owner.call("POST", "/auth/guest/upgrade", ACCOUNT)
    assert (await confirmed_guest(confirming, mails, owner)).status == 200

    taken = await visitor.call("POST", "/auth/guest/upgrade", ACCOUNT | {"username": "other"})

    assert (free.status, free.body | {"timestamp": ""}) == (taken.status, taken.body | {"timestamp": ""})
    note = await mails.received("grace@example.com", 2)
    assert (note["Subject"], "token" in note.get_content()) == ("You already have an Echo account", False)
    assert (await visitor.me()).data["plan"] == "guest"


async def test_an_unconfirmed_account_does_not_keep_a_guest_from_the_address(confirming: Auth, mails: MailServer) -> None:
    body = {"email": "grace@example.com", "password": "staple gun paradise"}
    await confirming.visitor().call("POST", "/auth/register", body)
    await mails.received("grace@example.com")
    visitor = await guest(confirming)
    await visitor.call("POST", "/auth/guest/upgrade", ACCOUNT)

    assert (await confirmed_guest(confirming, mails, visitor, 2)).status == 200
    assert (await confirmed_guest(confirming, mails, visitor, 1)).code == "INVALID_LINK"
    assert (await confirming.visitor().log_in("grace@example.com")).status == 200
