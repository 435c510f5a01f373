"""Export of a user's data from a service: its documents and a list of its objects."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol

from echo_common.contracts.http.base import remove_unprintable
from echo_common.contracts.http.user_data import ExportedDocument, ExportedObject
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError

_LONGEST_TITLE: Final = 60
_LONGEST_TITLE_BYTES: Final = 150
_NOT_IN_FILE_NAMES: Final = re.compile(r'[<>:"/\\|?*\s\x00-\x1f]+')
"""Characters that a file system forbids, and white space."""

_EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/mp4": "m4a",
        "audio/mpeg": "mp3",
        "audio/ogg": "ogg",
        "audio/wav": "wav",
        "audio/webm": "webm",
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/webp": "webp",
        "video/mp4": "mp4",
        "video/webm": "webm",
        "video/x-matroska": "mkv",
        "video/x-msvideo": "avi",
    }
)


class ExportableUserData(Protocol):
    """The data of users that a service owns and exports. A service implements this in its module `user_data`."""

    def export(self, user_id: str) -> AsyncIterator[ExportedDocument | ExportedObject]:
        """Yield the user's documents by collection, then the user's objects, in constant memory.

        Fields are those of the public API: no secrets, hashes or internal state. Raises `StoreUnavailableError`.
        """

    async def find_object(self, user_id: str, object_id: str) -> ObjectInfo:
        """Return an object that `export` listed. Raises `ObjectNotFoundError`, also for another user's object."""


async def find_unchanged(data: ExportableUserData, user_id: str, object_id: str, checksum: str) -> ObjectInfo:
    """Return an object that was listed with a checksum. Raises `ObjectNotFoundError`, also for one that was replaced since."""
    found = await data.find_object(user_id, object_id)
    if found.checksum != checksum:
        raise ObjectNotFoundError
    return found


def file_name(folder: str, title: str, item_id: str, extension: str, created_at: datetime) -> str:
    """Return a readable and unique path for an object: `audio/2026-11-22 Hello world (aud_…).wav`."""
    words = _NOT_IN_FILE_NAMES.sub(" ", title[: 2 * _LONGEST_TITLE])
    plain = " ".join(remove_unprintable(words).split())[:_LONGEST_TITLE]
    short = plain.encode()[:_LONGEST_TITLE_BYTES].decode(errors="ignore").strip(". ")
    return f"{folder}/{created_at:%Y-%m-%d} {f'{short} ' if short else ''}({item_id}).{extension}"


def extension_of(mime: str) -> str:
    """Return the usual extension of a media type; `bin` for one that Echo does not store."""
    return _EXTENSIONS.get(mime, "bin")
