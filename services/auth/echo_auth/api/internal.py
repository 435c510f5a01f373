"""Endpoints for the other services; the gateway does not forward them."""

from hashlib import sha256

from fastapi import APIRouter, Depends, Request, Response

from echo_auth.api.dependencies import Deps
from echo_auth.usecases import api_keys, echo_users, identities, lookup
from echo_auth.usecases.trust import get_trust_document
from echo_common.contracts.http.api_keys import API_KEY_PREFIX, EXCHANGE_PATH, ExchangedToken, ExchangeRequest
from echo_common.contracts.http.auth import (
    LOCAL_SESSION_PATH,
    RECIPIENT_PATH,
    TRUST_PATH,
    LocalSession,
    Recipient,
    RecipientRequest,
    TrustDocument,
)
from echo_common.http.cache_control import forbid_storing
from echo_common.http.envelope import Success, ok

router = APIRouter()


@router.get(TRUST_PATH, include_in_schema=False, response_model=TrustDocument)
async def get_trust(request: Request, deps: Deps) -> Response:
    """Get the trust document, with which services verify tokens; 304 if unchanged."""
    body = (await get_trust_document(deps)).model_dump_json().encode()
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag, "Cache-Control": "no-cache"})


@router.post(LOCAL_SESSION_PATH, include_in_schema=False, dependencies=[Depends(forbid_storing)])
async def start_local_session(deps: Deps) -> Success[LocalSession]:
    """Issue the local user's token to the gateway, for Echo API requests without a token."""
    return ok(await echo_users.start_local_session(deps))


@router.post(EXCHANGE_PATH, include_in_schema=False, dependencies=[Depends(forbid_storing)])
async def exchange(body: ExchangeRequest, deps: Deps) -> Success[ExchangedToken]:
    """Exchange an API key or a token of the identity provider for an access token, for the gateway."""
    credential = body.credential.get_secret_value()
    if credential.startswith(API_KEY_PREFIX):
        return ok(await api_keys.exchange(credential, deps))
    return ok(await identities.exchange_bearer(credential, deps))


@router.post(RECIPIENT_PATH, include_in_schema=False)
async def find_recipient(body: RecipientRequest, deps: Deps) -> Success[Recipient]:
    """Find the recipient of a share, for the service that owns the shared resource."""
    return ok(await lookup.find_recipient(body, deps))
