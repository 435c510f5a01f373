"""Responses of a service that is still starting."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo_common.auth.principal import Principal
from echo_common.errors import ServiceUnavailableError
from echo_common.http.app import create_app
from echo_common.http.client import STARTING
from echo_common.http.envelope import RESPONSE_STARTS, deny_websocket
from echo_common.http.plain import public_error_response
from echo_common.metrics import Metrics

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_RETRY_SECONDS = 2
_HEALTH = frozenset({"/healthz", "/readyz", "/health"})


class StartupGate:
    """ASGI app that stands for a service's own app until that has started.

    `/healthz` is 200. `/readyz` and all other paths are 503 and name the missing part. The header `STARTING` tells a proxy that
    the request was not processed and may be sent to another replica.
    """

    def __init__(self, service: str, *, restricted_health: bool = False) -> None:
        app = create_app(
            service,
            [self._refusing()],
            metrics=Metrics(),
            checks={"start": self._check},
            restricted_health=restricted_health,
        )
        app.state.verifier = self  # tokens cannot be verified yet
        self._app: ASGIApp = app
        self._started = False
        self.waits_for = "The service is starting."

    def open(self, app: ASGIApp) -> None:
        """Serve the service's own app from now on."""
        self._app = app
        self._started = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if self._started or scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in _HEALTH):
            await self._app(scope, receive, send)
            return

        async def send_marked(message: Message) -> None:
            if message["type"] in RESPONSE_STARTS:
                message["headers"] = [*message["headers"], (STARTING.encode(), b"1")]
            await send(message)

        if scope["type"] == "websocket":
            await deny_websocket(ServiceUnavailableError(self.waits_for, retry_after=_RETRY_SECONDS), scope, send_marked)
        else:
            await self._app(scope, receive, send_marked)

    async def verify(self, token: str) -> Principal:
        """Raise `ServiceUnavailableError`: tokens cannot be verified yet."""
        raise ServiceUnavailableError(self.waits_for, retry_after=_RETRY_SECONDS)

    async def _check(self) -> Mapping[str, Any] | None:
        raise ServiceUnavailableError(self.waits_for)

    def _refusing(self) -> APIRouter:
        router = APIRouter()

        @router.api_route("/{path:path}", methods=_METHODS, include_in_schema=False)
        async def refuse(request: Request) -> Response:
            return public_error_response(ServiceUnavailableError(self.waits_for, retry_after=_RETRY_SECONDS), request.scope)

        return router
