"""The authorisation matrix: every operation of the public document, as every kind of client.

The rows come from OpenAPI. An operation with a path parameter or a body that `OwnedData` does not know fails the test.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import randbelow

import httpx
import pytest

from echo_common.contracts.system_settings import REQUESTS_PER_MINUTE
from echo_common.contracts.values import Plan, Scope
from tests.support.eventually import eventually
from tests.support.operations import OPERATIONS, Operation
from tests.support.owned_data import OwnedData
from tests.support.person import Person, data
from tests.support.platform import Platform
from tests.support.signing import expired_token

TESTS = Path(__file__).parents[1]

# states of the owner's own resources that refuse a request that is permitted
STATE_REFUSALS = {404, 409}
ENDS_THE_SESSION = {"change_password", "end_sessions", "log_out", "delete_current_user"}
# the body needs a signature of new options
NEEDS_A_SIGNATURE = {"register_passkey"}
# administrators delete the owner for good
CANNOT_BE_UNDONE = {"delete_user"}
ENDS_THE_OWNERS_SESSIONS = {"log_out_user"}
# administrators see jobs of all users, and set what only workers set
ADMINISTRATORS_MAY = {"get_job", "follow_job", "change_job", "revise_job", "retry_job", "delete_job"}
REQUESTS_AT_ONCE = 8

SUCCEED_ELSEWHERE: Mapping[str, str] = {
    "change_job": "e2e/test_jobs.py",
    "change_password": "integration/auth/test_password_change.py",
    "confirm_email": "integration/auth/test_email_confirmation.py",
    "delete_current_user": "e2e/test_erasure.py",
    "delete_echo": "e2e/test_echos.py",
    "create_group_session": "e2e/test_group_sessions.py",
    "delete_group_member": "integration/listening/test_group_sessions.py",
    "delete_message": "integration/voice/test_messages.py",
    "delete_messages": "integration/voice/test_messages.py",
    "delete_playlist_items": "e2e/test_playlists.py",
    "delete_sample": "e2e/test_voices.py",
    "delete_synthesis": "e2e/seeds/test_requests.py",
    "delete_track": "integration/listening/test_track_changes.py",
    "delete_user": "integration/auth/test_account_deletion.py",
    "delete_voice_model": "e2e/seeds/test_requests.py",
    "disable_two_factor": "integration/auth/test_two_factors.py",
    "enable_two_factor": "integration/auth/test_two_factors.py",
    "end_sessions": "integration/auth/test_session_list.py",
    "find_user": "integration/auth/test_lookup.py",
    "finish_oidc_login": "integration/auth/test_oidc.py",
    "finish_spotify_login": "integration/auth/test_spotify_login.py",
    "finish_spotify_link": "e2e/test_spotify.py",
    "get_avatar": "integration/auth/test_profiles.py",
    "get_dead_letter": "integration/gateway/test_dead_letters.py",
    "get_erasure": "integration/auth/test_account_deletion.py",
    "issue_group_session_ticket": "integration/listening/test_live_sessions.py",
    "join_group_session": "integration/listening/test_group_sessions.py",
    "get_spotify_export": "integration/listening/test_spotify_playlists.py",
    "get_spotify_import": "e2e/test_spotify.py",
    "link_identity": "integration/auth/test_oidc.py",
    "link_spotify_identity": "integration/auth/test_spotify_login.py",
    "list_spotify_playlists": "e2e/test_spotify.py",
    "log_in_with_passkey": "integration/auth/test_passkeys.py",
    "log_out": "integration/auth/test_sessions.py",
    "mix_voices": "integration/voice/test_mixes.py",
    "move_playlist_item": "e2e/test_playlists.py",
    "preview_mix": "integration/synthesis/test_mixes.py",
    "preview_training": "integration/synthesis/test_training_voices.py",
    "refresh": "integration/auth/test_sessions.py",
    "register_passkey": "integration/auth/test_passkeys.py",
    "reorder_playlist_items": "e2e/test_playlists.py",
    "replace_recovery_codes": "integration/auth/test_two_factors.py",
    "replay_dead_letter": "integration/gateway/test_dead_letters.py",
    "reset_password": "integration/auth/test_password_reset.py",
    "restore_playlist": "e2e/test_playlists.py",
    "retry_job": "e2e/test_jobs.py",
    "revise_job": "e2e/test_jobs.py",
    "share_playlist": "integration/listening/test_collaborators.py",
    "start_oidc_login": "integration/auth/test_oidc.py",
    "stream_playlist": "e2e/test_playlist_streams.py",
    "unshare_playlist": "integration/listening/test_collaborators.py",
    "start_spotify_login": "integration/auth/test_spotify_login.py",
    "start_spotify_export": "integration/listening/test_spotify_playlists.py",
    "start_spotify_import": "e2e/test_spotify.py",
    "unshare_voice": "integration/voice/test_sharing.py",
    "upgrade_guest": "integration/auth/test_guests.py",
}
"""Operations whose success needs more than the owner's data, with the test that shows it."""

