"""App factory for the HTTP side of every service."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter, FastAPI

from echo_common.error_reports import ErrorReports
from echo_common.http.envelope import install_error_handlers
from echo_common.http.health import Check, HealthChecks, health_router
from echo_common.http.request_telemetry import RequestTelemetry
from echo_common.metrics import Metrics

_NO_SECOND_SPAN = {"tracing": False, "metrics": False, "logs": False}  # the telemetry middleware creates the span
MAX_JSON_BODY = 2 * 1024 * 1024


def create_app(
    service: str,
    routers: Sequence[APIRouter],
    *,
    metrics: Metrics,
    checks: Mapping[str, Check] | None = None,
    max_body: int = MAX_JSON_BODY,
    uploads: Mapping[str, int] = MappingProxyType({}),
    restricted_health: bool = False,
    https: bool = False,
    trace_response: bool = False,
    errors: ErrorReports | None = None,
    client_trace_ratio: float | None = None,
    **options: Any,
) -> FastAPI:
    """Create a FastAPI app with the envelope, health routes and telemetry. `options` go to `FastAPI`.

    Bodies over `max_body` bytes are rejected with 413. `uploads` maps paths that take files, with parameters in braces, to their largest
    file size in bytes; JSON on such a path is no file. Interactive documentation is off unless enabled in `options`. With `restricted_health`, metrics and the details of
    health are for the operator alone; with `https`, browsers are told to use HTTPS only; with `trace_response`, responses name
    their trace. `errors` collects unhandled exceptions. `client_trace_ratio` is that of
    `RequestTelemetry`.
    """
    fixed = {"docs_url": None, "redoc_url": None, "openapi_url": None, "telemetry": _NO_SECOND_SPAN}
    app = FastAPI(**{"title": f"Echo {service}"} | fixed | options)
    install_error_handlers(app, errors)
    if checks is not None:
        app.state.health = HealthChecks(service, checks, metrics)
        app.include_router(health_router(app.state.health, metrics, restricted=restricted_health))
    for router in routers:
        app.include_router(router)
    app.add_middleware(
        RequestTelemetry,
        service=service,
        metrics=metrics,
        max_body=max_body,
        uploads=uploads,
        https=https,
        trace_response=trace_response,
        errors=errors,
        client_trace_ratio=client_trace_ratio,
    )
    return app
