"""Tests of authorisation dependencies of routes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends

from echo_common.auth.dependencies import Access, CurrentPrincipal, SpeechWriter
from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import TokenVerifier
from echo_common.http.app import create_app
from echo_common.http.client import RemoteError, ServiceClient
from echo_common.http.server import serving
from echo_common.http.token_trust import TokenTrust
from echo_common.metrics import Metrics
from tests.support.issuer import Issuer

router = APIRouter()


@router.get("/me")
async def me(principal: CurrentPrincipal) -> str:
    return principal.user_id


@router.get("/speak")
async def speak(_: SpeechWriter) -> str:
    return "spoken"


@router.get("/both")
async def both(_: Annotated[Principal, Depends(Access((Scope.SPEECH_READ, Scope.VOICES_READ)))]) -> str:
    return "both"


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def client(issuer: Issuer, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    app = create_app("door", [router], metrics=Metrics())
    async with (
        issuer.serving(tmp_path) as auth,
        ServiceClient.open("auth", auth) as auth_client,
        TokenTrust.following(auth_client) as trust,
        serving(app, f"unix://{tmp_path}/door.sock") as url,
        ServiceClient.open("door", url) as opened,
    ):
        app.state.verifier = TokenVerifier(trust)
        yield opened


async def knock(client: ServiceClient, path: str, authorization: str | None) -> object:
    return await client.request("GET", path, headers={"Authorization": authorization} if authorization is not None else {})


async def code_of(client: ServiceClient, path: str, authorization: str | None) -> tuple[int, str]:
    with pytest.raises(RemoteError) as refusal:
        await knock(client, path, authorization)
    return refusal.value.status, refusal.value.code


async def test_the_principal_comes_from_the_token(client: ServiceClient, issuer: Issuer):
    assert await knock(client, "/me", f"Bearer {issuer.token(sub='usr_9')}") == "usr_9"
    assert await knock(client, "/me", f"bearer {issuer.token(sub='usr_9')}") == "usr_9"


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
async def test_requests_without_a_token_are_unauthorised(client: ServiceClient, authorization: str | None):
    assert await code_of(client, "/me", authorization) == (401, "UNAUTHENTICATED")


async def test_invalid_and_expired_tokens_have_different_errors(client: ServiceClient, issuer: Issuer):
    assert await code_of(client, "/me", "Bearer nonsense") == (401, "INVALID_TOKEN")
    assert await code_of(client, "/me", f"Bearer {issuer.token(lasts=-60)}") == (401, "TOKEN_EXPIRED")


async def test_all_required_scopes_are_checked(client: ServiceClient, issuer: Issuer):
    reader = f"Bearer {issuer.token(scope='speech:read')}"
    writer = f"Bearer {issuer.token(scope='speech:write')}"

    assert await code_of(client, "/speak", reader) == (403, "FORBIDDEN")
    assert await knock(client, "/speak", writer) == "spoken"
    assert await code_of(client, "/both", reader) == (403, "FORBIDDEN")
    assert await knock(client, "/both", f"Bearer {issuer.token(scope='voices:read speech:read')}") == "both"