Violation = tuple[str, str, int, str]


@asynccontextmanager
async def client_at(platform: Platform, credential: str | None = None) -> AsyncIterator[Person]:
    """A client with an address of its own, because new guests are limited by address."""
    async with Person.at(platform.url) as person:
        person.http.headers["X-Forwarded-For"] = f"198.18.{randbelow(256)}.{randbelow(256)}"
        if credential is not None:
            person.http.headers["Authorization"] = f"Bearer {credential}"
        yield person


@asynccontextmanager
async def unlimited_guests(platform: Platform, admin: Person) -> AsyncIterator[None]:
    """Permit guests any number of requests a minute."""
    limit = REQUESTS_PER_MINUTE[Plan.GUEST].key

    async def applied() -> bool:
        response = await guest.http.get("/users/me/usage")
        return response.is_success and any(view["metric"] == "requests" and not view["limit"] for view in data(response))

    data(await admin.http.put("/admin/config", json={"values": {limit: 0}}))
    async with client_at(platform) as guest:
        await guest.become_guest()
        await eventually(applied)
    yield
    data(await admin.http.put("/admin/config", json={"values": {limit: None}}))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("platform", ["embedded", pytest.param("distributed", marks=pytest.mark.full)], indirect=True)
async def test_every_operation_permits_only_its_clients(platform: Platform, admin: Person) -> None:
    """One test, because the owner's data takes long to create and the owner's own requests come last: they delete it."""
    async with client_at(platform) as owner, client_at(platform) as eve, client_at(platform) as guest:
        owned = await OwnedData.of(owner)
        succeeded = set[str]()
        async with unlimited_guests(platform, admin):
            without_rights = await asyncio.gather(
                without_token(platform, owned),
                with_keys_without_the_scope(platform, admin, owned),
                as_outsider("another user", eve, eve.register, owned),
                as_outsider("guest", guest, guest.become_guest, owned),
            )
        assert [violation for client in without_rights for violation in client] == []
        assert [found async for found in as_administrator(admin, owned, succeeded)] == []
        assert [found async for found in as_owner(await owned.with_new_key(), succeeded)] == []
        assert [place for place in SUCCEED_ELSEWHERE.values() if not (TESTS / place).is_file()] == []
        never = sorted({row.name for row in OPERATIONS} - succeeded - SUCCEED_ELSEWHERE.keys())
        assert never == [], f"no success: {', '.join(never)}"


async def without_token(platform: Platform, owned: OwnedData) -> list[Violation]:
    """Return the violations of clients without a valid token."""
    login = data(await owned.owner.http.post("/auth/login", json=owned.request("log_in")["json"]))
    invalid = {
        "nobody": None,
        "expired token": await expired_token(platform, login["access_token"]),
        "refresh token": login["refresh_token"],
        "unsigned token": login["access_token"].rpartition(".")[0] + ".",
    }

    def permitted(row: Operation, response: httpx.Response) -> bool:
        served = row.optional and row.names_a_resource and response.is_success
        return not served and (response.status_code == 401 or not row.protected)

    violations = list[Violation]()
    for client, token in invalid.items():
        async with client_at(platform, token) as person:
            violations += await refused(client, person, OPERATIONS, owned, permitted)
    return violations


