"""Dependencies and middleware of the gateway."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import structlog
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from echo_common.contracts.events.gateway import GatewayUserDataErased
from echo_common.http.addresses import ClientAddress
from echo_common.http.idempotency import Idempotency
from echo_common.replaced_settings import warn_of_replaced_settings
from echo_common.service import Adapters
from echo_common.store.port import Store
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_gateway.authentication import Authentication
from echo_gateway.clients import open_clients
from echo_gateway.concurrency import ConcurrencyLimiter
from echo_gateway.contract import JOB_PATH, Contracts, id_owners, proxy_endpoints, websocket_endpoints
from echo_gateway.credential_exchange import CredentialExchange
from echo_gateway.dependencies import Dependencies
from echo_gateway.dispatch import Dispatch
from echo_gateway.progress_polls import ProgressPolls
from echo_gateway.rate_limit import RateLimiter, RateLimitMiddleware
from echo_gateway.request_counts import RequestCounting, RequestCounts
from echo_gateway.response_cache import ResponseCache
from echo_gateway.settings import REPLACED, GatewaySettings
from echo_gateway.tokenless import TokenlessAccess
from echo_gateway.user_data import GatewayUserData
from echo_gateway.window_storage import saved_windows

_READABLE = (
    *("ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After"),
    *("traceresponse", "X-Request-ID", "X-Trace-Id"),
)


@asynccontextmanager
async def open_dependencies(settings: GatewaySettings, contracts: Contracts, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the clients of the services and the stores of limits, keys and responses while the context lasts."""
    warn_of_replaced_settings(REPLACED)
    metrics = adapters.metrics
    rate_limiter = RateLimiter(settings, adapters.live_settings, proxy_endpoints(contracts))
    try:
        async with (
            _kept(rate_limiter, adapters.store),
            open_clients(settings, adapters.auth) as clients,
            CredentialExchange.open(adapters.auth, metrics.caches.counter("credential")) as credential_exchange,
        ):
            tokenless = None
            if adapters.api_without_token:
                tokenless = TokenlessAccess(adapters.auth, settings.cors_origins)
                structlog.get_logger("echo.gateway").warning("api_without_token")
            keys = await Idempotency.open(adapters.store)
            erased_users = ErasedUsers(adapters.store, adapters.relay)
            await erased_users.prepare()
            request_counts = RequestCounts(adapters.batches, adapters.live_settings, proxy_endpoints(contracts))
            data = GatewayUserData(keys, rate_limiter, request_counts)
            response_cache = ResponseCache(settings.answer_bytes, metrics.caches.counter("response"))
            measure_cache = metrics.caches.size_measurement("response", lambda: response_cache.size_bytes)
            dependencies = Dependencies(
                clients=clients,
                credential_exchange=credential_exchange,
                rate_limiter=rate_limiter,
                request_counts=request_counts,
                live_settings=adapters.live_settings,
                keys=keys,
                progress_polls=ProgressPolls(),
                response_cache=response_cache,
                concurrency=ConcurrencyLimiter(settings, metrics.http),
                job_owners=id_owners(contracts, JOB_PATH),
                erasure=UserErasure(
                    erased_users, data, lambda user_id: GatewayUserDataErased(user_id=user_id), adapters.faults
                ),
                tokenless=tokenless,
            )
            async with dependencies.erasure.running(), request_counts.events.publishing():
                with metrics.measuring(measure_cache):
                    yield dependencies
    finally:
        await rate_limiter.close()


def _kept(rate_limiter: RateLimiter, store: Store) -> AbstractAsyncContextManager[None]:
    """Keep the counts of this process over a restart; a shared storage keeps its own."""
    if rate_limiter.windows is None:
        return nullcontext()
    return saved_windows(rate_limiter.windows, store.collection("rate_limits"))


def middleware(settings: GatewaySettings, contracts: Contracts) -> Sequence[Middleware]:
    """Build the path of a request to its proxy route, outermost first."""
    endpoints, websockets = list(proxy_endpoints(contracts)), list(websocket_endpoints(contracts))
    layers = [
        Middleware(Authentication),
        Middleware(RequestCounting),
        Middleware(RateLimitMiddleware),
        Middleware(Dispatch, endpoints=endpoints, websockets=websockets),
    ]
    if settings.cors_origins:
        every = ("*",)
        layers.insert(
            0,
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=every,
                allow_headers=every,
                allow_credentials="*" not in settings.cors_origins,  # for the refresh cookie
                expose_headers=_READABLE,
            ),
        )
    if settings.trusted_proxies:
        layers.insert(0, Middleware(ClientAddress, trusted=settings.trusted_proxies))
    return layers
