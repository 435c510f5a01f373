"""Plain JSON for the Echo API: answers without envelope, refusals as `{"error": sentence}`."""

from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from echo_common.errors import EchoError
from echo_common.http.envelope import documented, from_validation, headers_of


class PlainFailure(BaseModel):
    """What went wrong, in a sentence."""

    error: str


def plain_response(error: EchoError) -> JSONResponse:
    """Render an error: nothing but its own words reaches the client."""
    return JSONResponse({"error": error.message}, status_code=error.status, headers=headers_of(error))


def documented_plainly(*errors: type[EchoError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for the errors a plain route may answer with."""
    responses = documented(*errors)
    for response in responses.values():
        response["model"] = PlainFailure
        examples = response["content"]["application/json"]["examples"]
        for example in examples.values():
            example["value"] = {"error": example["value"]["error"]["message"]}
    return responses


class PlainRoute(APIRoute):
    """A service's route that refuses plainly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, its refusals rendered plainly."""
        handle = super().get_route_handler()

        async def plainly(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return plain_response(from_validation(error))
            except EchoError as error:
                if error.status >= 500 and error.status != 503:
                    structlog.get_logger("echo.http").error("request failed", code=error.code, exc_info=error)
                return plain_response(error)

        return plainly


class Plainly:
    """An ASGI app whose refusals are rendered plainly."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse."""
        try:
            await self._app(scope, receive, send)
        except EchoError as error:
            await plain_response(error)(scope, receive, send)
