"""Dispatch to proxy routes by a trie of path segments, where the framework tries one route after another.

Measured with about twenty routes: 170 µs per request in the framework, 2 µs here. Requests to other paths go to the framework,
which serves the gateway's own routes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.errors import EchoError, MethodNotAllowedError, NotFoundError
from echo_common.http.envelope import deny_websocket
from echo_common.http.plain import is_plain, public_error_response
from echo_gateway.contract import ProxyEndpoint
from echo_gateway.proxy import proxy_app
from echo_gateway.websocket_proxy import WebSocketRoute


@dataclass(frozen=True, slots=True)
class Route:
    """A public path template and the app that serves it."""

    path: str
    app: ASGIApp
    parameters: Sequence[str]
    queries: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Node:
    literal: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    owners: dict[str, dict[str, list[Route]]] = field(default_factory=dict)
    """Routes by method for each id prefix, the longest prefix first."""


Owners = Mapping[str, Mapping[str, Sequence[Route]]]


class Dispatch:
    """A dispatcher to proxy routes; literal segments take precedence over parameters.

    Where several services serve a path, the prefix of the last parameter's value selects the service, or a query parameter.
    """

    def __init__(self, app: ASGIApp, *, endpoints: Iterable[ProxyEndpoint], websockets: Iterable[ProxyEndpoint] = ()) -> None:
        self._app = app
        self._root = _Node()
        for endpoint in endpoints:
            self._add(self._root, endpoint, proxy_app(endpoint))
        self._websockets = _Node()
        for endpoint in websockets:
            self._add(self._websockets, endpoint, WebSocketRoute(endpoint))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Dispatch to the matching route, or to the framework."""
        if scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
            return
        found = _find(self._root, scope["path"]) if scope["type"] == "http" else None
        if found is None and not (scope["type"] == "http" and is_plain(scope["path"])):
            await self._app(scope, receive, send)
            return
        try:
            if found is None:
                raise NotFoundError
            owners, values = found
            route = _select(owners, values, scope["method"], scope["query_string"])
            scope["route"] = route
            scope["path_params"] = dict(zip(route.parameters, values, strict=True))
            await route.app(scope, receive, send)
        except EchoError as error:
            await public_error_response(error, scope)(scope, receive, send)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            found = _find(self._websockets, scope["path"])
            if found is None:
                raise NotFoundError
            route = _select(*found, "WEBSOCKET", scope["query_string"])
            scope["route"] = route
            await route.app(scope, receive, send)
        except EchoError as error:
            await deny_websocket(error, scope, send)

    def _add(self, node: _Node, endpoint: ProxyEndpoint, app: ASGIApp) -> None:
        for segment in endpoint.path.split("/"):
            if segment.startswith("{"):
                node.parameter = node = node.parameter or _Node()
            else:
                node = node.literal.setdefault(segment, _Node())
        parameters = [segment.strip("{}") for segment in endpoint.path.split("/") if segment.startswith("{")]
        route = Route(endpoint.path, app, parameters, frozenset(endpoint.options.queries))
        for prefix in endpoint.options.id_prefixes or ("",):
            routes = node.owners.setdefault(prefix, {}).setdefault(endpoint.method, [])
            if any(other.queries == route.queries or other.queries & route.queries for other in routes):
                raise ValueError(f"{endpoint.method} {endpoint.path} is served twice; declare id prefixes or queries")
            routes.append(route)
            routes.sort(key=lambda known: not known.queries)
        node.owners = dict(sorted(node.owners.items(), key=lambda owner: len(owner[0]), reverse=True))


def _find(node: _Node, path: str) -> tuple[Owners, Sequence[str]] | None:
    """Return the routes of a path and the values of its parameters; None if no proxy route serves it."""
    values: list[str] = []
    for segment in path.split("/"):
        following = node.literal.get(segment)
        if following is None and segment:
            following = node.parameter
            values.append(segment)
        if following is None:
            return None
        node = following
    return (node.owners, values) if node.owners else None


def _select(owners: Owners, values: Sequence[str], method: str, query: bytes) -> Route:
    """Return the route of a method, of the service to which the id in the last parameter or the query belongs.

    Raises `MethodNotAllowedError`; `NotFoundError` if no service has such ids.
    """
    routes = next((routes for prefix, routes in owners.items() if not prefix or values[-1].startswith(prefix)), None)
    if routes is None:
        raise NotFoundError
    if method not in routes:
        raise MethodNotAllowedError(sorted(routes))
    for route in routes[method]:
        if not route.queries or route.queries & {unquote_plus(part) for part in query.decode("latin-1").split("&")}:
            return route
    raise NotFoundError
