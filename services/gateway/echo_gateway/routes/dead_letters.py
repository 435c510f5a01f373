"""Endpoints for the dead letters of all services."""

import asyncio
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, Path, Query, Request

from echo_common.auth.dependencies import Administrator
from echo_common.bus.delivery import ReplayFailedError
from echo_common.bus.port import DeadLetterNotFoundError
from echo_common.contracts.http.admin import DeadLetterView, ReplayRequest
from echo_common.errors import ValidationError
from echo_common.http.client import ServiceClient
from echo_common.http.dead_letters import LONGEST_LIST, PATH
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.proxy_options import PUBLIC_ROOT
from echo_common.service import dependencies_of
from echo_gateway.dependencies import Dependencies

_DEAD_LETTER = {
    "id": "evt_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "service": "synthesis",
    "topic": "voice.voice_model_ready",
    "event_version": 1,
    "error": "KeyError('reference')",
    "attempts": 5,
    "died_at": "2026-01-31T10:00:00Z",
}
_WHOLE = _DEAD_LETTER | {"body": {"event_id": "evt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"}, "headers": {}}

_REPLAY_SECONDS = 70.0

Deps = Annotated[Dependencies, Depends(dependencies_of)]
ServiceName = Annotated[str, Path(description="The service that gave the message up.", examples=["synthesis"])]
LetterId = Annotated[str, Path(description="A dead letter's id.", examples=[_DEAD_LETTER["id"]])]

dead_letters = PublicRouter("admin", root="", prefix=PUBLIC_ROOT)


@dead_letters.endpoint("GET", "/admin/dead-letters", example=enveloped([_DEAD_LETTER]))
async def list_dead_letters(
    request: Request,
    deps: Deps,
    _: Administrator,
    service: Annotated[str | None, Query(description="Filter by service.", max_length=40)] = None,
    topic: Annotated[str | None, Query(description="Filter by topic.", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_LIST, description="Number of dead letters.")] = 20,
) -> Success[list[DeadLetterView]]:
    """List dead letters, newest first.

    A dead letter is a message that a service could not handle in several attempts.
    """
    query = urlencode({"limit": limit} | ({} if topic is None else {"topic": topic}))
    clients = list(deps.clients.values()) if service is None else [_client(service, deps)]
    found = await asyncio.gather(*(_request(client, "GET", f"{PATH}?{query}", request) for client in clients))
    listed = [DeadLetterView.model_validate(dead_letter) for part in found for dead_letter in part]
    listed.sort(key=lambda dead_letter: dead_letter.died_at, reverse=True)
    return ok(listed[:limit])


@dead_letters.endpoint(
    "GET",
    "/admin/dead-letters/{service}/{letter_id}",
    errors=(DeadLetterNotFoundError,),
    example=enveloped(_WHOLE),
)
async def get_dead_letter(
    service: ServiceName, letter_id: LetterId, request: Request, deps: Deps, _: Administrator
) -> Success[DeadLetterView]:
    """Get a dead letter with its message."""
    dead_letter = await _request(_client(service, deps), "GET", f"{PATH}/{quote(letter_id, safe='')}", request)
    return ok(DeadLetterView.model_validate(dead_letter))


@dead_letters.endpoint(
    "POST",
    "/admin/dead-letters",
    errors=(DeadLetterNotFoundError, ReplayFailedError),
    example=enveloped(None, message="The dead letter has been delivered."),
)
async def replay_dead_letter(body: ReplayRequest, request: Request, deps: Deps, _: Administrator) -> Success[None]:
    """Replay a dead letter.

    Deliver it again to the service that could not handle it, and to no other. It is removed once that service has handled it.
    """
    path = f"{PATH}/{quote(body.id, safe='')}/replay"
    await _request(_client(body.service, deps), "POST", path, request, seconds=_REPLAY_SECONDS)
    return ok(None, message="The dead letter has been delivered.")


async def _request(client: ServiceClient, method: str, path: str, request: Request, *, seconds: float = 30.0) -> Any:
    """Send a request with the administrator's token."""
    headers = {"Authorization": request.headers.get("authorization", "")}
    return await client.request(method, path, headers=headers, seconds=seconds)


def _client(service: str, deps: Dependencies) -> ServiceClient:
    if service not in deps.clients:
        message = f"Name one of {', '.join(sorted(deps.clients))}."
        raise ValidationError(message, details=[{"field": "service", "message": message}])
    return deps.clients[service]
