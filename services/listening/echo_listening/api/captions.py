"""Endpoints for captions of playlists (`/playlists/{playlist_id}/captions.vtt` and `.srt`)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final

from fastapi import Response

from echo_common.auth.dependencies import ListeningReader, Token
from echo_common.captions import VTT_HEADER, Cue, srt, vtt_cues
from echo_common.contracts.errors.playlists import PlaylistNotFoundError
from echo_common.http.endpoints import Media, PublicRouter
from echo_common.http.proxy_options import LongRequest
from echo_common.http.streams import ClosingStream
from echo_listening.api.dependencies import Deps
from echo_listening.api.playlists import PlaylistId
from echo_listening.usecases.captions import captions_of
from echo_listening.usecases.streams import find_timeline

_SRT: Final = "application/x-subrip"
_VTT: Final = "text/vtt"
_HEADERS: Final = {"Cache-Control": "no-store"}

router = PublicRouter("playlists")


@router.endpoint(
    "GET",
    "/playlists/{playlist_id}/captions.vtt",
    media=Media("WebVTT captions, with the times of the stream.", (_VTT,)),
    long_request=LongRequest.STREAM,
    errors=(PlaylistNotFoundError,),
)
async def get_playlist_vtt_captions(playlist_id: PlaylistId, principal: ListeningReader, token: Token, deps: Deps) -> Response:
    """Get the captions of a playlist, as WebVTT.

    Speech of yours has captions if your token has the scope `speech:read`; that of others once they have read them.
    """
    _, timeline = await find_timeline(playlist_id, principal, deps)
    return ClosingStream(_vtt(captions_of(timeline.items, principal, token, deps)), media_type=_VTT, headers=_HEADERS)


@router.endpoint(
    "GET",
    "/playlists/{playlist_id}/captions.srt",
    media=Media("SubRip captions, with the times of the stream.", (_SRT,)),
    long_request=LongRequest.STREAM,
    errors=(PlaylistNotFoundError,),
)
async def get_playlist_srt_captions(playlist_id: PlaylistId, principal: ListeningReader, token: Token, deps: Deps) -> Response:
    """Get the captions of a playlist, as SubRip.

    Speech of yours has captions if your token has the scope `speech:read`; that of others once they have read them.
    """
    _, timeline = await find_timeline(playlist_id, principal, deps)
    return ClosingStream(_srt(captions_of(timeline.items, principal, token, deps)), media_type=_SRT, headers=_HEADERS)


async def _vtt(tracks: AsyncGenerator[Sequence[Cue], None]) -> AsyncGenerator[bytes, None]:
    yield VTT_HEADER.encode()
    async with aclosing(tracks):
        async for cues in tracks:
            yield "".join(vtt_cues(cues)).encode()


async def _srt(tracks: AsyncGenerator[Sequence[Cue], None]) -> AsyncGenerator[bytes, None]:
    number = 1
    async with aclosing(tracks):
        async for cues in tracks:
            yield "".join(srt(cues, number)).encode()
            number += len(cues)
