"""Tests of the confirmation and the change of email addresses."""

from tests.integration.auth.conftest import Auth
from tests.support.mail_server import MailServer, token_in
from tests.support.visitor import PASSWORD, Reply, Visitor


async def register(auth: Auth, email: str = "ada@example.com", **more: object) -> Reply:
    return await auth.visitor().call("POST", "/auth/register", {"email": email, "password": PASSWORD, **more})


async def confirm(auth: Auth, token: str) -> Reply:
    return await auth.visitor().call("POST", "/auth/email/confirm", {"token": token})


async def test_a_registration_is_completed_by_its_link(confirming: Auth, mails: MailServer):
    reply = await register(confirming, username="ada", first_name="Ada", date_of_birth="1990-12-10")
    assert (reply.status, reply.data) == (202, None)
    mail = await mails.received("ada@example.com")

    assert (await confirming.visitor().log_in("ada", "wrong password")).code == "INVALID_CREDENTIALS"
    early = await confirming.visitor().log_in("ada@example.com")
    assert (early.status, early.code) == (403, "EMAIL_NOT_CONFIRMED")
    assert (await confirm(confirming, token_in(mail))).status == 200

    ada = confirming.visitor()
    assert (await ada.log_in("ada@example.com")).status == 200
    me = (await ada.me()).data
    assert (me["username"], me["first_name"], me["date_of_birth"]) == ("ada", "Ada", "1990-12-10")
    assert (await confirm(confirming, token_in(mail))).code == "INVALID_LINK"
    stored = [document async for document in confirming.store.collection("mails").find({})]
    assert "argon2" not in str(stored)


async def test_a_taken_address_gets_the_same_response_and_a_note(confirming: Auth, mails: MailServer):
    first = await register(confirming)
    assert (await confirm(confirming, token_in(await mails.received("ada@example.com")))).status == 200

    again = await register(confirming)

    assert (first.status, first.body | {"timestamp": ""}) == (again.status, again.body | {"timestamp": ""})
    note = await mails.received("ada@example.com", 2)
    assert note["Subject"] == "You already have an Echo account"
    assert "token" not in note.get_content()


async def test_another_registration_before_the_confirmation_sends_another_link(confirming: Auth, mails: MailServer):
    await register(confirming)
    await mails.received("ada@example.com")
    await register(confirming)

    assert (await confirm(confirming, token_in(await mails.received("ada@example.com", 2)))).status == 200
    assert (await confirming.visitor().log_in("ada@example.com")).status == 200


async def test_the_password_of_the_user_who_opens_the_link_counts(confirming: Auth, mails: MailServer):
    thief = {"email": "ada@example.com", "password": "staple gun paradise", "username": "thief", "first_name": "Eve"}
    await confirming.visitor().call("POST", "/auth/register", thief)
    await mails.received("ada@example.com")
    await register(confirming, username="ada", first_name="Ada")

    assert (await confirm(confirming, token_in(await mails.received("ada@example.com", 2)))).status == 200

    assert (await confirming.visitor().log_in("ada@example.com", thief["password"])).code == "INVALID_CREDENTIALS"
    user = (await confirming.visitor().log_in("ada")).data["user"]
    assert (user["email"], user["first_name"]) == ("ada@example.com", "Ada")
    first = token_in(await mails.received("ada@example.com"))
    assert (await confirm(confirming, first)).code == "INVALID_LINK"
    stored = [document async for document in confirming.store.collection("mails").find({})]
    assert "argon2" not in str(stored)


async def test_a_taken_username_is_still_a_conflict(confirming: Auth, mails: MailServer):
    await register(confirming, username="ada")
    await mails.received("ada@example.com")

    assert (await register(confirming, "other@example.com", username="Ada")).code == "USERNAME_CONFLICT"


