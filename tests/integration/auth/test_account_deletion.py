"""A deleted account is refused at once and erased after every service has erased the user's data."""

import asyncio
from typing import Any

import pytest

from echo_auth.domain.users import User
from echo_auth.usecases.erasures import confirm_erasure
from echo_auth.usecases.reauthentication import RECENT
from echo_common.clock import now
from echo_common.contracts.http.api_keys import EXCHANGE_PATH
from echo_common.contracts.system_settings import VERIFY_EMAIL
from echo_common.store.port import Store
from tests.integration.auth.conftest import SETTINGS, Auth, Start
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.integration.auth.test_user_administration import accepted, user_id
from tests.support.eventually import eventually
from tests.support.visitor import PASSWORD, Visitor

SERVICES = ("gateway", "synthesis", "voice", "feedback", "listening")


async def delete(visitor: Visitor, **body: Any) -> Any:
    return await visitor.call("DELETE", "/users/me", {"password": PASSWORD, **body})


async def confirm(auth: Auth, deleted: str, *services: str) -> None:
    for service in services:
        await confirm_erasure(deleted, service, auth.deps)


async def erased(auth: Auth, deleted: str) -> None:
    async def gone() -> bool:
        return await auth.deps.users.find_one({"_id": deleted}) is None

    await eventually(gone)


async def stored_documents(store: Store, *parts: str) -> list[tuple[str, str]]:
    """Return collection and id of the documents that contain one of the texts."""
    names = (
        "users",
        "profiles",
        "sessions",
        "api_keys",
        "passkeys",
        "identities",
        "mails",
        "settings",
        "erasures",
        "audit_log",
    )
    return [
        (name, document["_id"])
        for name in names
        async for document in store.collection(name).find({})
        if any(part in str(document) for part in parts)
    ]


