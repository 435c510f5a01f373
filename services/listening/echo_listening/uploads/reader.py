"""Reader of uploads that decodes in a sandboxed process."""

import asyncio
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from echo_common.audio_files.formats import sniff
from echo_common.contracts.errors.tracks import TrackNotAudioError, TrackTooLongError
from echo_common.errors import UnsupportedMediaError
from echo_common.sandbox import run_sandboxed
from echo_listening.settings import ListeningSettings
from echo_listening.upload_reader import UploadedAudio, UploadReader

_PROCESS: Final = "echo_listening.uploads"
_STARTING_SECONDS: Final = 30.0
_LONGEST_REASON: Final = 200
_MEDIA_TYPES: Final = {
    "audio/wav": "audio/wav",
    "audio/flac": "audio/flac",
    "audio/ogg": "audio/ogg",
    "audio/mpeg": "audio/mpeg",
    "audio/aac": "audio/aac",
    "audio/mp4": "audio/mp4",
    "video/mp4": "audio/mp4",
    "video/webm": "audio/webm",
}
"""Media type of a file with sound alone, by that of its container."""


class SandboxedUploadReader(UploadReader):
    """Reader that starts a process for each file, with limits of address space and processor time."""

    def __init__(self, settings: ListeningSettings) -> None:
        self.settings = settings

    async def read(self, path: Path) -> UploadedAudio:
        """Decode a file; see `UploadReader`."""
        try:
            container = await asyncio.to_thread(sniff, path)
        except UnsupportedMediaError as error:
            raise TrackNotAudioError from error  # its message permits videos
        mime = _MEDIA_TYPES.get(container.mime)
        if mime is None:
            raise TrackNotAudioError
        settings = self.settings
        limits = (settings.upload_seconds, settings.decode_memory, settings.decode_seconds)
        wall = 2 * settings.decode_seconds + _STARTING_SECONDS
        response = await run_sandboxed(_PROCESS, container.demuxer, path, *limits, seconds=wall)
        return self._read(response, mime)

    def _read(self, response: dict[str, Any] | None, mime: str) -> UploadedAudio:
        """Return the audio in a response, which an attacker may have written. Raises as `UploadReader.read`."""
        if response is None:
            raise TrackNotAudioError("Reading the file takes too much time or memory.")
        if response.get("too_long") is True:
            raise TrackTooLongError(
                f"The track is longer than {self.settings.upload_seconds / 60:g} minutes; send a part of it."
            )
        if isinstance(reason := response.get("refused"), str):
            raise TrackNotAudioError(reason[:_LONGEST_REASON])
        try:
            return UploadedAudio.model_validate({**response["audio"], "mime": mime})
        except (KeyError, TypeError, ValidationError) as error:
            raise TrackNotAudioError from error
