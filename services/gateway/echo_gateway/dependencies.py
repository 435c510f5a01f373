"""Dependencies of the gateway's routes and event handlers."""

from collections.abc import Mapping
from dataclasses import dataclass

from echo_common.http.idempotency import Idempotency
from echo_common.live_settings import LiveSettings
from echo_common.user_data.erasure import UserErasure
from echo_gateway.clients import Clients
from echo_gateway.concurrency import ConcurrencyLimiter
from echo_gateway.credential_exchange import CredentialExchange
from echo_gateway.progress_polls import ProgressPolls
from echo_gateway.rate_limit import RateLimiter
from echo_gateway.request_counts import RequestCounts
from echo_gateway.response_cache import ResponseCache
from echo_gateway.tokenless import TokenlessAccess


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies of routes and event handlers, opened once."""

    clients: Clients
    credential_exchange: CredentialExchange
    rate_limiter: RateLimiter
    request_counts: RequestCounts
    live_settings: LiveSettings
    keys: Idempotency
    progress_polls: ProgressPolls
    response_cache: ResponseCache
    concurrency: ConcurrencyLimiter
    job_owners: Mapping[str, str]
    """Services that have jobs, by the prefixes of their ids; see `id_owners`."""
    erasure: UserErasure
    tokenless: TokenlessAccess | None = None
