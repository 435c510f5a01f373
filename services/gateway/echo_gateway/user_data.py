"""The data of users in the gateway: its erasure."""

from dataclasses import dataclass

from echo_common.http.idempotency import Idempotency
from echo_gateway.rate_limit import RateLimiter
from echo_gateway.request_counts import RequestCounts


@dataclass(frozen=True)
class GatewayUserData:
    """Responses stored for idempotency keys, and counts of requests: of the current minute, and unpublished ones. The response cache is cleared in every replica."""

    keys: Idempotency
    rate_limiter: RateLimiter
    request_counts: RequestCounts

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user."""
        await self.keys.erase(user_id)
        await self.rate_limiter.forget(user_id)
        self.request_counts.forget(user_id)
