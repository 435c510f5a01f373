"""Tests of the requirements and the change of passwords."""

import pytest

from tests.integration.auth.conftest import Auth
from tests.support.eventually import eventually
from tests.support.visitor import PASSWORD, Reply, Visitor

NEW = "staple gun paradise"


async def registered(auth: Auth) -> Visitor:
    ada = auth.visitor()
    assert (await ada.register("ada@example.com", username="countess")).status == 201
    return ada


async def change(visitor: Visitor, current: str = PASSWORD, new: str = NEW) -> Reply:
    body = {"current_password": current, "new_password": new}
    return await visitor.call("POST", "/auth/password/change", body)


@pytest.mark.parametrize("password", ["password123", "ada@example.com", "countess99"])
async def test_weak_passwords_are_refused_at_registration(auth: Auth, password: str):
    body = {"email": "ada@example.com", "username": "countess", "password": password}

    reply = await auth.visitor().call("POST", "/auth/register", body)

    assert (reply.status, reply.code) == (422, "WEAK_PASSWORD")
    assert [detail["field"] for detail in reply.body["error"]["details"]] == ["password"]
    assert (await registered(auth)).access_token


async def test_a_changed_password_ends_the_other_sessions(auth: Auth):
    phone = await registered(auth)
    laptop = auth.visitor()
    await laptop.log_in("ada@example.com")
    before = laptop.access_token

    reply = await change(laptop)

    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "no-store"
    renewed = auth.visitor(access_token=reply.data["access_token"], refresh_token=reply.data["refresh_token"])

    async def only_the_new_tokens_are_valid() -> bool:
        visitors = (phone, auth.visitor(access_token=before), renewed)
        return [(await visitor.me()).status for visitor in visitors] == [401, 401, 200]

    await eventually(only_the_new_tokens_are_valid)
    assert (await phone.refresh()).code == "INVALID_REFRESH_TOKEN"
    assert (await laptop.refresh()).code == "INVALID_REFRESH_TOKEN"
    assert (await renewed.refresh()).status == 200
    assert [session["current"] for session in (await renewed.call("GET", "/auth/sessions")).data] == [True]
    assert (await auth.visitor().log_in("ada@example.com")).code == "INVALID_CREDENTIALS"
    assert (await auth.visitor().log_in("ada@example.com", NEW)).status == 200


async def test_a_wrong_current_password_changes_nothing(auth: Auth):
    ada = await registered(auth)

    refused = [await change(ada, current="not the password") for _ in range(11)]

    assert [(reply.status, reply.code) for reply in refused] == [(403, "WRONG_PASSWORD")] * 10 + [(429, "TOO_MANY_ATTEMPTS")]
    assert (await auth.visitor(address="198.51.100.9").log_in("ada@example.com")).status == 200
    assert (await ada.refresh()).status == 200


async def test_a_weak_new_password_changes_nothing(auth: Auth):
    ada = await registered(auth)

    assert (await change(ada, new="password1")).code == "WEAK_PASSWORD"

    assert (await ada.refresh()).status == 200
    assert (await auth.visitor().log_in("ada@example.com")).status == 200
