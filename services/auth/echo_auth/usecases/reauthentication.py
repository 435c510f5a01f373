"""Recent log-in as a condition for changes of the ways to log in."""

from datetime import timedelta

from echo_auth.dependencies import Dependencies
from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.second_factors import ReauthenticationRequiredError

RECENT = timedelta(minutes=30)


async def require_recent_login(principal: Principal, deps: Dependencies) -> None:
    """Raise `ReauthenticationRequiredError` unless the principal's session started within the last 30 minutes.

    So a stolen token or API key does not suffice to add a way to log in.
    """
    session = await deps.sessions.find_one({"_id": principal.session_id, "user_id": principal.user_id})
    if session is None or session.start_time < now() - RECENT:
        raise ReauthenticationRequiredError
