"""Proxy routes: they authorise a request by its endpoint's contract and forward it to the service, unparsed."""

from functools import partial

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from echo_common.auth.principal import Principal, Scope
from echo_common.errors import ServiceUnavailableError
from echo_common.http.client import ServiceClient
from echo_common.http.forward import forward, target_of
from echo_common.http.plain import PlainErrors
from echo_common.http.proxy_options import LongRequest
from echo_gateway.authentication import authorize
from echo_gateway.concurrency import ConcurrencyLimited
from echo_gateway.contract import ProxyEndpoint
from echo_gateway.response_cache import CachingEndpoint, ResponseCache


class ProxyRoute:
    """An ASGI app that forwards the requests of one endpoint. Raises `EchoError`s."""

    def __init__(self, endpoint: ProxyEndpoint) -> None:
        self._service = endpoint.service
        self._operation = endpoint.operation
        self._scopes = tuple(map(Scope, endpoint.options.scopes))
        self._public = not endpoint.options.token
        self._ticket_param = (endpoint.options.ticket_param or "").encode()
        self._idempotent = endpoint.options.idempotent
        self._root = endpoint.options.root.encode()

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Authorise the request and forward it."""
        principal = self.authorize(request)
        dependencies = request["app"].state.dependencies
        forwarding: ASGIApp = partial(forward, client_of(self._service, request), target_of(request, self._root, b""))
        if principal is not None and request["method"] == "DELETE":
            send = _evicting_send(dependencies.response_cache, principal.user_id, send)
        if self._idempotent and principal is not None:
            await dependencies.keys.run_once(forwarding, principal.user_id, self._operation, request, receive, send)
        else:
            await forwarding(request, receive, send)

    def authorize(self, request: Request) -> Principal | None:
        """Return the principal; None if the request needs no token and has none.

        Raises `UnauthenticatedError`, `ForbiddenError`.
        """
        if self._public and self._scopes and "refusal" in request["state"]:  # a token is optional, but not an invalid one
            raise request["state"]["refusal"]
        if self._public or (self._ticket_param and self._has_ticket(request)):
            principal: Principal | None = request["state"].get("principal")
            return principal
        return authorize(request, *self._scopes)

    def _has_ticket(self, request: Request) -> bool:
        return any(part.partition(b"=")[0] == self._ticket_param for part in request["query_string"].split(b"&"))


def proxy_app(endpoint: ProxyEndpoint) -> ASGIApp:
    """Build the app of an endpoint: its proxy route with the limits, cache and error format of its contract."""
    options = endpoint.options
    app: ASGIApp = ProxyRoute(endpoint)
    if options.long_request is not None:
        app = ConcurrencyLimited(app, LongRequest(options.long_request))
    if options.cached:
        app = CachingEndpoint(app, *map(Scope, options.scopes))
    return PlainErrors(app) if options.plain else app


def client_of(service: str, request: Request) -> ServiceClient:
    """Return the client of a service. Raises `ServiceUnavailableError` if the service is not configured."""
    client: ServiceClient | None = request["app"].state.dependencies.clients.get(service)
    if client is None:
        setting = f"ECHO_GATEWAY_{service.upper()}_URL"
        raise ServiceUnavailableError(f"The {service} service is not configured. Set {setting}.")
    return client


def _evicting_send(cache: ResponseCache, user_id: str, send: Send) -> Send:
    """Wrap `send` to invalidate a user's cached responses before the response to a deletion starts."""

    async def evict_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            cache.invalidate_user(user_id)
        await send(message)

    return evict_and_send
