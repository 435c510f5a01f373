"""Declarations of public endpoints: a service's route with the metadata by which the gateway documents and forwards it."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

from fastapi import APIRouter, Depends, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from echo_common.auth.dependencies import Access, LoginRequiredError
from echo_common.auth.principal import Scope
from echo_common.auth.tokens import (
    AmbiguousCredentialsError,
    InvalidApiKeyError,
    InvalidTokenError,
    TokenExpiredError,
)
from echo_common.contracts.values import Metric
from echo_common.errors import (
    BodyTooLargeError,
    EchoError,
    ForbiddenError,
    InternalError,
    InvalidJsonError,
    JsonRequiredError,
    RateLimitedError,
    ServiceUnavailableError,
    UnauthenticatedError,
    ValidationError,
)
from echo_common.http.envelope import describe_result, documented
from echo_common.http.idempotency import KEY_PARAMETER, IdempotencyConflictError, KeyReusedError
from echo_common.http.plain import PlainRoute, documented_plainly
from echo_common.http.proxy_options import (
    PROXY_EXTENSION,
    PUBLIC_ROOT,
    LongRequest,
    ProxyOptions,
    TooManyOpenError,
)
from echo_common.http.queries import only_known

_GENERAL = (ValidationError, RateLimitedError, InternalError, ServiceUnavailableError)
_AUTHENTICATION = (
    UnauthenticatedError,
    TokenExpiredError,
    InvalidTokenError,
    InvalidApiKeyError,
    AmbiguousCredentialsError,
    ForbiddenError,
)
_IDEMPOTENCY = (IdempotencyConflictError, KeyReusedError)
_JSON_BODY = (InvalidJsonError, JsonRequiredError)
_EVENT_STREAM = "text/event-stream"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Media:
    """A response body other than JSON; `types` are its media types."""

    description: str
    types: Sequence[str]


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart request body: a file in the field `file`, and the text fields of `fields`. `json` is a JSON body in its place."""

    file: str
    fields: type[BaseModel] | None = None
    json: type[BaseModel] | None = None

    def body(self) -> dict[str, Any]:
        """Return the OpenAPI `requestBody`."""
        described = _inlined_schema(self.fields) if self.fields else {}
        schema = {
            "type": "object",
            "properties": {
                self.file: {"type": "string", "contentMediaType": "application/octet-stream"},
                **described.get("properties", {}),
            },
            "required": [self.file, *described.get("required", ())],
            "additionalProperties": False,
        }
        content: dict[str, Any] = {"multipart/form-data": {"schema": schema}}
        if self.json is not None:
            content = {"application/json": {"schema": _inlined_schema(self.json)}} | content
        return {"content": content, "required": True}


