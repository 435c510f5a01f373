"""WebSocket endpoint of live group sessions (`/group-sessions/{group_session_id}/live`), and its tickets."""

from contextlib import suppress
from typing import Any, Final

from fastapi import WebSocket

from echo_common.auth.dependencies import ListeningWriter, authorize_websocket
from echo_common.auth.principal import Principal, Scope
from echo_common.auth.tickets import LIFETIME
from echo_common.auth.tokens import TokenVerifier
from echo_common.contracts.errors.group_sessions import GroupSessionEndedError, GroupSessionNotFoundError
from echo_common.contracts.http.group_sessions import LiveTicketView
from echo_common.errors import EchoError, ForbiddenError
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.languages import request_language
from echo_common.http.proxy_options import MAX_MESSAGE_BYTES
from echo_common.http.websocket_channel import GONE, WebSocketChannel
from echo_common.http.websocket_errors import close_with_error
from echo_common.messages.catalogue import message_of
from echo_listening.api.dependencies import Deps
from echo_listening.api.group_sessions import GroupSessionId
from echo_listening.dependencies import Dependencies
from echo_listening.usecases.live_sessions import issue_live_ticket, open_connection

_SCOPES: Final = (Scope.LISTENING_READ, Scope.LISTENING_WRITE)
_TICKET: Final[dict[str, Any]] = {
    "ticket": "pT9…",
    "expires_in": LIFETIME,
    "live_url": "/api/v1/group-sessions/session_01KANJVB3ZJ4N6T2Q8W5X7Y9ZD/live?ticket=pT9…",
}

router = PublicRouter("group-sessions")


@router.websocket_endpoint("/group-sessions/{group_session_id}/live", max_message_bytes=MAX_MESSAGE_BYTES, scopes=_SCOPES)
async def follow_group_session(websocket: WebSocket, group_session_id: str) -> None:
    """Follow and control a group session.

    Frames are JSON; see docs/listening.md. The connection needs a token with the scopes `listening:read` and `listening:write`,
    or a ticket in the query, because browsers cannot send a token.
    """
    deps: Dependencies = websocket.app.state.dependencies
    verifier: TokenVerifier = websocket.app.state.verifier
    principal = await _authorize(websocket, group_session_id, verifier)
    async with open_connection(_LiveChannel(websocket), group_session_id, principal, verifier, deps) as connection:
        await websocket.accept()
        try:
            await connection.hold()
        except Exception as error:
            await close_with_error(websocket, error)
        else:
            with suppress(*GONE):
                await websocket.close()


@router.endpoint(
    "POST",
    "/group-sessions/{group_session_id}/live/ticket",
    errors=(GroupSessionNotFoundError, GroupSessionEndedError),
    example=enveloped(_TICKET),
)
async def issue_group_session_ticket(
    group_session_id: GroupSessionId, principal: ListeningWriter, deps: Deps
) -> Success[LiveTicketView]:
    """Create a ticket for one live connection to a group session.

    It is valid for a minute and replaces the access token, which browsers cannot send with a WebSocket. The scope
    `listening:read` is needed too.
    """
    if not principal.may(Scope.LISTENING_READ):
        raise ForbiddenError
    ticket = await issue_live_ticket(group_session_id, principal, deps)
    url = f"/api/v1/group-sessions/{group_session_id}/live?ticket={ticket}"
    return ok(LiveTicketView(ticket=ticket, expires_in=LIFETIME, live_url=url))


async def _authorize(websocket: WebSocket, group_session_id: str, verifier: TokenVerifier) -> Principal:
    ticket = websocket.query_params.get("ticket")
    if ticket is None:
        return await authorize_websocket(websocket, *_SCOPES)
    deps: Dependencies = websocket.app.state.dependencies
    return await deps.tickets.redeem(ticket, verifier, group_session_id)


class _LiveChannel(WebSocketChannel):
    def message_of(self, error: EchoError) -> str:
        return message_of(error, request_language())
