"""The data of users in the gateway: its erasure."""

from dataclasses import dataclass

from echo_common.http.idempotency import Idempotency
from echo_gateway.rate_limit import RateLimiter


@dataclass(frozen=True)
class GatewayUserData:
    """Responses stored for idempotency keys, and counts of requests. The response cache is cleared in every replica."""

    keys: Idempotency
    rate_limiter: RateLimiter

    async def erase(self, user_id: str) -> None:
        """Erase everything of a user."""
        await self.keys.erase(user_id)
        await self.rate_limiter.forget(user_id)
