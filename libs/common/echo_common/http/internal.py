"""Health and metrics of an app on an internal listener, for the operator."""

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.errors import NotFoundError
from echo_common.http.envelope import deny_websocket, error_response

OPERATIONS = frozenset({"/health", "/healthz", "/readyz", "/metrics"})
"""Paths of the health router."""


class InternalListener:
    """ASGI app that serves only the health and metrics of another, and marks these requests as internal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve health and metrics; respond with 404 to all other paths, and to WebSocket handshakes."""
        if scope["type"] == "http" and scope["path"] in OPERATIONS:
            scope.setdefault("state", {})["internal"] = True
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await deny_websocket(NotFoundError(), scope, send)
        else:
            await error_response(NotFoundError(), "internal")(scope, receive, send)


def is_internal(scope: Scope) -> bool:
    """Return whether a request came in through the internal listener."""
    return bool(scope["state"].get("internal"))
