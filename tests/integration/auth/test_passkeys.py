"""Passkeys: registration, login, and use as second factor."""

import asyncio
from typing import Any

import pytest

from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.domain.users import User
from echo_auth.usecases.reauthentication import RECENT
from echo_auth.usecases.sessions import complete_login
from echo_common.clock import now
from echo_common.contracts.errors.auth import AccountInactiveError
from tests.integration.auth.conftest import Auth
from tests.support.authenticator import Authenticator, UserNotVerifiedError
from tests.support.visitor import PASSWORD, Reply, Visitor

EMAIL = "ada@example.com"


async def add(visitor: Visitor, device: Authenticator, name: str = "Phone") -> Reply:
    options = (await visitor.call("POST", "/auth/passkeys/options")).data["public_key"]
    return await visitor.call("POST", "/auth/passkeys", {"name": name, "credential": device.create(options)})


async def signed(auth: Auth, device: Authenticator, *, second_factor: bool = False) -> dict[str, Any]:
    """Return the response of a device to new options for a login, or for a second factor."""
    path = "/auth/passkeys/login/options" + ("?second_factor=true" if second_factor else "")
    return device.get((await auth.visitor().call("POST", path)).data["public_key"])


async def log_in(auth: Auth, credential: dict[str, Any]) -> Reply:
    return await auth.visitor().call("POST", "/auth/passkeys/login", {"credential": credential})


async def with_passkey(auth: Auth) -> tuple[Visitor, Authenticator]:
    ada, device = auth.visitor(), Authenticator()
    await ada.register(EMAIL)
    assert (await add(ada, device)).status == 201
    return ada, device


async def test_a_passkey_logs_its_owner_in(auth: Auth):
    ada, device = await with_passkey(auth)

    replies = [await log_in(auth, await signed(auth, device)) for _ in range(2)]

    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].data["user"]["email"] == EMAIL
    (passkey,) = (await ada.call("GET", "/auth/passkeys")).data
    assert passkey["last_used_at"] is not None


async def test_options_name_the_platform_and_the_user(auth: Auth):
    ada = auth.visitor()
    await ada.register(EMAIL)

    options = (await ada.call("POST", "/auth/passkeys/options")).data["public_key"]

    assert options["rp"] == {"name": "Echo", "id": "localhost"}
    assert options["user"]["name"] == EMAIL
    assert options["authenticatorSelection"]["residentKey"] == "required"


async def test_a_response_is_accepted_once(auth: Auth):
    _, device = await with_passkey(auth)
    credential = await signed(auth, device)

    replies = await asyncio.gather(*(log_in(auth, credential) for _ in range(8)))

    assert sorted(reply.status for reply in replies) == [200] + [401] * 7
    assert (await log_in(auth, credential)).code == "INVALID_PASSKEY"


async def test_challenges_are_only_for_their_purpose_and_user(auth: Auth):
    ada, eve = auth.visitor(), auth.visitor()
    await ada.register(EMAIL)
    await eve.register("eve@example.com")
    options = (await ada.call("POST", "/auth/passkeys/options")).data["public_key"]
    stolen = Authenticator().create(options)
    foreign = await signed(auth, Authenticator())

    assert (await eve.call("POST", "/auth/passkeys", {"name": "Eve", "credential": stolen})).code == "INVALID_PASSKEY"
    assert (await log_in(auth, foreign)).code == "INVALID_PASSKEY"
    login_challenge = (await ada.call("POST", "/auth/passkeys/login/options")).data["public_key"]["challenge"]
    mixed = Authenticator().create(options | {"challenge": login_challenge})
    assert (await ada.call("POST", "/auth/passkeys", {"name": "Mixed", "credential": mixed})).code == "INVALID_PASSKEY"


