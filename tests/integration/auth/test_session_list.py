"""Tests of the list of sessions, and of their end."""

from datetime import timedelta

from echo_auth.domain.users import User
from tests.integration.auth.conftest import Auth
from tests.support.eventually import eventually
from tests.support.visitor import Visitor

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


async def two_clients(auth: Auth) -> tuple[Visitor, Visitor]:
    phone = auth.visitor(address="198.51.100.1", headers={"User-Agent": "curl/8.5.0"})
    await phone.register("ada@example.com")
    laptop = auth.visitor(headers={"User-Agent": FIREFOX})
    await laptop.log_in("ada@example.com")
    return phone, laptop


async def locked_out(visitor: Visitor) -> bool:
    return (await visitor.me()).status == 401


async def test_sessions_are_listed_with_their_device(auth: Auth):
    _, laptop = await two_clients(auth)
    await auth.visitor().register("grace@example.com")

    reply = await laptop.call("GET", "/auth/sessions")

    assert reply.body["meta"]["pagination"]["total_count"] == 2
    assert [(session["device"], session["address"], session["current"]) for session in reply.data] == [
        ("Firefox on Linux", "203.0.113.7", True),
        ("curl", "198.51.100.1", False),
    ]
    assert all(session["start_time"] <= session["last_activity"] < session["expiry_time"] for session in reply.data)


async def test_a_refresh_is_an_activity(auth: Auth):
    phone, laptop = await two_clients(auth)
    user_id = (await phone.me()).data["id"]

    def idle(user: User) -> None:
        assert user.last_active_date is not None
        user.last_active_date -= timedelta(days=3)

    before = await auth.deps.users.update(user_id, idle)
    await phone.refresh()

    (first, _) = (await laptop.call("GET", "/auth/sessions")).data
    assert first["device"] == "curl"
    assert first["last_activity"] > first["start_time"]
    after = await auth.deps.users.get(user_id)
    assert before.last_active_date is not None
    assert after.last_active_date is not None
    assert after.last_active_date - before.last_active_date >= timedelta(days=3)


async def test_a_session_is_ended_by_its_id(auth: Auth):
    phone, laptop = await two_clients(auth)
    (_, other) = (await laptop.call("GET", "/auth/sessions")).data

    assert (await laptop.call("DELETE", f"/auth/sessions/{other['id']}")).status == 200

    await eventually(lambda: locked_out(phone))
    assert (await phone.refresh()).code == "INVALID_REFRESH_TOKEN"
    assert (await laptop.me()).status == 200
    assert [session["current"] for session in (await laptop.call("GET", "/auth/sessions")).data] == [True]


async def test_sessions_of_other_users_do_not_exist(auth: Auth):
    phone, _ = await two_clients(auth)
    eve = auth.visitor()
    await eve.register("eve@example.com")

    reply = await eve.call("DELETE", f"/auth/sessions/{str(phone.refresh_token).split('.')[0]}")

    assert (reply.status, reply.code) == (404, "SESSION_NOT_FOUND")
    assert (await phone.refresh()).status == 200


async def test_all_sessions_are_ended(auth: Auth):
    phone, laptop = await two_clients(auth)
    eve = auth.visitor()
    await eve.register("eve@example.com")

    assert (await laptop.call("DELETE", "/auth/sessions")).data == {"ended": 2}

    await eventually(lambda: locked_out(phone))
    await eventually(lambda: locked_out(laptop))
    assert {(await phone.refresh()).status, (await laptop.refresh()).status} == {401}
    assert (await eve.refresh()).status == 200


async def test_the_current_session_may_be_kept(auth: Auth):
    phone, laptop = await two_clients(auth)

    assert (await laptop.call("DELETE", "/auth/sessions?except_current=true")).data == {"ended": 1}

    await eventually(lambda: locked_out(phone))
    assert (await laptop.me()).status == 200
    assert (await laptop.refresh()).status == 200
