"""Tests of forgotten passwords."""

from datetime import timedelta

from echo_auth.domain.mails import OutgoingMail
from echo_common.clock import now
from echo_common.contracts.http.api_keys import EXCHANGE_PATH
from tests.integration.auth.conftest import Auth
from tests.support.eventually import eventually
from tests.support.mail_server import MailServer, token_in
from tests.support.visitor import Reply

NEW = "staple gun paradise"


async def forgot(auth: Auth, email: str = "ada@example.com") -> Reply:
    return await auth.visitor().call("POST", "/auth/password/forgot", {"email": email})


async def reset(auth: Auth, token: str, password: str = NEW) -> Reply:
    return await auth.visitor().call("POST", "/auth/password/reset", {"token": token, "new_password": password})


async def reset_token(auth: Auth, mails: MailServer, number: int = 1) -> str:
    assert (await forgot(auth)).status == 202
    return token_in(await mails.received("ada@example.com", number))


async def test_a_reset_sets_the_password_and_ends_all_sessions(mailing: Auth, mails: MailServer):
    ada = mailing.visitor()
    await ada.register("ada@example.com")

    assert (await reset(mailing, await reset_token(mailing, mails))).status == 200

    async def locked_out() -> bool:
        return (await ada.me()).status == 401

    await eventually(locked_out)
    assert (await ada.refresh()).status == 401
    assert (await mailing.visitor().log_in("ada@example.com")).code == "INVALID_CREDENTIALS"
    assert (await mailing.visitor().log_in("ada@example.com", NEW)).status == 200


async def test_a_reset_link_is_valid_once_and_ends_the_others(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")
    first, second = await reset_token(mailing, mails), await reset_token(mailing, mails, 2)

    assert (await reset(mailing, second)).status == 200

    for spent in (first, second):
        assert (await reset(mailing, spent, "another paradise gun")).code == "INVALID_LINK"
    assert (await mailing.visitor().log_in("ada@example.com", NEW)).status == 200


async def test_expired_and_forged_links_change_nothing(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")
    token = await reset_token(mailing, mails)

    def expire(mail: OutgoingMail) -> None:
        mail.expires_at = now() - timedelta(seconds=1)

    await mailing.deps.mails.update(token.partition(".")[0], expire)

    for invalid in (token, token[:-1] + "x", token.replace("mail_", "mail_0"), "mail_1.", "ä", "nonsense"):
        reply = await reset(mailing, invalid)
        assert (reply.status, reply.code) == (400, "INVALID_LINK")
    assert (await mailing.visitor().log_in("ada@example.com")).status == 200


async def test_a_weak_password_leaves_the_link_valid(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")
    token = await reset_token(mailing, mails)

    assert (await reset(mailing, token, "password1")).code == "WEAK_PASSWORD"
    assert (await reset(mailing, token)).status == 200


async def test_unknown_addresses_get_the_same_response_after_the_same_work(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")

    known, unknown = await forgot(mailing), await forgot(mailing, "nobody@example.com")

    assert (known.status, known.body | {"timestamp": ""}) == (unknown.status, unknown.body | {"timestamp": ""})
    queued = sorted([mail.email async for mail in mailing.deps.mails.find({})])
    assert queued == ["ada@example.com", "nobody@example.com"]
    await mails.received("ada@example.com")
    assert len(mails.mails) == 1


async def test_requests_for_links_are_limited(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("ada@example.com")

    replies = [await forgot(mailing) for _ in range(11)]

    assert [reply.status for reply in replies] == [202] * 10 + [429]

    async def all_done() -> bool:
        return await mailing.deps.mails.count({"status": "pending"}) == 0

    await eventually(all_done)
    assert len(mails.mails) == 3


async def test_a_link_for_another_purpose_resets_no_password(mailing: Auth, mails: MailServer):
    ada = mailing.visitor()
    await ada.register("ada@example.com")
    body = {"email": "new@example.com", "current_password": "correct horse battery"}
    assert (await ada.call("PATCH", "/users/me", body)).status == 200

    assert (await reset(mailing, token_in(await mails.received("new@example.com")))).code == "INVALID_LINK"


async def test_a_reset_revokes_api_keys(mailing: Auth, mails: MailServer):
    ada = mailing.visitor()
    await ada.register("ada@example.com")
    key = (await ada.call("POST", "/auth/keys", {"name": "Build", "scopes": ["account"]})).data["key"]

    await forgot(mailing)
    assert (await reset(mailing, await reset_token(mailing, mails))).status == 200

    assert (await mailing.visitor().call("POST", EXCHANGE_PATH, {"credential": key})).code == "INVALID_API_KEY"
