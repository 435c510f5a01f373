"""Tests of API keys and their exchange for access tokens."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from echo_auth.usecases.reauthentication import RECENT
from echo_common.auth.tokens import LEEWAY_SECONDS
from echo_common.clock import now
from echo_common.contracts.http.api_keys import EXCHANGE_PATH
from echo_common.contracts.system_settings import API_KEYS
from echo_common.contracts.values import Role
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.support.eventually import eventually
from tests.support.visitor import PASSWORD, Reply, Visitor

READER = {"name": "Reader", "scopes": ["account", "speech:read"]}


async def created(user: Visitor, **more: object) -> dict[str, Any]:
    reply = await user.call("POST", "/auth/keys", {**READER, **more})
    assert reply.status == 201, reply.body
    return dict(reply.data)


async def exchanged(auth: Auth, key: str) -> Reply:
    return await auth.visitor().call("POST", EXCHANGE_PATH, {"credential": key})


async def holder(auth: Auth, key: str) -> Visitor:
    return auth.visitor(access_token=(await exchanged(auth, key)).data["access_token"])


async def test_a_key_is_shown_once_and_stored_hashed(auth: Auth) -> None:
    ada = await registered(auth)

    reply = await ada.call("POST", "/auth/keys", READER)

    key = reply.data["key"]
    assert (reply.status, reply.headers["Cache-Control"]) == (201, "no-store")
    assert key.startswith("echo_")
    assert key.startswith(reply.data["prefix"])
    assert len(key) > len(reply.data["prefix"]) + 32
    listed = (await ada.call("GET", "/auth/keys")).data
    assert listed == [{name: value for name, value in reply.data.items() if name != "key"}]
    document = await auth.store.collection("api_keys").find_one({"_id": reply.data["id"]})
    assert key not in str(document)


async def test_keys_are_listed_in_pages(auth: Auth) -> None:
    ada = await registered(auth)
    for name in ("b", "a", "c"):
        await created(ada, name=name)

    newest = await ada.call("GET", "/auth/keys?limit=2")
    rest = await ada.call("GET", "/auth/keys?limit=2&offset=2")
    by_name = await ada.call("GET", "/auth/keys?sort_by=name&sort_order=asc")

    assert [[key["name"] for key in reply.data] for reply in (newest, rest, by_name)] == [["c", "a"], ["b"], ["a", "b", "c"]]
    assert newest.body["meta"]["pagination"]["total_count"] == 3
    assert [reply.body["meta"]["pagination"]["has_more"] for reply in (newest, rest)] == [True, False]
    assert (await ada.call("GET", "/auth/keys?sort_by=hash")).status == 422


async def test_a_key_has_its_own_scopes(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada, scopes=["speech:read"])
    assert (await (await holder(auth, key["key"])).me()).code == "FORBIDDEN"
    full = await created(ada)
    assert (await (await holder(auth, full["key"])).me()).data["email"] == "ada@example.com"


async def test_a_key_cannot_have_a_scope_that_its_creator_lacks(auth: Auth) -> None:
    ada = await registered(auth)
    refused = await ada.call("POST", "/auth/keys", {"name": "Root", "scopes": ["admin", "speech:read"]})
    assert (refused.status, refused.code) == (403, "SCOPE_NOT_HELD")
    assert "admin" in refused.body["error"]["details"][0]["message"]
    assert (await ada.call("GET", "/auth/keys")).data == []


async def test_a_key_loses_scopes_with_its_user(auth: Auth) -> None:
    admin = auth.visitor()
    await admin.log_in("admin@example.com", "admin password")
    key = await created(admin, scopes=["account", "admin"])
    user = await auth.deps.users.named("admin@example.com")
    assert user is not None
    assert (await (await holder(auth, key["key"])).call("GET", "/admin/config")).status == 200
    await auth.deps.users.update(user.id, lambda found: setattr(found, "role", Role.USER))
    assert (await (await holder(auth, key["key"])).call("GET", "/admin/config")).code == "FORBIDDEN"


async def test_an_api_key_cannot_create_keys(auth: Auth) -> None:
    ada = await registered(auth)
    program = await holder(auth, (await created(ada))["key"])
    refused = await program.call("POST", "/auth/keys", READER)
    assert (refused.status, refused.code) == (403, "LOGIN_REQUIRED")
    assert len((await program.call("GET", "/auth/keys")).data) == 1


async def test_the_number_of_keys_is_limited_also_for_parallel_requests(auth: Auth) -> None:
    ada = await registered(auth)
    admin = auth.visitor()
    await admin.log_in("admin@example.com", "admin password")
    await admin.call("PUT", "/admin/config", {"values": {API_KEYS.key: 3}})
    replies = await asyncio.gather(*(ada.call("POST", "/auth/keys", READER) for _ in range(6)))
    kept = [reply.data["id"] for reply in replies if reply.status == 201]
    assert {reply.code for reply in replies if reply.status != 201} == {"API_KEY_LIMIT_CONFLICT"}
    assert len(kept) <= 3
    assert {key["id"] for key in (await ada.call("GET", "/auth/keys")).data} == set(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["speech:read", "speech:read"]},
        {"scopes": ["all"]},
        {"name": ""},
        {"expires_at": "2001-01-01T00:00:00Z"},
        {"expires_at": "2050-01-01T00:00:00"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
    ],
)
async def test_invalid_keys_are_refused(auth: Auth, change: dict[str, object]) -> None:
    ada = await registered(auth)
    refused = await ada.call("POST", "/auth/keys", READER | change)
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")


async def test_an_expired_key_is_refused_and_its_tokens_end_with_it(auth: Auth) -> None:
    ada = await registered(auth)
    expires = now() + timedelta(seconds=90)
    key = await created(ada, expires_at=expires.isoformat())
    reply = await exchanged(auth, key["key"])
    assert 80 < reply.data["expires_in"] <= 90

    whole = expires.replace(microsecond=0)
    user = await auth.deps.users.named("ada@example.com")
    assert user is not None
    stored = await auth.deps.api_keys.get(key["id"])
    assert stored.expires_at == whole
    assert stored.is_valid(whole - timedelta(milliseconds=1))
    assert not stored.is_valid(whole)

    await auth.deps.api_keys.update(key["id"], lambda found: setattr(found, "expires_at", now()))
    refused = await exchanged(auth, key["key"])
    assert (refused.status, refused.code) == (401, "INVALID_API_KEY")


async def test_services_accept_no_token_beyond_the_expiry_of_its_key(auth: Auth) -> None:
    user = await auth.deps.users.named("admin@example.com")
    assert user is not None
    token = auth.deps.signer.access_token(user, "key_1", now(), expires_at=now())
    assert (await auth.visitor(access_token=token).me()).code == "TOKEN_EXPIRED"
    nearly = auth.deps.signer.access_token(user, "key_1", now(), expires_at=now() + timedelta(seconds=LEEWAY_SECONDS + 60))
    assert (await auth.visitor(access_token=nearly).me()).status == 200


async def test_a_deleted_key_is_refused_with_its_tokens(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada)
    program = await holder(auth, key["key"])
    assert (await program.me()).status == 200

    assert (await ada.call("DELETE", f"/auth/keys/{key['id']}")).status == 200

    assert (await exchanged(auth, key["key"])).code == "INVALID_API_KEY"
    assert (await ada.call("GET", "/auth/keys")).data == []
    assert (await ada.call("DELETE", f"/auth/keys/{key['id']}")).code == "API_KEY_NOT_FOUND"

    async def refused() -> bool:
        return (await program.me()).status == 401

    await eventually(refused)


async def test_keys_of_other_users_are_not_found(auth: Auth) -> None:
    ada, eve = await registered(auth), await registered(auth, "eve@example.com")
    key = await created(ada)
    assert (await eve.call("DELETE", f"/auth/keys/{key['id']}")).code == "API_KEY_NOT_FOUND"
    assert (await eve.call("GET", "/auth/keys")).data == []
    assert (await exchanged(auth, key["key"])).status == 200


async def test_the_last_use_is_recorded(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada)
    user = await auth.deps.users.named("ada@example.com")
    assert user is not None
    await auth.deps.users.update(user.id, lambda found: found.record_activity(now() - timedelta(days=20)))
    before = now() - timedelta(seconds=1)

    await exchanged(auth, key["key"])

    (listed,) = (await ada.call("GET", "/auth/keys")).data
    assert (key["last_used_at"], listed["last_used_at"] is None) == (None, False)
    active = (await auth.deps.users.get(user.id)).last_active_date
    assert active is not None
    assert active > before


async def test_keys_of_deactivated_users_are_refused(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada)
    user = await auth.deps.users.named("ada@example.com")
    assert user is not None
    await auth.deps.users.update(user.id, lambda found: setattr(found, "is_active", False))
    assert (await exchanged(auth, key["key"])).code == "ACCOUNT_INACTIVE"
    for unknown, code in (("echo_unknown", "INVALID_API_KEY"), ("no key at all", "INVALID_TOKEN")):
        assert (await exchanged(auth, unknown)).code == code


async def test_keys_are_in_the_audit_log(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada)
    await ada.call("DELETE", f"/auth/keys/{key['id']}")
    admin = auth.visitor()
    await admin.log_in("admin@example.com", "admin password")
    entries = (await admin.call("GET", "/admin/audit")).data
    assert {entry["action"] for entry in entries if entry["details"].get("key_id") == key["id"]} == {
        "api_key_created",
        "api_key_deleted",
    }


async def test_a_key_has_no_session_to_log_out_of(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada)

    refused = await (await holder(auth, key["key"])).call("POST", "/auth/logout")

    assert (refused.status, refused.code) == (403, "API_KEY_LOGOUT")
    assert "DELETE /api/v1/auth/keys/" in refused.body["error"]["message"]
    assert (await exchanged(auth, key["key"])).status == 200


async def test_old_sessions_create_no_keys(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await registered(auth)
    later = now() + RECENT * 2
    monkeypatch.setattr("echo_auth.usecases.reauthentication.now", lambda: later)

    assert (await ada.call("POST", "/auth/keys", READER)).code == "REAUTHENTICATION_REQUIRED"
    assert (await ada.call("GET", "/auth/keys")).data == []


async def test_an_administrator_who_logs_a_user_out_revokes_the_keys(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    key = await created(ada)

    await admin.call("POST", f"/admin/users/{(await ada.me()).data['id']}/logout")

    assert (await exchanged(auth, key["key"])).code == "INVALID_API_KEY"


async def test_a_password_change_leaves_the_keys_valid(auth: Auth) -> None:
    ada = await registered(auth)
    key = await created(ada)

    body = {"current_password": PASSWORD, "new_password": "quiet river stones 71"}
    assert (await ada.call("POST", "/auth/password/change", body)).status == 200

    assert (await exchanged(auth, key["key"])).status == 200
