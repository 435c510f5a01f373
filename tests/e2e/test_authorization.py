"""The authorisation matrix: every operation of the public document, as every kind of client.

The rows come from OpenAPI. An operation with a path parameter or a body that `OwnedData` does not know fails the test.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.owned_data import OwnedData
from tests.support.person import Person, data
from tests.support.platform import Platform
from tests.support.signing import expired_token

TESTS = Path(__file__).parents[1]
DOCUMENT: Mapping[str, Any] = json.loads((TESTS.parent / "docs/api/openapi.json").read_text())

# collections and resources that belong to the platform, not to a user
PUBLIC_IDS = {"name": "Ada", "service": "synthesis", "letter_id": "evt_none", "erasure_id": "era_none"}
# states of the owner's own resources that refuse a request that is permitted
STATE_REFUSALS = {404, 409}
ENDS_THE_SESSION = {"change_password", "end_sessions", "log_out", "delete_current_user"}
# the body needs a signature of new options
NEEDS_A_SIGNATURE = {"register_passkey"}
# administrators delete the owner for good
CANNOT_BE_UNDONE = {"delete_user"}
ENDS_RESOURCES = {"delete_voices", "revoke_consent"}
ENDS_THE_OWNERS_SESSIONS = {"log_out_user"}
# administrators see jobs of all users, and set what only workers set
ADMINISTRATORS_MAY = {"get_job", "follow_job", "change_job", "revise_job", "retry_job", "delete_job"}

SUCCEED_ELSEWHERE: Mapping[str, str] = {
    "change_job": "e2e/test_jobs.py",
    "change_password": "integration/auth/test_password_change.py",
    "confirm_email": "integration/auth/test_email_confirmation.py",
    "delete_current_user": "e2e/test_erasure.py",
    "delete_sample": "e2e/test_voices.py",
    "delete_synthesis": "e2e/seeds/test_requests.py",
    "delete_user": "integration/auth/test_account_deletion.py",
    "delete_voice_model": "e2e/seeds/test_requests.py",
    "disable_two_factor": "integration/auth/test_two_factors.py",
    "enable_two_factor": "integration/auth/test_two_factors.py",
    "end_sessions": "integration/auth/test_session_list.py",
    "find_user": "integration/auth/test_lookup.py",
    "finish_oidc_login": "integration/auth/test_oidc.py",
    "get_avatar": "integration/auth/test_profiles.py",
    "get_dead_letter": "integration/gateway/test_dead_letters.py",
    "get_erasure": "integration/auth/test_account_deletion.py",
    "link_identity": "integration/auth/test_oidc.py",
    "log_in_with_passkey": "integration/auth/test_passkeys.py",
    "log_out": "integration/auth/test_sessions.py",
    "refresh": "integration/auth/test_sessions.py",
    "register_passkey": "integration/auth/test_passkeys.py",
    "replace_recovery_codes": "integration/auth/test_two_factors.py",
    "replay_dead_letter": "integration/gateway/test_dead_letters.py",
    "reset_password": "integration/auth/test_password_reset.py",
    "retry_job": "e2e/test_jobs.py",
    "revise_job": "e2e/test_jobs.py",
    "start_oidc_login": "integration/auth/test_oidc.py",
    "unshare_voice": "integration/voice/test_sharing.py",
    "upgrade_guest": "integration/auth/test_guests.py",
}
"""Operations whose success needs more than the owner's data, with the test that shows it."""

Violation = tuple[str, str, int, str]


@dataclass(frozen=True)
class Operation:
    """A row of the matrix."""

    name: str
    method: str
    path: str
    scope: str | None
    protected: bool
    optional: bool

    @property
    def parameters(self) -> list[str]:
        return [part.strip("{}") for part in self.path.split("/") if part.startswith("{")]

    @property
    def for_administrators(self) -> bool:
        return self.scope == "admin" or self.path == "/readyz"

    @property
    def names_a_resource(self) -> bool:
        return any(name not in PUBLIC_IDS for name in self.parameters)


