"""The envelope of all responses, and the rendering of errors."""

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar, get_args, get_origin

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope, Send

from echo_common.error_reports import ErrorReports
from echo_common.errors import (
    BodyTooLargeError,
    EchoError,
    ForbiddenError,
    InternalError,
    InvalidJsonError,
    MethodNotAllowedError,
    NotFoundError,
    ServiceUnavailableError,
    UnauthenticatedError,
    ValidationError,
    is_failure,
)
from echo_common.http.languages import request_language
from echo_common.http.validation import number_too_long, validation_error
from echo_common.messages.catalogue import message_of, success_message

RESPONSE_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
"""ASGI messages that start a response: to a request, or to a refused WebSocket handshake."""

T = TypeVar("T")


def _second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Success(BaseModel, Generic[T]):
    """Envelope of a successful response. `message` and `meta` are omitted when empty."""

    success: Literal[True] = True
    data: T
    message: str | None = None
    meta: dict[str, Any] | None = None
    timestamp: datetime = Field(default_factory=_second)

    @model_serializer(mode="wrap")
    def _keep_null_fields(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = handler(self)
        return {key: value for key, value in body.items() if value is not None or key == "data"}


class Problem(BaseModel):
    """An error: a stable code, a message for people, and optional details."""

    code: str
    message: str
    details: Any = None


class Failure(BaseModel):
    """Envelope of an error response."""

    success: Literal[False] = False
    error: Problem
    request_id: str
    timestamp: datetime = Field(default_factory=_second)


def ok(data: T, *, message: str | None = None, meta: dict[str, Any] | None = None) -> Success[T]:
    """Wrap a result in the envelope; the English message is translated to the language of the request."""
    translated = None if message is None else success_message(message, request_language())
    return Success(data=data, message=translated, meta=meta)


def error_response(error: EchoError, request_id: str) -> JSONResponse:
    """Render an error in the language of the request; only its own message and details reach the client."""
    body: dict[str, Any] = {"code": error.code, "message": message_of(error, request_language())}
    if error.details is not None:
        body["details"] = error.details
    content = {
        "success": False,
        "error": body,
        "request_id": request_id,
        "timestamp": _second().isoformat().replace("+00:00", "Z"),
    }
    return JSONResponse(content, status_code=error.status, headers=headers_of(error))


def headers_of(error: EchoError) -> dict[str, str]:
    """Return the header fields that HTTP requires for an error."""
    headers = dict(error.headers)
    if error.status == 413:
        headers["Connection"] = "close"  # otherwise the rest of the body would be read
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def documented(*errors: type[EchoError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` for a route's errors: every status, every code, an example each."""
    responses: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        response = responses.setdefault(
            error.status, {"model": Failure, "description": "", "content": {"application/json": {"examples": {}}}}
        )
        response["description"] = " ".join(filter(None, [response["description"], f"`{error.code}`"]))
        response["content"]["application/json"]["examples"][error.code] = {
            "value": {
                "success": False,
                "error": {"code": error.code, "message": error.default_message()},
                "request_id": "req_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
                "timestamp": "2026-01-31T10:00:00Z",
            }
        }
    return responses


async def deny_websocket(error: EchoError, scope: Scope, send: Send) -> None:
    """Refuse a WebSocket handshake with an error's status and envelope."""
    response = error_response(error, str(scope.get("state", {}).get("request_id", "")))
    headers = list(response.raw_headers)
    await send({"type": "websocket.http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": bytes(response.body), "more_body": False})


_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_BY_STATUS: Mapping[int, type[EchoError]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: MethodNotAllowedError,
    413: BodyTooLargeError,
    503: ServiceUnavailableError,
}


_TOO_MANY_DIGITS = "integer string conversion"
"""Part of the message of Python for an integer with more digits than it converts; the error has no type of its own."""


def from_http_exception(error: HTTPException) -> EchoError:
    """Convert the framework's errors (unknown route, wrong method) to `EchoError`."""
    known = _BY_STATUS.get(error.status_code)
    if known is not None:
        return known()
    if isinstance(error.__cause__, UnicodeDecodeError):
        return InvalidJsonError("The body is not valid JSON: it is not encoded in UTF-8. Encode it in UTF-8.")
    if isinstance(error.__cause__, RecursionError):
        return InvalidJsonError("The body is not valid JSON: it is nested too deeply. Send a flatter object.")
    if isinstance(error.__cause__, ValueError) and _TOO_MANY_DIGITS in str(error.__cause__):
        return number_too_long()
    return ValidationError(str(error.detail)) if error.status_code < 500 else InternalError()


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """Return every method of a path; the framework names those of one route only."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def install_error_handlers(app: FastAPI, errors: ErrorReports | None = None) -> None:
    """Render every error of the app as a `Failure`; report those of this service to `errors`."""
    log = structlog.get_logger("echo.http")

    def request_id(request: Request) -> str:
        return str(request.scope.get("state", {}).get("request_id", ""))

    async def on_echo_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, EchoError)  # noqa: S101 - registered for this type
        if is_failure(error):
            log.error("request_failed", code=error.code, exc_info=error)
            if errors is not None and not error.remote:
                errors.report("request", getattr(request.scope.get("route"), "path", None), error)
        return error_response(error, request_id(request))

    async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        response = error_response(from_http_exception(error), request_id(request))
        response.headers.update(error.headers or {})
        if error.status_code == 405:
            response.headers["Allow"] = ", ".join(_allowed(app, request))
        return response

    async def on_validation(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return error_response(validation_error(error), request_id(request))

    app.add_exception_handler(EchoError, on_echo_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_validation)


def describe_result(model: Any, status: int, example: Any) -> str:
    """Describe a result by the docstring of its model, or, without data, by the message of the example."""
    data: Any = model
    if isinstance(model, type) and issubclass(model, Success):
        data = model.model_fields["data"].annotation
    is_list = get_origin(data) is list
    item = get_args(data)[0] if is_list else data
    if not (isinstance(item, type) and issubclass(item, BaseModel)):
        message: str = (example or {}).get("message") or "Success"
        return f"{message.rstrip('.')}."
    first = inspect.getdoc(item) or item.__name__
    first = first.split("\n")[0].split(". ")[0].rstrip(".")
    result = first[0].lower() + first[1:]
    if is_list:
        return f"A list; each item is {result}."
    return {201: f"Created: {result}.", 202: f"Accepted: {result}."}.get(status, f"{first}.")
