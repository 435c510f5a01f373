"""Administrators find users, change their plan, role and activity, and log them out."""

import asyncio
from typing import Any

import pytest

from echo_common.auth.tokens import TokenVerifier
from echo_common.errors import EchoError
from echo_common.http.token_trust import TokenTrust
from tests.integration.auth.conftest import Auth
from tests.integration.auth.test_sessions import registered
from tests.integration.auth.test_system_settings import administrator
from tests.support.visitor import Visitor


async def user_id(visitor: Visitor) -> str:
    return str((await visitor.me()).data["id"])


async def accepted(auth: Auth, token: str | None) -> dict[str, Any] | None:
    """Return plan and role of a token that a service accepts after its next poll, else None."""
    trust = TokenTrust(auth.client)
    await trust.refresh()
    try:
        principal = await TokenVerifier(trust).verify(token or "")
    except EchoError:
        return None
    return {"plan": principal.plan.value, "role": principal.role.value}


async def found(admin: Visitor, query: str) -> set[str]:
    return {user["email"] for user in (await admin.call("GET", f"/admin/users?{query}")).data}


async def test_users_are_found_by_text_and_filters(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    await auth.visitor().register("eve@example.org", username="Eve.1")
    ada_id = await user_id(ada)
    await admin.call("PATCH", f"/admin/users/{ada_id}", {"plan": "premium", "is_active": False})

    assert await found(admin, "search=EXAMPLE.ORG") == {"eve@example.org"}
    assert await found(admin, "search=eve.1") == {"eve@example.org"}
    assert await found(admin, "search=eve_1") == set()
    assert await found(admin, f"search={ada_id}") == {"ada@example.com"}
    assert await found(admin, "role=admin") == {"admin@example.com"}
    assert await found(admin, "is_active=false") == {"ada@example.com"}
    assert await found(admin, "plan=user") == {"eve@example.org"}
    listed = await admin.call("GET", "/admin/users?sort_by=email&sort_order=asc&limit=2&offset=1")
    assert [user["email"] for user in listed.data] == ["admin@example.com", "eve@example.org"]
    assert listed.body["meta"]["pagination"]["total_count"] == 3
    assert "password" not in str(listed.body)


async def test_a_changed_plan_and_role_apply_with_the_next_refresh(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    path = f"/admin/users/{await user_id(ada)}"
    changed = (await admin.call("PATCH", path, {"plan": "premium", "role": "admin"})).data
    assert (changed["plan"], changed["role"]) == ("premium", "admin")
    assert await accepted(auth, ada.access_token) is None

    await ada.refresh()
    assert await accepted(auth, ada.access_token) == {"plan": "premium", "role": "admin"}
    assert (await admin.call("GET", path)).data == changed | {
        "last_login": changed["last_login"],
        "last_active_date": changed["last_active_date"],
    }


async def test_a_deactivated_user_is_logged_out_and_cannot_log_in(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    path = f"/admin/users/{await user_id(ada)}"
    await admin.call("PATCH", path, {"is_active": False})
    assert await accepted(auth, ada.access_token) is None
    assert (await ada.refresh()).status == 401
    assert (await auth.visitor().log_in("ada@example.com")).code == "ACCOUNT_INACTIVE"

    await admin.call("PATCH", path, {"is_active": True})
    assert (await ada.refresh()).status == 401
    assert (await auth.visitor().log_in("ada@example.com")).status == 200


async def test_a_forced_log_out_ends_all_sessions(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    elsewhere = auth.visitor()
    await elsewhere.log_in("ada@example.com")
    path = f"/admin/users/{await user_id(ada)}/logout"
    assert (await admin.call("POST", path)).status == 200
    for session in (ada, elsewhere):
        assert await accepted(auth, session.access_token) is None
        assert (await session.refresh()).status == 401
    assert (await elsewhere.log_in("ada@example.com")).status == 200
    assert await accepted(auth, elsewhere.access_token) is not None


async def test_unchanged_values_revoke_nothing(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    await admin.call("PATCH", f"/admin/users/{await user_id(ada)}", {"plan": "user", "is_active": True})
    assert await accepted(auth, ada.access_token) is not None


@pytest.mark.parametrize("change", [{"role": "user"}, {"is_active": False}])
async def test_the_last_administrator_stays(auth: Auth, change: dict[str, Any]) -> None:
    admin = await administrator(auth)
    path = f"/admin/users/{await user_id(admin)}"
    refused = await admin.call("PATCH", path, change)
    assert (refused.status, refused.code) == (409, "LAST_ADMINISTRATOR_CONFLICT")
    assert (await admin.call("GET", path)).data["role"] == "admin"


async def test_two_administrators_cannot_remove_each_other_at_once(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    ids = [await user_id(admin), await user_id(ada)]
    await admin.call("PATCH", f"/admin/users/{ids[1]}", {"role": "admin"})
    await ada.refresh()
    await asyncio.gather(
        admin.call("PATCH", f"/admin/users/{ids[1]}", {"role": "user"}),
        ada.call("PATCH", f"/admin/users/{ids[0]}", {"role": "user"}),
    )
    assert await auth.deps.users.count({"role": "admin", "is_active": True})


async def test_only_administrators_administer_users(auth: Auth) -> None:
    ada = await registered(auth)
    path = f"/admin/users/{await user_id(ada)}"
    for method, place, body in (
        ("GET", "/admin/users", None),
        ("GET", path, None),
        ("PATCH", path, {"role": "admin"}),
        ("POST", f"{path}/logout", None),
    ):
        assert (await ada.call(method, place, body)).code == "FORBIDDEN"
    admin = await administrator(auth)
    assert (await admin.call("PATCH", "/admin/users/usr_none", {"plan": "user"})).code == "USER_NOT_FOUND"


async def test_changes_of_users_are_recorded(auth: Auth) -> None:
    admin, ada = await administrator(auth), await registered(auth)
    path = f"/admin/users/{await user_id(ada)}"
    await admin.call("PATCH", path, {"plan": "premium"})
    await admin.call("POST", f"{path}/logout")
    entries = (await admin.call("GET", "/admin/audit?limit=2")).data
    assert [(entry["action"], entry["details"]) for entry in entries] == [
        ("user_logged_out", {}),
        ("user_changed", {"plan": "premium"}),
    ]
    assert {entry["target"] for entry in entries} == {auth.deps.audit.pseudonym(await user_id_of(auth, "ada@example.com"))}


async def user_id_of(auth: Auth, email: str) -> str:
    user = await auth.deps.users.named(email)
    assert user is not None
    return user.id


async def test_plans_change_neither_from_nor_to_guest(auth: Auth) -> None:
    admin, ada, guest = await administrator(auth), await registered(auth), auth.visitor()
    guest.access_token = (await guest.call("POST", "/auth/guest")).data["access_token"]

    for user, plan in ((ada, "guest"), (guest, "user")):
        path = f"/admin/users/{await user_id(user)}"
        before = (await admin.call("GET", path)).data["plan"]
        assert (await admin.call("PATCH", path, {"plan": plan})).code == "VALIDATION_ERROR"
        assert (await admin.call("GET", path)).data["plan"] == before