def operations() -> Iterator[Operation]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            security = operation.get("security")
            yield Operation(
                operation["operationId"],
                method.upper(),
                path,
                operation.get("x-scope"),
                protected=bool(security) and {} not in security,
                optional=bool(security) and {} in security,
            )


ORDER = ["GET", "HEAD", "PATCH", "PUT", "POST", "DELETE"]
OPERATIONS = sorted(operations(), key=lambda row: (row.name in ENDS_RESOURCES, ORDER.index(row.method), row.path))


async def call(person: Person, row: Operation, owned: OwnedData) -> httpx.Response:
    url = str(person.http.base_url).removesuffix("/api/v1/")
    path = row.path
    for name in row.parameters:
        path = path.replace(f"{{{name}}}", {**PUBLIC_IDS, **owned.ids}[name])
    async with person.http.stream(row.method, url + path, **owned.request(row.name)) as response:
        await response.aread()
        return response


@asynccontextmanager
async def with_token(platform: Platform, token: str | None) -> AsyncIterator[Person]:
    async with Person.at(platform.url) as person:
        if token is not None:
            person.http.headers["Authorization"] = f"Bearer {token}"
        yield person


@pytest.mark.timeout(900)
@pytest.mark.parametrize("platform", ["embedded", pytest.param("distributed", marks=pytest.mark.full)], indirect=True)
async def test_every_operation_permits_only_its_clients(platform: Platform, eve: Person, admin: Person) -> None:
    """One test, because the owner's data takes long to create and the owner's own requests come last: they delete it."""
    async with Person.at(platform.url) as owner:
        owned = await OwnedData.of(owner)
        succeeded = set[str]()
        assert [found async for found in without_token(platform, owned)] == []
        assert [found async for found in as_another_user(eve, owned)] == []
        assert [found async for found in as_administrator(admin, owned, succeeded)] == []
        assert [found async for found in as_owner(owned, succeeded)] == []
        assert [place for place in SUCCEED_ELSEWHERE.values() if not (TESTS / place).is_file()] == []
        never = sorted({row.name for row in OPERATIONS} - succeeded - SUCCEED_ELSEWHERE.keys())
        assert never == [], f"no success: {', '.join(never)}"


async def without_token(platform: Platform, owned: OwnedData) -> AsyncIterator[Violation]:
    login = data(await owned.owner.http.post("/auth/login", json=owned.request("log_in")["json"]))
    invalid = {
        "nobody": None,
        "expired token": await expired_token(platform, login["access_token"]),
        "refresh token": login["refresh_token"],
        "unsigned token": login["access_token"].rpartition(".")[0] + ".",
    }
    for client, token in invalid.items():
        async with with_token(platform, token) as person:
            for row in OPERATIONS:
                response = await call(person, row, owned)
                served = row.optional and row.names_a_resource and response.is_success
                if served or (row.protected and response.status_code != 401):
                    yield violation(client, row, response)


async def as_another_user(eve: Person, owned: OwnedData) -> AsyncIterator[Violation]:
    for row in OPERATIONS:
        response = await call(eve, row, owned)
        if row.name in ENDS_THE_SESSION:
            await eve.register()
        if row.for_administrators:
            permitted = response.status_code == 403
        elif row.names_a_resource:
            permitted = response.status_code == 404
        else:
            sent = json.dumps(owned.request(row.name).get("json"))
            disclosed = [found for found in owned.ids.values() if found in response.text and found not in sent]
            permitted = row.name == "log_in" or (response.status_code not in {422, 500} and not disclosed)
        if not permitted:
            yield violation("another user", row, response)


async def as_administrator(admin: Person, owned: OwnedData, succeeded: set[str]) -> AsyncIterator[Violation]:
    for row in OPERATIONS:
        if row.name in ENDS_THE_SESSION | ADMINISTRATORS_MAY | CANNOT_BE_UNDONE:
            continue
        response = await call(admin, row, owned)
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
        response = await call(owned.owner, row, owned)
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
