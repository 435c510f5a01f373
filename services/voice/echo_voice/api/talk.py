"""WebSocket endpoint of spoken conversations (`/echos/{echo_id}/talk`)."""

from contextlib import suppress

from fastapi import WebSocket

from echo_common.auth.dependencies import authorize_websocket
from echo_common.auth.principal import Scope
from echo_common.contracts.errors.chat import ChatModelMissingError, RecogniserMissingError
from echo_common.contracts.http.talk import MAX_FRAME_BYTES
from echo_common.errors import EchoError
from echo_common.http.endpoints import PublicRouter
from echo_common.http.websocket_channel import GONE, WebSocketChannel
from echo_common.http.websocket_errors import close_with_error, error_frame
from echo_voice.dependencies import Dependencies

_SCOPES = (Scope.VOICES_WRITE, Scope.SPEECH_WRITE)

router = PublicRouter("echos")


@router.websocket_endpoint("/echos/{echo_id}/talk", max_message_bytes=MAX_FRAME_BYTES, scopes=_SCOPES)
async def talk_with_echo(websocket: WebSocket, echo_id: str) -> None:
    """Talk with an echo.

    Binary frames are audio: of the microphone from the client, of the echo's replies to it. Text frames are JSON; see docs/echos.md.
    The connection needs a token with the scopes `voices:write` and `speech:write`.
    """
    deps: Dependencies = websocket.app.state.dependencies
    principal = await authorize_websocket(websocket, *_SCOPES)
    echo = await deps.echos.get(echo_id, user_id=principal.user_id)
    if not deps.chat_model.available:
        raise ChatModelMissingError
    if not deps.talk.transcriber.available:
        raise RecogniserMissingError
    await deps.replies.check_quota(principal)
    token = websocket.headers["Authorization"].partition(" ")[2].strip()
    with deps.talk.open.counted(principal.user_id):
        await websocket.accept()
        try:
            await deps.talk.hold(_TalkChannel(websocket), echo, principal, token)
        except Exception as error:
            await close_with_error(websocket, error)
        else:
            with suppress(*GONE):
                await websocket.close()


class _TalkChannel(WebSocketChannel):
    async def send_audio(self, data: bytes) -> None:
        with suppress(*GONE):
            await self._websocket.send_bytes(data)

    async def report(self, error: EchoError) -> None:
        await self.send(error_frame(self._websocket, error))
