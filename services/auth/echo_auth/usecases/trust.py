"""Use cases of the services that verify tokens."""

from datetime import datetime, timedelta

from echo_auth.dependencies import Dependencies
from echo_auth.usecases.settings import load_values
from echo_common.auth.tokens import LEEWAY_SECONDS
from echo_common.clock import now
from echo_common.contracts.http.auth import TrustDocument

_NO_TOKEN = 2**31 - 1


async def get_trust_document(deps: Dependencies) -> TrustDocument:
    """Return the public keys, the revocations for which an unexpired access token may exist, and the system settings."""
    since = now() - deps.signer.lasts - timedelta(seconds=2 * LEEWAY_SECONDS)
    return TrustDocument(
        keys=deps.signer.jwks,
        revoked_sessions=sorted([*await deps.sessions.revoked_since(since), *await deps.api_keys.revoked_since(since)]),
        system_settings=dict(sorted((await load_values(deps)).items())),
        token_versions=dict(sorted({**await deps.users.raised_since(since), **await _erased(since, deps)}.items())),
    )


async def _erased(since: datetime, deps: Dependencies) -> dict[str, int]:
    """Return the users erased since then, with a version above all tokens, because their accounts no longer state one."""
    return {user.id: _NO_TOKEN async for user in deps.erased_users.find({"created_at": {"$gte": since}})}
