"""Composition of the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from echo_common.http.addresses import ClientAddress
from echo_common.http.connections import ConnectionLimits
from echo_common.http.idempotency import Idempotency
from echo_common.service import Adapters, Service
from echo_gateway import docs, handlers, openapi
from echo_gateway.authentication import Authentication
from echo_gateway.clients import open_clients, service_checks
from echo_gateway.concurrency import OpenRequests
from echo_gateway.contract import Contracts, load_contracts, proxy_endpoints, upload_paths, websocket_endpoints
from echo_gateway.dependencies import Dependencies
from echo_gateway.dispatch import Dispatch
from echo_gateway.limits import Limit, Limits
from echo_gateway.progress_sse import ProgressPolls
from echo_gateway.response_cache import ResponseCache
from echo_gateway.routes import ROUTERS
from echo_gateway.settings import GatewaySettings
from echo_gateway.tokenless import TokenlessAccess

_READABLE = ("ETag", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID")


def service(settings: GatewaySettings | None = None, contracts: Contracts | None = None) -> Service[Dependencies]:
    """Build the gateway; settings come from the environment, and contracts from their files, unless given."""
    chosen = settings or GatewaySettings()
    declared = contracts or load_contracts()

    @asynccontextmanager
    async def opened(adapters: Adapters) -> AsyncIterator[Dependencies]:
        limits = Limits(chosen)
        try:
            async with open_clients(chosen, adapters.auth) as clients:
                keys = await Idempotency.open(adapters.store)
                tokenless = None
                if adapters.api_without_token:
                    tokenless = TokenlessAccess(adapters.auth, chosen.cors_origins)
                    structlog.get_logger("echo.gateway").warning("api_without_token")
                response_cache, open_requests = ResponseCache(chosen.answer_bytes), OpenRequests(chosen)
                yield Dependencies(clients, limits, keys, ProgressPolls(), response_cache, open_requests, tokenless)
        finally:
            await limits.close()

    cors = Middleware(
        CORSMiddleware, allow_origins=chosen.cors_origins, allow_methods=["*"], allow_headers=["*"], expose_headers=_READABLE
    )
    endpoints, websockets = list(proxy_endpoints(declared)), list(websocket_endpoints(declared))
    dispatch = Middleware(Dispatch, endpoints=endpoints, websockets=websockets)
    inner = [Middleware(Authentication), Middleware(Limit), dispatch]
    layers = [cors, *inner] if chosen.cors_origins else inner
    if chosen.trusted_proxies:
        layers = [Middleware(ClientAddress, trusted=chosen.trusted_proxies), *layers]
    return Service(
        name="gateway",
        open=opened,
        routers=[*ROUTERS, openapi.router, docs.router],
        subscriptions=handlers.subscriptions,
        checks=lambda dependencies: service_checks(dependencies.clients),
        uploads=dict.fromkeys(upload_paths(declared), chosen.upload_bytes),
        limits=ConnectionLimits(
            connections=chosen.connections, per_address=chosen.connections_per_address, trusted=chosen.trusted_proxies
        ),
        internal_listen=chosen.internal_listen,
        options={"redirect_slashes": False, "middleware": layers},
    )
