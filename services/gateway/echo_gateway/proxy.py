"""Proxy routes: public endpoints that document a service's endpoints by a signature and forward requests to the service."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tokens import InvalidTokenError, TokenExpiredError
from echo_common.errors import (
    BodyTooLargeError,
    EchoError,
    ForbiddenError,
    InternalError,
    RateLimitedError,
    ServiceUnavailableError,
    UnauthenticatedError,
    ValidationError,
)
from echo_common.http.envelope import documented
from echo_common.http.forward import forward, target_of
from echo_common.http.idempotency import KEY_PARAMETER, IdempotencyConflictError, KeyReusedError
from echo_common.http.plain import Plainly, documented_plainly
from echo_gateway.authentication import authorize
from echo_gateway.concurrency import Counted, Kind, TooManyOpenError
from echo_gateway.response_cache import CachingEndpoint, ResponseCache

Declared = TypeVar("Declared", bound=Callable[..., None])
PUBLIC_ROOT = "/api/v1"
_ANYBODY = (ValidationError, RateLimitedError, InternalError, ServiceUnavailableError)
_CALLERS = (UnauthenticatedError, TokenExpiredError, InvalidTokenError, ForbiddenError)
_KEYED = (IdempotencyConflictError, KeyReusedError)


@dataclass(frozen=True, slots=True)
class Media:
    """A response without a JSON envelope; `types` are its media types."""

    description: str
    types: Sequence[str]


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """A proxy route that forwards requests to a service. `inner` replaces the path prefix `root`.

    A request with the query parameter `ticket_param` needs no token: the service checks this ticket instead.
    """

    service: str
    operation: str
    scope: Scope | None
    public: bool
    idempotent: bool
    root: bytes
    inner: bytes
    ticket_param: bytes | None = None

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Authorise the request and forward it."""
        open_to_all = self.public or self._has_ticket(request)
        principal: Principal | None = request["state"].get("principal") if open_to_all else authorize(request, self.scope)
        dependencies = request["app"].state.dependencies
        target = target_of(request, self.root, self.inner)
        client = dependencies.clients.get(self.service)
        if client is None:
            raise ServiceUnavailableError(f"There is no {self.service} here.")
        hop: ASGIApp = partial(forward, client, target)
        if principal is not None and request["method"] == "DELETE":
            send = _evicting_send(dependencies.response_cache, principal.user_id, send)
        if self.idempotent and principal is not None:
            await dependencies.keys.once(hop, principal.user_id, self.operation, request, receive, send)
        else:
            await hop(request, receive, send)

    def _has_ticket(self, request: Request) -> bool:
        if self.ticket_param is None:
            return False
        return any(part.partition(b"=")[0] == self.ticket_param for part in request["query_string"].split(b"&"))


class ProxyAPIRoute(APIRoute):
    """A route whose signature is only documentation; `endpoint` serves the request without parsing it."""

    endpoint_app: ASGIApp

    async def handle(self, scope: Request, receive: Receive, send: Send) -> None:
        """Serve the request, or raise a 405 if only the path matches."""
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405)
        await self.endpoint_app(scope, receive, send)