class PublicRouter(APIRouter):
    """A router of public endpoints for one resource::

        router = PublicRouter("voices")

        @router.endpoint("GET", "/voices/{voice_id}", errors=(VoiceNotFoundError,), example=enveloped(VOICE))
        async def get_voice(voice_id: VoiceId, principal: SpeechReader, deps: Deps) -> Success[Voice]:
            '''Get a voice.'''

    The public path is `root` plus the path. The function's name is the operation id, its docstring the summary and description;
    the scope is that of its principal. Unknown query parameters are rejected, except in `plain` endpoints, which have no
    envelope.
    """

    def __init__(
        self,
        tag: str,
        *,
        root: str = PUBLIC_ROOT,
        prefix: str = "",
        plain: bool = False,
        dependencies: Sequence[Any] = (),
    ) -> None:
        route_class = PlainRoute if plain else APIRoute
        super().__init__(prefix=prefix, tags=[tag], dependencies=list(dependencies), route_class=route_class)
        self.root = root
        self.plain = plain
        self.websockets: dict[str, dict[str, Any]] = {}

    def endpoint(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        response: Any = None,
        media: Media | None = None,
        form: Form | None = None,
        errors: Sequence[type[EchoError]] = (),
        example: Any = None,
        other_responses: Mapping[int, str] = MappingProxyType({}),
        idempotent: bool = False,
        credentials: bool = False,
        cached: bool = False,
        long_request: LongRequest | None = None,
        alias: tuple[str, str] | None = None,
        id_prefixes: Sequence[str] = (),
        queries: Sequence[str] = (),
        name: str | None = None,
        summary: str | None = None,
        any_query: bool = False,
        other_types: Sequence[str] = (),
        daily_quota: Metric | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare an endpoint.

        Args:
            method: The HTTP method.
            path: The path below `root`.
            status: Status of a successful response.
            response: Model of the response body, if the return annotation is not one.
            media: The response body, if it is not JSON.
            form: The request body, if it is multipart.
            errors: Documented errors, besides the common ones.
            example: Example of the response body.
            other_responses: Descriptions of other responses that are no errors (304), by status.
            idempotent: Accept an `Idempotency-Key`.
            credentials: Count requests, by the client's network, against the rate limit for credentials: they carry a secret that
                could be guessed, or obtain tokens, codes or mails without one.
            cached: Let the gateway cache responses that are immutable, or whose change an event reports (`no-cache`).
            long_request: Kind of long request as which open requests count.
            alias: Pair (path prefix, replacement); also serve the endpoint, undocumented, under the replaced path.
            id_prefixes: Prefixes of the ids that this endpoint serves, where several services serve its path.
            queries: Query parameters (`type=training`) that select this endpoint, where several services serve its path.
            name: Operation id, if it is not the function's name.
            summary: Summary, if it is not that of the function.
            any_query: Ignore unknown query parameters, which other systems add.
            other_types: Further media types of a successful response, besides JSON.
            daily_quota: The quota that counts each successful request; usage reports show its limit.
        """

        def declare(function: Endpoint) -> Endpoint:
            dependant = get_dependant(path=path, call=function)
            access = access_of(dependant)
            aliases = [] if alias is None else [path.replace(*alias, 1)]
            options = ProxyOptions(
                root=self.root,
                aliases=tuple(self.root + self.prefix + other for other in aliases),
                scopes=tuple(scope.value for scope in access.scopes) if access else (),
                token=access is not None and not access.optional,
                credentials=credentials,
                ticket_param=access.ticket_param if access else None,
                idempotent=idempotent,
                cached=cached,
                plain=self.plain,
                upload=form is not None,
                long_request=long_request.value if long_request else None,
                id_prefixes=tuple(id_prefixes),
                queries=tuple(queries),
                daily_quota=daily_quota.value if daily_quota else None,
            )
            refusals = (
                *_GENERAL,
                *(_AUTHENTICATION if access else ()),
                *((LoginRequiredError,) if access and access.login else ()),
                *(_IDEMPOTENCY if idempotent else ()),
                *((BodyTooLargeError,) if method in _WITH_BODY else ()),
                *(_JSON_BODY if dependant.body_params or (form is not None and form.json is not None) else ()),
                *((TooManyOpenError,) if long_request else ()),
                *errors,
            )
            first, _, description = (function.__doc__ or "").strip().partition("\n")
            responses = (documented_plainly if self.plain else documented)(*dict.fromkeys(refusals))
            responses |= {code: {"description": text} for code, text in other_responses.items()}
            responses[status] = _body(media, example, status, response or get_type_hints(function).get("return"))
            responses[status]["content"] |= {kind: {"schema": {"type": "string"}} for kind in other_types}
            more: dict[str, Any] = {"dependencies": [] if self.plain or any_query else [Depends(only_known)]}
            if media is not None:
                more |= {"response_model": None, "response_class": Response}
            elif response is not None:
                more |= {"response_model": response}
            self.add_api_route(
                path,
                function,
                methods=[method],
                status_code=status,
                operation_id=name or function.__name__,
                summary=(summary or first).rstrip("."),
                description=inspect.cleandoc(description),
                responses=responses,
                openapi_extra=_extension(options, access, form),
                **more,
            )
            for other in aliases:
                self.add_api_route(other, function, methods=[method], status_code=status, include_in_schema=False, **more)
            return function

        return declare

    def websocket_endpoint(
        self, path: str, *, max_message_bytes: int, ticket_param: str = "ticket", scopes: Sequence[Scope] = ()
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a WebSocket endpoint.

        The gateway requires a token with the scopes, or the query parameter `ticket_param`, which the endpoint then checks.
        Messages over `max_message_bytes`, at most `MAX_MESSAGE_BYTES`, close the connection with 1009.
        """

        def declare(function: Endpoint) -> Endpoint:
            options = ProxyOptions(
                root=self.root,
                scopes=tuple(scope.value for scope in scopes),
                ticket_param=ticket_param,
                long_request=LongRequest.SUBSCRIPTION.value,
                max_message_bytes=max_message_bytes,
            )
            first, _, description = (function.__doc__ or "").strip().partition("\n")
            self.websockets[self.root + self.prefix + path] = {
                "operationId": function.__name__,
                "tags": self.tags,
                "summary": first.rstrip("."),
                "description": inspect.cleandoc(description),
                PROXY_EXTENSION: options.dump(),
            }
            self.add_api_websocket_route(path, function)
            return function

        return declare


def enveloped(data: Any, **more: Any) -> dict[str, Any]:
    """Build an example response with `data` in the envelope."""
    return {"success": True, "data": data, **more, "timestamp": "2026-01-31T10:00:00Z"}


def access_of(dependant: Dependant) -> Access | None:
    """Return the access that an endpoint's dependencies require; None if it requires none."""
    return next((call for call in _calls(dependant) if isinstance(call, Access)), None)


def upload_paths(routers: Sequence[APIRouter]) -> tuple[str, ...]:
    """Return the paths, in their service, of the endpoints that take a file."""
    routes = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
    return tuple(route.path for route in routes if (route.openapi_extra or {}).get(PROXY_EXTENSION, {}).get("upload"))


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    yield dependant.call
    for part in dependant.dependencies:
        yield from _calls(part)


def _body(media: Media | None, example: Any, status: int, model: Any) -> dict[str, Any]:
    if media is None:
        return {"description": describe_result(model, status, example), "content": {"application/json": {"example": example}}}
    # OpenAPI 3.1 has no schema for a stream of events: the description tells their fields
    content = {
        kind: {} if kind == _EVENT_STREAM else {"schema": {"type": "string", "format": "binary"}} for kind in media.types
    }
    if example is not None and "application/json" in content:
        content["application/json"] = {"schema": {"type": "object"}, "example": example}
    return {"description": media.description, "content": content}


def _inlined_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a model, with those of its fields in place of references."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(member) for member in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix("#/$defs/")
        rest = {key: inlined(value) for key, value in part.items() if key != "$ref"}
        return {**inlined(definitions[name]), **rest} if name else rest

    result: dict[str, Any] = inlined(schema)
    return result


def _extension(options: ProxyOptions, access: Access | None, form: Form | None) -> dict[str, Any]:
    extra: dict[str, Any] = {PROXY_EXTENSION: options.dump()}
    if access is not None:  # FastAPI adds these to the bearer token: any of them suffices
        without_token = access.optional or access.ticket_param is not None
        extra["security"] = [*([] if access.login else [{"apiKey": []}]), *([{}] if without_token else [])]
    if options.scopes:
        extra["x-scope"] = options.scopes[0]
    if options.idempotent:
        extra["parameters"] = [KEY_PARAMETER]
    if form is not None:
        extra["requestBody"] = form.body()
    return extra
