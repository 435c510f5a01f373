"""Use cases of API keys: create, list, delete, and exchange for an access token."""

from contextlib import suppress

from echo_auth.dependencies import Dependencies
from echo_auth.domain.api_keys import ApiKey, create_secret, hash_secret
from echo_auth.domain.request_origin import RequestOrigin
from echo_auth.usecases.profiles import load_profile
from echo_auth.usecases.reauthentication import require_recent_login
from echo_auth.usecases.users import record_activity
from echo_common.auth.principal import API_KEY_ID, Principal
from echo_common.auth.tokens import InvalidApiKeyError
from echo_common.clock import now
from echo_common.contracts.errors.auth import AccountInactiveError, ApiKeyLimitError, ApiKeyNotFoundError, ScopeNotHeldError
from echo_common.contracts.http.api_keys import ApiKeyView, CreateApiKeyRequest, CreatedApiKey, ExchangedToken
from echo_common.contracts.http.audit import AuditAction
from echo_common.contracts.system_settings import API_KEYS
from echo_common.errors import refuse
from echo_common.http.pagination import Page
from echo_common.ids import new_id

KEY_ORDERS = ("created_at", "last_used_at", "name")
"""Fields by which the list can be sorted."""


async def create_key(
    request: CreateApiKeyRequest, principal: Principal, origin: RequestOrigin, deps: Dependencies
) -> CreatedApiKey:
    """Create a key and return it with its secret, which is not stored.

    Raises `ReauthenticationRequiredError`, `ScopeNotHeldError`, `ApiKeyLimitError`, `ValidationError`.
    """
    await require_recent_login(principal, deps)
    if lacking := sorted(set(request.scopes) - principal.scopes):
        raise ScopeNotHeldError(details=[{"field": "scopes", "message": f"The creator lacks {', '.join(lacking)}."}])
    if request.expires_at is not None and request.expires_at <= now():
        refuse("expires_at", "The expiry must be in the future.")
    secret = create_secret()
    key = ApiKey.create(
        new_id(API_KEY_ID),
        secret,
        principal.user_id,
        name=request.name,
        scopes=request.scopes,
        expires_at=request.expires_at,
    )
    user_id, limit = principal.user_id, deps.live_settings.get(API_KEYS)
    if await deps.api_keys.count(deps.api_keys.unrevoked(user_id)) >= limit:
        raise ApiKeyLimitError
    await deps.audit.record(AuditAction.API_KEY_CREATED, actor=user_id, target=user_id, address=origin.address, key_id=key.id)
    await deps.api_keys.add(key)
    if await deps.api_keys.count(deps.api_keys.unrevoked(user_id)) > limit:  # parallel requests
        await deps.api_keys.update(key.id, ApiKey.erase)
        raise ApiKeyLimitError
    return CreatedApiKey(**view_of(key).model_dump(), key=secret)


async def list_keys(user_id: str, page: Page, deps: Dependencies) -> tuple[list[ApiKeyView], int]:
    """Return a page of the user's keys, and their total number."""
    where = deps.api_keys.unrevoked(user_id)
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.api_keys.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [view_of(key) async for key in found], await deps.api_keys.count(where)


async def delete_key(key_id: str, user_id: str, origin: RequestOrigin, deps: Dependencies) -> None:
    """Revoke a key; services refuse it once they have refreshed the trust document. Raises `ApiKeyNotFoundError`."""
    key = await deps.api_keys.get(key_id, user_id=user_id)
    if key.revoked_at is not None:
        raise ApiKeyNotFoundError
    await deps.audit.record(AuditAction.API_KEY_DELETED, actor=user_id, target=user_id, address=origin.address, key_id=key_id)
    await deps.api_keys.update(key_id, lambda found: found.revoke(now()), user_id=user_id)


async def revoke_keys(user_id: str, deps: Dependencies) -> None:
    """Revoke all keys of a user, whose account may be in other hands."""
    for key in await deps.api_keys.of_user(user_id):
        with suppress(ApiKeyNotFoundError):  # deleted meanwhile
            await deps.api_keys.update(key.id, lambda found: found.revoke(now()))


async def exchange(credential: str, deps: Dependencies) -> ExchangedToken:
    """Exchange a key for an access token with the key's scopes, and record the use.

    Raises `InvalidApiKeyError`, `AccountInactiveError`.
    """
    moment = now()
    key = await deps.api_keys.find_one({"hash": hash_secret(credential)})
    if key is None or not key.is_valid(moment):
        raise InvalidApiKeyError
    user = await deps.users.find_one({"_id": key.user_id})
    if user is None:
        raise InvalidApiKeyError
    if not user.is_active:
        raise AccountInactiveError
    await deps.api_keys.record_use(key.id, moment)
    user = await record_activity(user, moment, deps)
    profile = await load_profile(user, deps)
    token = deps.signer.access_token(
        user,
        key.id,
        moment,
        language=profile.preferred_language,
        scopes=frozenset(key.scopes),
        expires_at=key.expires_at,
    )
    lasts = deps.signer.lasts if key.expires_at is None else min(deps.signer.lasts, key.expires_at - moment)
    return ExchangedToken(access_token=token, expires_in=lasts.total_seconds())


def view_of(key: ApiKey) -> ApiKeyView:
    """Build the view of a key."""
    return ApiKeyView(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
    )
