"""Plain JSON for the Echo API: responses without envelope, errors as `{"error": message}`."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.error_reports import current_reports
from echo_common.errors import EchoError, is_failure
from echo_common.http.envelope import documented, error_response, from_http_exception, headers_of
from echo_common.http.languages import request_language
from echo_common.http.validation import validation_error
from echo_common.messages.catalogue import message_of


class PlainFailure(BaseModel):
    """An error message."""

    error: str


def plain_response(error: EchoError) -> JSONResponse:
    """Render an error in the language of the request; only its own message reaches the client."""
    return JSONResponse({"error": message_of(error, request_language())}, status_code=error.status, headers=headers_of(error))


def is_plain(path: str) -> bool:
    """Return whether a public path belongs to the Echo API: below /api, without a version."""
    return path.startswith("/api/") and not path.startswith("/api/v1/")


def public_error_response(error: EchoError, scope: Scope) -> JSONResponse:
    """Render an error of a public path: in plain JSON for the Echo API, else in the envelope."""
    return plain_response(error) if is_plain(scope["path"]) else error_response(error, scope["state"]["request_id"])


def documented_plainly(*errors: type[EchoError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` for the errors of a plain route."""
    responses = documented(*errors)
    for response in responses.values():
        response["model"] = PlainFailure
        examples = response["content"]["application/json"]["examples"]
        for example in examples.values():
            example["value"] = {"error": example["value"]["error"]["message"]}
    return responses


class PlainRoute(APIRoute):
    """A service's route with errors in plain JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler with errors rendered in plain JSON."""
        handle = super().get_route_handler()

        async def handle_and_render(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return plain_response(validation_error(error))
            except HTTPException as error:
                return plain_response(from_http_exception(error))
            except EchoError as error:
                if is_failure(error):
                    structlog.get_logger("echo.http").error("request_failed", code=error.code, exc_info=error)
                    if (errors := current_reports.get()) is not None and not error.remote:
                        errors.report("request", request.scope["route"].path, error)
                return plain_response(error)

        return handle_and_render


class PlainErrors:
    """ASGI middleware that renders errors in plain JSON."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the app, and render its error."""
        try:
            await self._app(scope, receive, send)
        except EchoError as error:
            await plain_response(error)(scope, receive, send)
