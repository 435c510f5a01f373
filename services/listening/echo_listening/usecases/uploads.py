"""Use cases of uploads: store, own and remove their files."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.contracts.values import Metric
from echo_common.errors import EchoError
from echo_common.ids import new_id
from echo_common.shielded import shielded
from echo_common.storage.orphans import Owned
from echo_common.storage.port import ObjectStore
from echo_listening.dependencies import Dependencies
from echo_listening.domain.tracks import TRACK_PREFIX, Track, TrackFields, UploadedFile

FOLDER: Final = "uploads/"
"""Prefix of the objects of uploads."""

_UNNAMED: Final = "Recording"


async def upload_track(
    path: Path, sent: Mapping[str, Any], file_name: str | None, principal: Principal, deps: Dependencies
) -> Track:
    """Store an upload as a track of the user.

    Args:
        path: The received file.
        sent: Fields of the request; tags of the file fill those that are missing.
        file_name: The file's name, which names the track if neither does.
        principal: The user.
        deps: The dependencies.

    Raises:
        TrackNotAudioError: The file has no audio that can be decoded, or is a video.
        TrackTooLongError: It is longer than permitted.
        QuotaExceededError: A quota of uploads or of storage is used up.
        TooManyOpenError: Several uploads of the user wait already.
        ServiceUnavailableError: Uploads of many users wait.
        StorageFullError: The disk is full. Whatever the error is, nothing is stored.
    """
    track_id, size = new_id(TRACK_PREFIX.rstrip("_")), (await asyncio.to_thread(path.stat)).st_size
    async with (
        deps.quotas.storing(principal, track_id, size) as held,
        deps.quotas.reserved(principal, {Metric.UPLOADS: 1}),
    ):
        async with deps.upload_slots.held(principal.user_id):
            audio = await deps.upload_reader.read(path)
        tags = audio.model_dump(include=set(TrackFields.model_fields))
        title = tags["name"] or Path(file_name or "").stem.strip() or _UNNAMED
        fields = TrackFields.model_validate({**tags, "name": title, **sent})
        key = f"{FOLDER}{track_id}/original"
        try:
            stored = await deps.objects.put_file(key, path, audio.mime)
            track = Track.upload(
                track_id,
                principal.user_id,
                UploadedFile(
                    duration=audio.duration, object_key=key, mime=audio.mime, size=stored.size, checksum=stored.checksum
                ),
                fields,
            )
            await deps.tracks.add(track)
        except BaseException:
            await shielded(_discard(track_id, deps))
            raise
    await deps.quotas.settle_bytes(held, stored.size)
    return track


async def remove_objects(track_id: str, objects: ObjectStore) -> None:
    """Remove the objects of a deleted upload; idempotent."""
    async for key in objects.keys(f"{FOLDER}{track_id}/"):
        await objects.delete(key)


def object_owners(deps: Dependencies) -> Mapping[str, Owned]:
    """Return for each prefix of the service's objects a function that finds the owned ones."""
    return {FOLDER: partial(_owned, deps)}


async def _owned(deps: Dependencies, keys: Sequence[str]) -> Collection[str]:
    track_ids = [key.split("/")[1] for key in keys]
    return {track.object_key async for track in deps.tracks.find({"_id": {"$in": track_ids}}) if track.object_key is not None}


async def _discard(track_id: str, deps: Dependencies) -> None:
    """Remove the object of an upload that was not stored as a track; else the sweeper of orphaned objects removes it later."""
    with suppress(EchoError):
        if await deps.tracks.find_one({"_id": track_id}) is None:
            await remove_objects(track_id, deps.objects)
