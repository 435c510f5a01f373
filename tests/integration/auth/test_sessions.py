"""Tests of sessions from registration to log-out."""

import asyncio
from datetime import timedelta

import pytest

from echo_common.clock import now
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.support.eventually import eventually
from tests.support.visitor import PASSWORD, Visitor


async def registered(auth: Auth, email: str = "ada@example.com") -> Visitor:
    visitor = auth.visitor()
    assert (await visitor.register(email)).status == 201
    return visitor


async def locked_out(visitor: Visitor) -> bool:
    return (await visitor.me()).status == 401


async def test_registration_logs_the_user_in(auth: Auth):
    ada = auth.visitor()

    reply = await ada.register(
        "Ada@Example.com",
        username="Ada",
        first_name="Ada",
        last_name="Lovelace",
        preferred_language="en-GB",
        date_of_birth="1990-12-10",
    )

    assert reply.status == 201
    assert reply.headers["Cache-Control"] == "no-store"
    assert (reply.data["token_type"], reply.data["expires_in"]) == ("Bearer", 900)
    me = (await ada.me()).data
    assert me == reply.data["user"]
    assert me | {"id": "", "created_at": "", "last_login": "", "last_active_date": ""} == {
        "id": "",
        "email": "ada@example.com",
        "username": "Ada",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "preferred_language": "en-GB",
        "date_of_birth": "1990-12-10",
        "plan": "user",
        "role": "user",
        "two_factor_enabled": False,
        "discoverable": False,
        "created_at": "",
        "last_login": "",
        "last_active_date": "",
    }
    assert "auth.user_registered" in await heard(auth, "auth.user_registered")


async def test_a_repeated_registration_names_the_field_and_the_login(auth: Auth):
    await registered(auth, "grace@example.com")

    reply = await auth.visitor().register("grace@example.com")

    error = reply.body["error"]
    assert (reply.status, error["code"]) == (409, "EMAIL_CONFLICT")
    assert [detail["field"] for detail in error["details"]] == ["email"]
    assert error["message"].startswith("email: ")
    assert "log in with POST /api/v1/auth/login" in error["message"]


async def heard(auth: Auth, topic: str) -> list[str]:
    await eventually(lambda: topic in auth.facts())
    return auth.facts()


async def test_responses_and_stored_documents_contain_no_password(auth: Auth):
    reply = await auth.visitor().register("ada@example.com")
    user = await auth.deps.users.get(reply.data["user"]["id"])

    assert PASSWORD not in str(reply.body)
    assert "password" not in str(reply.data["user"])
    assert (user.password_hash or "").startswith("$argon2id$")


@pytest.mark.parametrize("name", ["ada@example.com", "ADA@EXAMPLE.COM", "ada.l", "Ada.L", "  ada.l  "])
async def test_login_accepts_email_and_username_in_any_case(auth: Auth, name: str):
    await auth.visitor().register("ada@example.com", username="Ada.L")
    visitor = auth.visitor()

    reply = await visitor.log_in(name)

    assert reply.status == 200
    assert (await visitor.me()).data["email"] == "ada@example.com"


async def test_usernames_have_their_own_field(auth: Auth):
    await auth.visitor().register("ada@example.com", username="ada")

    reply = await auth.visitor().call("POST", "/auth/login", {"username": "ada", "password": PASSWORD})
    neither = await auth.visitor().call("POST", "/auth/login", {"password": PASSWORD})

    assert reply.status == 200
    assert (neither.status, neither.code) == (422, "VALIDATION_ERROR")


async def test_a_taken_email_or_username_is_a_conflict(auth: Auth):
    await auth.visitor().register("ada@example.com", username="ada")

    same_email = await auth.visitor().register("ADA@example.com")
    same_name = await auth.visitor().register("other@example.com", username="ADA")

    assert (same_email.status, same_email.code) == (409, "EMAIL_CONFLICT")
    assert (same_name.status, same_name.code) == (409, "USERNAME_CONFLICT")


async def test_concurrent_registrations_of_an_email_succeed_once(auth: Auth):
    replies = await asyncio.gather(*(auth.visitor().register("ada@example.com", first_name=f"Ada {n}") for n in range(8)))

    assert sorted(reply.status for reply in replies) == [201] + [409] * 7
    assert {reply.code for reply in replies if reply.status == 409} == {"EMAIL_CONFLICT"}
    winner = next(reply for reply in replies if reply.status == 201).data["user"]
    assert [profile.id async for profile in auth.deps.profiles.find({"first_name": {"$regex": "^Ada "}})] == [winner["id"]]