async def with_keys_without_the_scope(platform: Platform, admin: Person, owned: OwnedData) -> list[Violation]:
    """Return the violations of API keys that have every scope but the required one."""
    violations = list[Violation]()
    for scope in Scope:
        creator, held = (admin, set(Scope)) if scope is Scope.ADMIN else (owned.owner, set(Scope) - {Scope.ADMIN})
        body = {"name": f"All but {scope}", "scopes": sorted(held - {scope})}
        key = data(await creator.http.post("/auth/keys", json=body), 201)
        rows = [row for row in OPERATIONS if row.scope == scope]
        async with client_at(platform, key["key"]) as program:
            violations += await refused(
                f"key without {scope}", program, rows, owned, lambda _, response: response.status_code == 403
            )
        data(await creator.http.delete(f"/auth/keys/{key['id']}"))
    return violations


async def refused(
    client: str,
    person: Person,
    rows: Iterable[Operation],
    owned: OwnedData,
    permitted: Callable[[Operation, httpx.Response], bool],
) -> list[Violation]:
    """Call operations that change nothing, because they are refused; return the violations."""
    places = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def call(row: Operation) -> Violation | None:
        async with places:
            response = await row.call(person, owned)
        return None if permitted(row, response) else violation(client, row, response)

    return [found for found in await asyncio.gather(*map(call, rows)) if found is not None]


async def as_outsider(client: str, person: Person, begin: Callable[[], Awaitable[object]], owned: OwnedData) -> list[Violation]:
    """Return the violations of a client that owns nothing of the owner's. `begin` creates its account and logs in."""
    violations = list[Violation]()
    await begin()
    for row in OPERATIONS:
        response = await row.call(person, owned)
        if row.name in ENDS_THE_SESSION or (row.name == "upgrade_guest" and response.is_success):
            await begin()
        if row.for_administrators:
            permitted = response.status_code == 403
        elif row.names_a_resource:
            permitted = response.status_code == 404
        else:
            sent = json.dumps(owned.request(row.name).get("json"))
            disclosed = [found for found in owned.ids.values() if found in response.text and found not in sent]
            permitted = row.name == "log_in" or (response.status_code not in {422, 500} and not disclosed)
        if not permitted:
            violations.append(violation(client, row, response))
    return violations


async def as_administrator(admin: Person, owned: OwnedData, succeeded: set[str]) -> AsyncIterator[Violation]:
    for row in OPERATIONS:
        if row.name in ENDS_THE_SESSION | ADMINISTRATORS_MAY | CANNOT_BE_UNDONE:
            continue
        response = await row.call(admin, owned)
        if row.name in ENDS_THE_OWNERS_SESSIONS:
            await owned.owner.log_in(owned.email)
        if response.is_success:
            succeeded.add(row.name)
        if row.for_administrators:
            permitted = response.status_code not in {401, 403, 422}
        else:
            permitted = not row.names_a_resource or response.status_code == 404
        if not permitted or response.status_code >= 500:
            yield violation("administrator", row, response)


async def as_owner(owned: OwnedData, succeeded: set[str]) -> AsyncIterator[Violation]:
    for row in OPERATIONS:
        if row.name in ENDS_THE_SESSION | NEEDS_A_SIGNATURE:
            continue
        response = await row.call(owned.owner, owned)
        if response.is_success:
            succeeded.add(row.name)
        if row.for_administrators:
            permitted = response.status_code == 403
        else:
            permitted = response.is_success or response.status_code in STATE_REFUSALS or not row.protected
        if not permitted:
            yield violation("owner", row, response)


def violation(client: str, row: Operation, response: httpx.Response) -> Violation:
    return client, f"{row.method} {row.path}", response.status_code, response.text[:150]
