"""The data of users in the gateway: its erasure."""

from dataclasses import dataclass

from echo_common.http.idempotency import Idempotency
from echo_gateway.rate_limit import RateLimiter
from echo_gateway.request_counts import RequestCounts


@dataclass(frozen=True)
class GatewayUserData:
    """Responses stored for idempotency keys, counts of requests of the current minute, and unpublished counts of requests.

    Every replica clears its response cache and its unpublished counts.
    """

    keys: Idempotency
    rate_limiter: RateLimiter
    request_counts: RequestCounts

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user."""
        await self.keys.erase(user_id)
        await self.rate_limiter.forget(user_id)
        self.request_counts.forget(user_id)
