"""The administrators' API: dead letters of all services."""

import asyncio
from typing import Annotated, Any, NoReturn
from urllib.parse import quote, urlencode

from fastapi import Path, Query
from pydantic import ValidationError as InvalidBodyError
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Request

from echo_common.auth.principal import Scope
from echo_common.bus.delivery import ReplayFailedError
from echo_common.bus.port import DeadLetterNotFoundError
from echo_common.contracts.http.admin import DeadLetterView, ReplayRequest
from echo_common.errors import ValidationError
from echo_common.http.client import ServiceClient
from echo_common.http.dead_letters import LONGEST_LIST, PATH
from echo_common.http.envelope import Success, ok
from echo_gateway.authentication import authorize
from echo_gateway.dependencies import Dependencies
from echo_gateway.proxy import ProxyRouter, enveloped

_LETTER = {
    "id": "evt_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "service": "synthesis",
    "topic": "voice.voice_model_ready",
    "event_version": 1,
    "error": "KeyError('reference')",
    "attempts": 5,
    "died_at": "2026-01-31T10:00:00Z",
}
_WHOLE = _LETTER | {"body": {"event_id": "evt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"}, "headers": {}}

_REPLAY_SECONDS = 70.0

ServiceName = Annotated[str, Path(description="The service that gave the message up.", examples=["synthesis"])]
LetterId = Annotated[str, Path(description="A dead letter's id.", examples=[_LETTER["id"]])]
admin = ProxyRouter("admin", service="auth")


async def _list(scope: Request, receive: Receive, send: Send) -> None:
    authorize(scope, Scope.ADMIN)
    query = HTTPRequest(scope).query_params
    limit = query.get("limit", "20")
    if not limit.isdecimal() or not 1 <= int(limit) <= LONGEST_LIST:
        _refuse("limit", f"Give a number from 1 to {LONGEST_LIST}.")
    wanted = {"limit": limit} | ({"topic": query["topic"]} if "topic" in query else {})
    clients = _clients(scope, query.get("service"))
    asked = [client.request("GET", f"{PATH}?{urlencode(wanted)}", headers=_authorization(scope)) for client in clients]
    letters = [letter for found in await asyncio.gather(*asked) for letter in found]
    letters.sort(key=lambda letter: str(letter["died_at"]), reverse=True)
    await _answer(letters[: int(limit)], scope, receive, send)


async def _get(scope: Request, receive: Receive, send: Send) -> None:
    authorize(scope, Scope.ADMIN)
    place = scope["path_params"]
    [client] = _clients(scope, place["service"])
    path = f"{PATH}/{quote(place['letter_id'], safe='')}"
    await _answer(await client.request("GET", path, headers=_authorization(scope)), scope, receive, send)


async def _replay(scope: Request, receive: Receive, send: Send) -> None:
    authorize(scope, Scope.ADMIN)
    try:
        wanted = ReplayRequest.model_validate_json(await HTTPRequest(scope, receive).body())
    except InvalidBodyError as error:
        fields = [{"field": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
        raise ValidationError("Name the service and the id of a dead letter.", details=fields) from None
    [client] = _clients(scope, wanted.service)
    path = f"{PATH}/{quote(wanted.id, safe='')}/replay"
    await client.request("POST", path, headers=_authorization(scope), seconds=_REPLAY_SECONDS)
    await _answer(None, scope, receive, send, message="The dead letter has been delivered.")


def _clients(scope: Request, service: str | None) -> list[ServiceClient]:
    dependencies: Dependencies = scope["app"].state.dependencies
    if service is None:
        return list(dependencies.clients.values())
    if service not in dependencies.clients:
        _refuse("service", f"Name one of {', '.join(sorted(dependencies.clients))}.")
    return [dependencies.clients[service]]


def _refuse(field: str, message: str) -> NoReturn:
    raise ValidationError(message, details=[{"field": field, "message": message}])


def _authorization(scope: Request) -> dict[str, str]:
    return {"Authorization": dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")}


async def _answer(data: Any, scope: Request, receive: Receive, send: Send, *, message: str | None = None) -> None:
    await JSONResponse(ok(data, message=message).model_dump(mode="json"))(scope, receive, send)


@admin.forward(
    "GET",
    "/admin/dead-letters",
    by=_list,
    scope=Scope.ADMIN,
    answers=Success[list[DeadLetterView]],
    example=enveloped([_LETTER]),
)
def list_dead_letters(
    service: Annotated[str | None, Query(description="Filter by service.", max_length=40)] = None,
    topic: Annotated[str | None, Query(description="Filter by topic.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_LIST, description="Number of dead letters.")] = 20,
) -> None:
    """List dead letters, newest first.

    A dead letter is a message that a service has given up on after several attempts.
    """


@admin.forward(
    "GET",
    "/admin/dead-letters/{service}/{letter_id}",
    by=_get,
    scope=Scope.ADMIN,
    answers=Success[DeadLetterView],
    errors=(DeadLetterNotFoundError, ValidationError),
    example=enveloped(_WHOLE),
)
def get_dead_letter(service: ServiceName, letter_id: LetterId) -> None:
    """Get a dead letter with its message."""


@admin.forward(
    "POST",
    "/admin/dead-letters",
    by=_replay,
    scope=Scope.ADMIN,
    answers=Success[None],
    errors=(DeadLetterNotFoundError, ReplayFailedError),
    example=enveloped(None, message="The dead letter has been delivered."),
)
def replay_dead_letter(body: ReplayRequest) -> None:
    """Replay a dead letter.

    Deliver it again to the service that gave it up, and to no other. It is removed once that service has handled it.
    """