class ProxyRouter(APIRouter):
    """A router of proxy routes for one resource, served by one service under the same paths::

    speech = ProxyRouter("speech", service="synthesis")


    @speech.forward("POST", "/tts/synthesize", scope=Scope.SPEECH_WRITE, answers=Success[SynthesisResult])
    def synthesize(body: SynthesizeRequest) -> None: ...
    """

    def __init__(self, name: str, *, service: str, root: str = PUBLIC_ROOT, plain: bool = False) -> None:
        """With `plain`, error responses have no envelope."""
        super().__init__(tags=[name], route_class=ProxyAPIRoute)
        self._service = service
        self._root = root
        self._plain = plain

    def forward(
        self,
        method: str,
        path: str,
        *,
        answers: Any,
        status: int = 200,
        scope: Scope | None = None,
        public: bool = False,
        ticket_param: str | None = None,
        idempotent: bool = False,
        errors: Sequence[type[EchoError]] = (),
        example: Any = None,
        alias: tuple[str, str] | None = None,
        other_responses: Mapping[int, str] = MappingProxyType({}),
        cached: bool = False,
        by: ASGIApp | None = None,
        stays_open: Kind | None = None,
    ) -> Callable[[Declared], Declared]:
        """Declare a route. The function is never called: its name is the operation id, its docstring the summary and description.

        Args:
            method: The HTTP method.
            path: The path below the router's root.
            answers: Model of the response body, or a `Media`.
            status: Status of a successful response.
            scope: Required scope of the credential; None for any valid credential.
            public: Accept requests without a credential.
            ticket_param: Query parameter with a ticket that replaces the credential.
            idempotent: Accept an `Idempotency-Key`.
            errors: Documented errors of this route, besides the common ones.
            example: Example of the response body.
            alias: Pair (there, here); also serve the route, undocumented, under the path in which `there` replaces `here`.
            other_responses: Descriptions of other responses that are no errors (304), by status.
            cached: Cache immutable responses.
            by: App that serves the route in the gateway, in place of the service.
            stays_open: Kind of long request, as which open requests count.
        """
        body = {"POST", "PUT", "PATCH"} & {method}
        refusals = (
            *_ANYBODY,
            *(() if public else _CALLERS),
            *(_KEYED if idempotent else ()),
            *((BodyTooLargeError,) if body else ()),
            *((TooManyOpenError,) if stays_open else ()),
            *errors,
        )

        def declare(function: Declared) -> Declared:
            summary, _, description = (function.__doc__ or "").strip().partition("\n")
            extra: dict[str, Any] = {} if public else {"security": [{"bearer": []}, *([{}] if ticket_param else [])]}
            if scope is not None:
                extra["x-scope"] = scope.value
            if idempotent:
                extra["parameters"] = [KEY_PARAMETER]
            operation = function.__name__
            endpoint_app: ASGIApp = by or ProxyRoute(
                self._service,
                operation,
                scope,
                public,
                idempotent,
                self._root.encode(),
                b"",
                ticket_param.encode() if ticket_param else None,
            )
            if stays_open is not None:
                endpoint_app = Counted(endpoint_app, stays_open)
            self._add(
                self._root + path,
                function,
                CachingEndpoint(endpoint_app, scope) if cached else endpoint_app,
                methods=[method],
                status_code=status,
                operation_id=operation,
                summary=summary.rstrip("."),
                description=inspect.cleandoc(description),
                openapi_extra=extra,
                **_answer(answers, status, example, other_responses, self._documented(*refusals)),
            )
            if alias is not None:
                there, here = alias
                endpoint_app = by or ProxyRoute(
                    self._service, operation, scope, public, idempotent, (self._root + there).encode(), here.encode()
                )
                if stays_open is not None:
                    endpoint_app = Counted(endpoint_app, stays_open)
                shown = self._root + path.replace(here, there, 1)
                self._add(shown, function, endpoint_app, methods=[method], include_in_schema=False)
            return function

        return declare

    def _add(self, path: str, function: Callable[..., None], endpoint_app: ASGIApp, **options: Any) -> None:
        self.add_api_route(path, function, **options)
        route = self.routes[-1]
        assert isinstance(route, ProxyAPIRoute)  # noqa: S101 - the router's route class guarantees it
        route.endpoint_app = Plainly(endpoint_app) if self._plain else endpoint_app

    def _documented(self, *refusals: type[EchoError]) -> dict[int | str, dict[str, Any]]:
        return documented_plainly(*refusals) if self._plain else documented(*refusals)


def _evicting_send(cache: ResponseCache, user_id: str, send: Send) -> Send:
    """Wrap `send` to invalidate a user's cached responses before the response to a deletion starts."""

    async def forget_and_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            cache.forget_user(user_id)
        await send(message)

    return forget_and_send


def enveloped(data: Any, **more: Any) -> dict[str, Any]:
    """Build an example response with `data` in the envelope."""
    return {"success": True, "data": data, **more, "timestamp": "2026-01-31T10:00:00Z"}


def _answer(
    answers: Any, status: int, example: Any, other_responses: Mapping[int, str], responses: dict[int | str, dict[str, Any]]
) -> dict[str, Any]:
    responses.update({code: {"description": description} for code, description in other_responses.items()})
    if isinstance(answers, Media):
        responses[status] = {
            "description": answers.description,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in answers.types},
        }
        return {"response_model": None, "response_class": Response, "responses": responses}
    responses[status] = {"description": "Done.", "content": {"application/json": {"example": example}}}
    return {"response_model": answers, "responses": responses}
