"""Endpoints for API keys."""

from typing import Annotated

from fastapi import Depends, Path

from echo_auth.api import examples
from echo_auth.api.dependencies import Deps, Origin
from echo_auth.usecases import api_keys
from echo_auth.usecases.api_keys import KEY_ORDERS
from echo_common.auth.dependencies import AccountHolder, LoggedInUser
from echo_common.contracts.errors.auth import ApiKeyLimitError, ApiKeyNotFoundError, ScopeNotHeldError
from echo_common.contracts.errors.second_factors import ReauthenticationRequiredError
from echo_common.contracts.http.api_keys import ApiKeyView, CreateApiKeyRequest, CreatedApiKey
from echo_common.http.cache_control import forbid_storing
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated

KeyId = Annotated[str, Path(description="An API key's id.", examples=[examples.API_KEY["id"]])]
KeyPage = Annotated[Page, Depends(paginated(*KEY_ORDERS))]

router = PublicRouter("authentication")


@router.endpoint(
    "POST",
    "/auth/keys",
    status=201,
    errors=(ReauthenticationRequiredError, ScopeNotHeldError, ApiKeyLimitError),
    example=enveloped(examples.API_KEY | {"key": "echo_7Gd2kQ…"}),
)
async def create_api_key(
    body: CreateApiKeyRequest, principal: LoggedInUser, origin: Origin, deps: Deps, _: Annotated[None, Depends(forbid_storing)]
) -> Success[CreatedApiKey]:
    """Create an API key.

    Programs send the key as `Authorization: Bearer` or as `X-API-Key`. It is shown in this response alone. An API key cannot
    create others. A password reset, and an administrator who logs the user out, delete all keys; a change of the password does not.
    """
    return ok(await api_keys.create_key(body, principal, origin, deps))


@router.endpoint("GET", "/auth/keys", example=enveloped([examples.API_KEY], meta=examples.PAGE))
async def list_api_keys(principal: AccountHolder, deps: Deps, page: KeyPage) -> Success[list[ApiKeyView]]:
    """List API keys, newest first."""
    found, total = await api_keys.list_keys(principal.user_id, page, deps)
    return ok(found, meta=page.meta(total))


@router.endpoint(
    "DELETE",
    "/auth/keys/{key_id}",
    idempotent=True,
    errors=(ApiKeyNotFoundError,),
    example=enveloped(None, message="The API key has been deleted."),
)
async def delete_api_key(key_id: KeyId, principal: AccountHolder, origin: Origin, deps: Deps) -> Success[None]:
    """Delete an API key.

    It is refused everywhere within five seconds.
    """
    await api_keys.delete_key(key_id, principal.user_id, origin, deps)
    return ok(None, message="The API key has been deleted.")