async def test_challenges_expire(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    _, device = await with_passkey(auth)
    credential = await signed(auth, device)
    later = now() + RECENT
    monkeypatch.setattr("echo_common.challenges.now", lambda: later)

    assert (await log_in(auth, credential)).code == "INVALID_PASSKEY"


async def test_another_origin_is_refused(auth: Auth):
    _, device = await with_passkey(auth)
    device.origin = "https://phishing.example.com"

    assert (await log_in(auth, await signed(auth, device))).code == "INVALID_PASSKEY"


async def test_a_wrong_signature_is_refused(auth: Auth):
    _, device = await with_passkey(auth)
    forger = Authenticator(credential_id=device.credential_id, user_handle=device.user_handle, sign_count=50)

    assert (await log_in(auth, await signed(auth, forger))).code == "INVALID_PASSKEY"


async def test_a_cloned_authenticator_is_refused(auth: Auth):
    _, device = await with_passkey(auth)
    for _ in range(3):
        await log_in(auth, await signed(auth, device))
    device.sign_count = 1

    assert (await log_in(auth, await signed(auth, device))).code == "INVALID_PASSKEY"


async def test_authenticators_without_a_counter_are_accepted(auth: Auth):
    ada, device = auth.visitor(), Authenticator(counts=False)
    await ada.register(EMAIL)
    await add(ada, device)

    assert [(await log_in(auth, await signed(auth, device))).status for _ in range(2)] == [200, 200]


async def test_a_login_needs_a_verified_user(auth: Auth):
    _, device = await with_passkey(auth)
    device.verifies_user = False

    with pytest.raises(UserNotVerifiedError):
        await signed(auth, device)
    assert (await log_in(auth, await signed(auth, device, second_factor=True))).code == "INVALID_PASSKEY"


async def test_malformed_credentials_are_refused(auth: Auth):
    _, device = await with_passkey(auth)
    for part in ("clientDataJSON", "authenticatorData", "signature"):
        credential = await signed(auth, device)
        credential["response"][part] = "AAAA"
        assert (await log_in(auth, credential)).code == "INVALID_PASSKEY"
    assert (await log_in(auth, {"id": "a"})).status == 422


async def test_a_passkey_is_registered_once(auth: Auth):
    ada, device = await with_passkey(auth)

    assert (await add(ada, device)).code == "PASSKEY_CONFLICT"


async def test_inactive_users_cannot_log_in(auth: Auth):
    ada, device = await with_passkey(auth)

    def switch_off(user: Any) -> None:
        user.is_active = False

    await auth.deps.users.update((await ada.me()).data["id"], switch_off)

    assert (await log_in(auth, await signed(auth, device))).code == "ACCOUNT_INACTIVE"


async def test_passkeys_are_listed_renamed_and_deleted_by_their_owner(auth: Auth):
    ada, device = await with_passkey(auth)
    eve = auth.visitor()
    await eve.register("eve@example.com")
    ((passkey),) = (await ada.call("GET", "/auth/passkeys")).data
    path = f"/auth/passkeys/{passkey['id']}"

    assert (await eve.call("GET", "/auth/passkeys")).data == []
    assert (await eve.call("PATCH", path, {"name": "Mine"})).code == "PASSKEY_NOT_FOUND"
    assert (await eve.call("DELETE", path)).code == "PASSKEY_NOT_FOUND"
    assert (await ada.call("PATCH", path, {"name": "Laptop"})).data["name"] == "Laptop"
    assert (await ada.call("DELETE", path)).status == 200
    assert (await log_in(auth, await signed(auth, device))).code == "INVALID_PASSKEY"


async def test_old_sessions_neither_add_nor_delete_passkeys(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    ada, _ = await with_passkey(auth)
    (passkey,) = (await ada.call("GET", "/auth/passkeys")).data
    later = now() + RECENT * 2
    monkeypatch.setattr("echo_auth.usecases.reauthentication.now", lambda: later)

    assert (await ada.call("POST", "/auth/passkeys/options")).code == "REAUTHENTICATION_REQUIRED"
    assert (await ada.call("DELETE", f"/auth/passkeys/{passkey['id']}")).code == "REAUTHENTICATION_REQUIRED"


async def test_a_passkey_is_a_second_factor_beside_the_password(auth: Auth):
    ada, device = await with_passkey(auth)
    device.verifies_user = False
    enabled = await ada.call("POST", "/auth/2fa/enable", {"passkey": await signed(auth, device, second_factor=True)})
    recovery_code = enabled.data["recovery_codes"][0]

    assert (await auth.visitor().log_in(EMAIL)).code == "TOTP_REQUIRED"
    credential = await signed(auth, device, second_factor=True)
    replies = [await auth.visitor().log_in(EMAIL, passkey=credential) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 401]
    assert replies[1].code == "INVALID_PASSKEY"
    assert (await auth.visitor().log_in(EMAIL, totp_code=recovery_code)).status == 200


async def test_a_passkey_of_another_user_is_no_second_factor(auth: Auth):
    ada, device = await with_passkey(auth)
    await ada.call("POST", "/auth/2fa/enable", {"passkey": await signed(auth, device, second_factor=True)})
    eve, other = auth.visitor(), Authenticator()
    await eve.register("eve@example.com")
    await add(eve, other)

    assert (await auth.visitor().log_in(EMAIL, passkey=await signed(auth, other, second_factor=True))).code == "INVALID_PASSKEY"


async def test_the_only_second_factor_is_not_deleted(auth: Auth):
    ada, device = await with_passkey(auth)
    await ada.call("POST", "/auth/2fa/enable", {"passkey": await signed(auth, device)})
    (passkey,) = (await ada.call("GET", "/auth/passkeys")).data
    path = f"/auth/passkeys/{passkey['id']}"

    assert (await ada.call("DELETE", path)).code == "LAST_SECOND_FACTOR_CONFLICT"
    proof = {"password": PASSWORD, "passkey": await signed(auth, device)}
    assert (await ada.call("POST", "/auth/2fa/disable", proof)).status == 200
    assert (await ada.call("DELETE", path)).status == 200


async def test_a_passkey_confirms_the_deletion_of_the_account(auth: Auth):
    ada, device = await with_passkey(auth)
    await ada.call("POST", "/auth/2fa/enable", {"passkey": await signed(auth, device)})

    async def delete(**proof: Any) -> Reply:
        return await ada.call("DELETE", "/users/me", {"password": PASSWORD, **proof})

    assert (await delete()).code == "TOTP_REQUIRED"
    stranger = Authenticator()
    stranger.create((await ada.call("POST", "/auth/passkeys/options")).data["public_key"])
    assert (await delete(passkey=await signed(auth, stranger))).code == "INVALID_PASSKEY"
    assert (await delete(passkey=await signed(auth, device))).status == 202


async def test_a_user_who_is_deactivated_meanwhile_cannot_log_in(auth: Auth):
    ada, _ = await with_passkey(auth)
    user = await auth.deps.users.get((await ada.me()).data["id"])

    def deactivate(found: User) -> None:
        found.is_active = False

    await auth.deps.users.update(user.id, deactivate)

    with pytest.raises(AccountInactiveError):
        await complete_login(user, RequestOrigin(), auth.deps)


async def test_refused_passkeys_are_audited(auth: Auth):
    _, device = await with_passkey(auth)
    credential = await signed(auth, device)
    await log_in(auth, credential)

    assert (await log_in(auth, credential)).code == "INVALID_PASSKEY"

    entries = [entry["action"] async for entry in auth.store.collection("audit_log").find({})]
    assert entries.count("login_refused") == 1


async def test_parallel_registrations_do_not_exceed_the_limit(auth: Auth, monkeypatch: pytest.MonkeyPatch):
    ada, _ = await with_passkey(auth)
    monkeypatch.setattr("echo_auth.usecases.passkeys.MAXIMUM_PASSKEYS", 2)

    await asyncio.gather(*(add(ada, Authenticator(), name) for name in ("Laptop", "Key", "Tablet")))

    assert len((await ada.call("GET", "/auth/passkeys")).data) <= 2