async def test_users_without_a_username_do_not_collide(auth: Auth):
    assert (await auth.visitor().register("a@example.com")).status == 201
    assert (await auth.visitor().register("b@example.com")).status == 201


async def test_refresh_tokens_return_a_new_pair(auth: Auth):
    ada = await registered(auth)
    before = (ada.access_token, ada.refresh_token)

    reply = await ada.refresh()

    assert reply.status == 200
    assert set(reply.data) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert ada.access_token not in before
    assert ada.refresh_token not in before
    assert (await ada.me()).status == 200
    assert (await ada.refresh()).status == 200


async def test_reused_refresh_tokens_end_the_session(auth: Auth):
    ada = await registered(auth)
    stolen = ada.refresh_token
    await ada.refresh()
    await refreshed_long_ago(auth, ada)
    thief = auth.visitor()

    reuse = await thief.refresh(stolen)

    assert (reuse.status, reuse.code) == (401, "INVALID_REFRESH_TOKEN")
    assert (await ada.refresh()).status == 401
    await eventually(lambda: locked_out(ada))
    await heard(auth, "auth.session_revoked")


async def refreshed_long_ago(auth: Auth, visitor: Visitor) -> None:
    def age(session) -> None:
        session.last_activity -= timedelta(minutes=1)

    await auth.deps.sessions.update(str(visitor.refresh_token).split(".")[0], age)


async def test_concurrent_refreshes_leave_one_successor(auth: Auth):
    ada = await registered(auth)
    token = ada.refresh_token

    replies = await asyncio.gather(*(auth.visitor().refresh(token) for _ in range(20)))

    assert sorted(reply.status for reply in replies) == [200] + [401] * 19
    won = next(reply for reply in replies if reply.status == 200)
    successor = auth.visitor(**{name: won.data[name] for name in ("access_token", "refresh_token")})
    assert (await successor.me()).status == 200
    assert (await successor.refresh()).status == 200


@pytest.mark.parametrize(
    "change", [lambda s, f, x: f"{s}.{f}x.{x}", lambda s, f, x: f"ses_1.{f}.{x}", lambda s, f, x: "nonsense"]
)
async def test_invented_refresh_tokens_are_refused_and_end_no_session(auth: Auth, change):
    ada = await registered(auth)

    assert (await auth.visitor().refresh(change(*str(ada.refresh_token).split(".")))).code == "INVALID_REFRESH_TOKEN"

    assert (await ada.refresh()).status == 200


async def test_sessions_expire(auth: Auth):
    ada = await registered(auth)
    session_id = str(ada.refresh_token).split(".")[0]

    def long_ago(session) -> None:
        session.expiry_time = now() - timedelta(seconds=1)

    await auth.deps.sessions.update(session_id, long_ago)

    assert (await ada.refresh()).code == "INVALID_REFRESH_TOKEN"


async def test_log_out_ends_only_its_own_session(auth: Auth):
    phone = await registered(auth)
    laptop = auth.visitor()
    await laptop.log_in("ada@example.com")

    assert (await phone.log_out()).status == 200

    assert (await phone.refresh()).status == 401
    await eventually(lambda: locked_out(phone))
    assert (await phone.me()).code == "INVALID_TOKEN"
    assert (await laptop.me()).status == 200
    await heard(auth, "auth.session_revoked")


async def test_a_log_out_takes_effect_at_other_replicas(start: Start):
    async with start(SETTINGS) as one, start(SETTINGS) as other:
        ada = await registered(one)
        elsewhere = other.visitor(access_token=ada.access_token)
        await eventually(lambda: not_locked_out(elsewhere))

        await ada.log_out()

        await eventually(lambda: locked_out(elsewhere))


async def not_locked_out(visitor: Visitor) -> bool:
    return (await visitor.me()).status == 200


async def test_sessions_and_keys_survive_a_restart(start: Start):
    async with start(SETTINGS) as before:
        ada = await registered(before)
    async with start(SETTINGS) as after:
        again = after.visitor(access_token=ada.access_token, refresh_token=ada.refresh_token)

        assert (await again.me()).status == 200
        assert (await again.refresh()).status == 200
