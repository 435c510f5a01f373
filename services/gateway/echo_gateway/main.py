"""Composition root of the gateway."""

from functools import partial

from echo_common.http.connections import ConnectionLimits
from echo_common.service import Service
from echo_gateway import docs, handlers, openapi, pages
from echo_gateway.clients import service_checks
from echo_gateway.composition import middleware, open_dependencies
from echo_gateway.contract import Contracts, load_contracts, upload_paths
from echo_gateway.dependencies import Dependencies
from echo_gateway.routes import ROUTERS
from echo_gateway.settings import GatewaySettings


def service(settings: GatewaySettings | None = None, contracts: Contracts | None = None) -> Service[Dependencies]:
    """Build the gateway; settings come from the environment, and contracts from their files, unless given."""
    chosen = settings or GatewaySettings()
    declared = contracts or load_contracts()
    return Service(
        name="gateway",
        open=partial(open_dependencies, chosen, declared),
        routers=[*ROUTERS, openapi.router, docs.router, pages.router],
        subscriptions=handlers.subscriptions,
        checks=lambda dependencies: service_checks(dependencies.clients),
        uploads=dict.fromkeys(upload_paths(declared), chosen.upload_bytes),
        limits=ConnectionLimits(
            connections=chosen.connections, per_address=chosen.connections_per_address, trusted=chosen.trusted_proxies
        ),
        internal_listen=chosen.internal_listen,
        trust_traceparent=chosen.trust_traceparent,
        tls=chosen.tls,
        options={"redirect_slashes": False, "middleware": middleware(chosen, declared)},
    )