async def test_a_deleted_account_is_refused_and_erased_after_all_services(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    assert (await ada.call("POST", "/auth/keys", {"name": "Build", "scopes": ["speech:read"]})).status == 201
    ada_id, token = await user_id(ada), ada.access_token
    requested = await delete(ada)
    assert (requested.status, requested.data["waiting_for"]) == (202, list(SERVICES))
    assert "auth.user_deleted" in auth.facts()
    assert await accepted(auth, token) is None
    assert (await ada.refresh()).status == 401
    assert (await auth.visitor().log_in("ada@example.com")).code == "ACCOUNT_INACTIVE"

    report = f"/admin/erasures/{requested.data['id']}"
    await confirm(auth, ada_id, "voice", "gateway", "feedback", "listening", "voice")
    waiting = (await admin.call("GET", report)).data
    assert (waiting["waiting_for"], sorted(waiting["confirmed"]), waiting["completed_at"]) == (
        ["synthesis"],
        ["feedback", "gateway", "listening", "voice"],
        None,
    )
    await confirm(auth, ada_id, "synthesis")
    await erased(auth, ada_id)

    async def completed() -> bool:
        return (await admin.call("GET", report)).data["completed_at"] is not None

    await eventually(completed)
    assert await stored_documents(auth.store, ada_id, "ada@example.com") == []
    assert await accepted(auth, token) is None
    assert (await admin.call("GET", "/admin/erasures")).data[0]["id"] == requested.data["id"]
    actions = [entry["action"] for entry in (await admin.call("GET", f"/admin/audit?user_id={ada_id}&limit=2")).data]
    assert actions == ["account_erased", "account_deleted"]
    assert (await auth.visitor().register("ada@example.com")).status == 201


@pytest.mark.parametrize("body", [{}, {"password": None}, {"password": "not the password"}])
async def test_only_the_password_deletes_an_account(auth: Auth, body: dict[str, Any]) -> None:
    ada = await registered(auth)
    refused = await ada.call("DELETE", "/users/me", body)
    assert (refused.status, refused.code) == (403, "WRONG_PASSWORD")
    assert (await ada.me()).status == 200
    assert "auth.user_deleted" not in auth.facts()


async def test_a_repeated_deletion_publishes_one_event(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    ada_id = await user_id(ada)
    await delete(ada)
    again = await admin.call("DELETE", f"/admin/users/{ada_id}")
    assert again.status == 202
    assert auth.facts().count("auth.user_deleted") == 1
    assert (await admin.call("PATCH", f"/admin/users/{ada_id}", {"is_active": True})).code == "USER_NOT_FOUND"


async def test_administrators_delete_users_but_not_the_last_administrator(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    path = f"/admin/users/{await user_id(ada)}"
    assert (await ada.call("DELETE", path)).code == "FORBIDDEN"
    assert (await admin.call("DELETE", path)).status == 202
    assert await accepted(auth, ada.access_token) is None
    own = await admin.call("DELETE", "/users/me", {"password": "admin password"})
    assert (own.status, own.code) == (409, "LAST_ADMINISTRATOR_CONFLICT")
    assert (await admin.call("DELETE", "/admin/users/usr_none")).code == "USER_NOT_FOUND"
    assert (await admin.call("GET", "/admin/erasures/era_none")).code == "ERASURE_NOT_FOUND"


async def test_without_other_services_the_account_is_erased_at_once(start: Start) -> None:
    async with start(SETTINGS.model_copy(update={"user_data_services": ()})) as auth:
        ada = await registered(auth)
        ada_id = await user_id(ada)
        await delete(ada)
        await erased(auth, ada_id)


async def test_an_erasure_resumes_in_another_process(start: Start, auth: Auth) -> None:
    ada = await registered(auth)
    ada_id = await user_id(ada)
    await delete(ada)
    await confirm(auth, ada_id, "voice")
    async with start(SETTINGS) as other:
        await confirm(other, ada_id, "gateway", "feedback", "listening", "synthesis", "synthesis")
        await erased(other, ada_id)
    assert await stored_documents(auth.store, ada_id, "ada@example.com") == []


async def test_an_api_key_deletes_no_account(auth: Auth) -> None:
    ada = await registered(auth)
    key = (await ada.call("POST", "/auth/keys", {"name": "Build", "scopes": ["account"]})).data["key"]
    token = (await auth.visitor().call("POST", EXCHANGE_PATH, {"credential": key})).data["access_token"]

    refused = await delete(auth.visitor(access_token=token))

    assert (refused.status, refused.code) == (403, "LOGIN_REQUIRED")
    assert (await ada.me()).status == 200


async def test_an_account_without_a_password_is_deleted_only_soon_after_a_login(
    auth: Auth, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await registered(auth)

    def remove_password(user: User) -> None:
        user.password_hash = None

    await auth.deps.users.update(await user_id(ada), remove_password)
    with monkeypatch.context() as patched:
        later = now() + RECENT * 2
        patched.setattr("echo_auth.usecases.reauthentication.now", lambda: later)
        assert (await ada.call("DELETE", "/users/me", {})).code == "REAUTHENTICATION_REQUIRED"

    assert (await ada.call("DELETE", "/users/me", {})).status == 202


async def test_two_administrators_cannot_delete_each_other_at_once(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    ids = [await user_id(admin), await user_id(ada)]
    await admin.call("PATCH", f"/admin/users/{ids[1]}", {"role": "admin"})
    await ada.refresh()

    await asyncio.gather(admin.call("DELETE", f"/admin/users/{ids[1]}"), ada.call("DELETE", f"/admin/users/{ids[0]}"))

    assert await auth.deps.users.count_active_administrators()


async def test_settings_that_an_erased_administrator_changed_name_a_pseudonym(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    ada_id = await user_id(ada)
    await admin.call("PATCH", f"/admin/users/{ada_id}", {"role": "admin"})
    await ada.refresh()
    assert (await ada.call("PUT", "/admin/config", {"values": {VERIFY_EMAIL.key: True}})).status == 200

    await admin.call("DELETE", f"/admin/users/{ada_id}")
    await confirm(auth, ada_id, *SERVICES)
    await erased(auth, ada_id)

    assert await stored_documents(auth.store, ada_id, "ada@example.com") == []
    settings = (await admin.call("GET", "/admin/config")).data
    changed = next(setting for setting in settings if setting["key"] == VERIFY_EMAIL.key)
    assert (changed["value"], changed["updated_by"]) == (True, auth.deps.audit.pseudonym(ada_id))
