"""Port of the captions of generated speech, which synthesis makes from word timings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol
from urllib.parse import quote

import structlog

from echo_common.errors import EchoError
from echo_common.http.client import RemoteError, ServiceClient

_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


class SpeechCaptions(Protocol):
    """The captions of users' audio, with the access of the user's own `token`."""

    async def find(self, audio_id: str, token: str) -> str | None:
        """Return the captions of the current revision of an audio as WebVTT; None if there are none, or not in time."""


class NoSpeechCaptions(SpeechCaptions):
    """No synthesis service: there are no captions."""

    async def find(self, audio_id: str, token: str) -> str | None:
        """Return None."""
        return None


class RemoteSpeechCaptions(SpeechCaptions):
    """The captions of users' audio in the synthesis service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def find(self, audio_id: str, token: str) -> str | None:
        """Return the captions of an audio; see `SpeechCaptions`."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            return await self._client.fetch_text(f"/tts/{quote(audio_id)}/captions.vtt", headers=headers, seconds=_SECONDS)
        except RemoteError as error:
            _log.info("captions_refused", code=error.code)
        except EchoError:
            _log.warning("captions_unavailable", exc_info=True)
        return None


@asynccontextmanager
async def open_speech_captions(url: str | None) -> AsyncIterator[SpeechCaptions]:
    """Open the client of the synthesis service at a URL while the context lasts; without one, there are no captions."""
    if url is None:
        yield NoSpeechCaptions()
        return
    async with ServiceClient.open("synthesis", url) as client:
        yield RemoteSpeechCaptions(client)