async def test_a_reset_password_confirms_the_address(confirming: Auth, mails: MailServer):
    await register(confirming)
    await mails.received("ada@example.com")
    await confirming.visitor().call("POST", "/auth/password/forgot", {"email": "ada@example.com"})
    token = token_in(await mails.received("ada@example.com", 2))

    body = {"token": token, "new_password": "staple gun paradise"}
    assert (await confirming.visitor().call("POST", "/auth/password/reset", body)).status == 200
    assert (await confirming.visitor().log_in("ada@example.com", "staple gun paradise")).status == 200


async def test_conflicts_are_throttled_by_address(auth: Auth):
    await register(auth)

    replies = [await register(auth) for _ in range(11)]

    assert [reply.status for reply in replies] == [409] * 10 + [429]
    assert (await register(auth, "free@example.com")).status == 429
    assert (await auth.visitor(address="198.51.100.1").register("free@example.com")).status == 201


async def change(visitor: Visitor, email: str = "new@example.com", password: str | None = PASSWORD) -> Reply:
    return await visitor.call("PATCH", "/users/me", {"email": email, "current_password": password})


async def registered(auth: Auth) -> Visitor:
    ada = auth.visitor()
    await ada.register("ada@example.com")
    return ada


async def test_a_new_address_is_confirmed_and_the_old_one_informed(mailing: Auth, mails: MailServer):
    ada = await registered(mailing)

    reply = await change(ada)
    assert reply.data["email"] == "ada@example.com"
    token = token_in(await mails.received("new@example.com"))
    assert (await mailing.visitor().log_in("new@example.com")).code == "INVALID_CREDENTIALS"
    assert (await confirm(mailing, token)).status == 200

    assert (await ada.me()).data["email"] == "new@example.com"
    assert (await mailing.visitor().log_in("new@example.com")).status == 200
    notice = await mails.received("ada@example.com")
    assert notice["Subject"] == "The email address of your Echo account was changed"
    assert (await confirm(mailing, token)).code == "INVALID_LINK"


async def test_a_change_of_address_needs_the_password(mailing: Auth, mails: MailServer):
    ada = await registered(mailing)

    assert (await change(ada, password=None)).code == "VALIDATION_ERROR"
    assert (await change(ada, password="not the password")).code == "WRONG_PASSWORD"

    assert [mail async for mail in mailing.deps.mails.find({})] == []


async def test_a_taken_new_address_is_not_disclosed(mailing: Auth, mails: MailServer):
    await mailing.visitor().register("new@example.com")
    ada = await registered(mailing)

    reply = await change(ada)

    assert reply.status == 200
    assert (await mails.received("new@example.com"))["Subject"] == "You already have an Echo account"


async def test_an_address_that_is_taken_before_the_confirmation_is_a_conflict(mailing: Auth, mails: MailServer):
    ada = await registered(mailing)
    await change(ada)
    token = token_in(await mails.received("new@example.com"))
    await mailing.visitor().register("new@example.com")

    assert (await confirm(mailing, token)).code == "EMAIL_CONFLICT"
    assert (await ada.me()).data["email"] == "ada@example.com"


async def test_a_changed_password_ends_a_requested_change_of_address(mailing: Auth, mails: MailServer):
    thief = await registered(mailing)
    await change(thief)
    token = token_in(await mails.received("new@example.com"))
    body = {"current_password": PASSWORD, "new_password": "staple gun paradise"}
    assert (await thief.call("POST", "/auth/password/change", body)).status == 200

    assert (await confirm(mailing, token)).code == "INVALID_LINK"


async def test_usernames_are_changed(auth: Auth):
    await auth.visitor().register("grace@example.com", username="Grace")
    ada = await registered(auth)

    assert (await ada.call("PATCH", "/users/me", {"username": "countess"})).data["username"] == "countess"
    taken = await ada.call("PATCH", "/users/me", {"username": "grace"})

    assert (taken.status, taken.code) == (409, "USERNAME_CONFLICT")
    assert (await auth.visitor().log_in("Countess")).status == 200
