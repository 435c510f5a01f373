"""Use cases of tracks: list, read, change, delete; add, revise and remove those of generated speech."""

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.tracks import TrackNotFoundError, TrackWithoutAudioError
from echo_common.contracts.events.synthesis import AudioCreated, AudioRevised
from echo_common.contracts.http.tracks import TrackPatch
from echo_common.contracts.values import TrackSource
from echo_common.http.pagination import Page
from echo_common.storage.port import ObjectInfo, ObjectNotFoundError
from echo_common.user_data.erasure import erase_matching
from echo_listening.dependencies import Dependencies
from echo_listening.domain.tracks import SpeechFile, Track
from echo_listening.usecases.uploads import remove_objects

TRACK_ORDERS = ("created_at", "name")
"""Fields by which the list can be sorted."""


async def list_tracks(
    principal: Principal,
    page: Page,
    deps: Dependencies,
    *,
    source: TrackSource | None = None,
    artist: str | None = None,
    search: str | None = None,
) -> tuple[list[Track], int]:
    """Return a page of the user's tracks and their total number; `search` matches case-insensitively in the name."""
    where: dict[str, Any] = {"user_id": principal.user_id}
    if source is not None:
        where["source"] = source.value
    if artist is not None:
        where["artists"] = artist
    if search is not None:
        where["search"] = {"$regex": re.escape(search.casefold())}
    field = "search" if page.sort_by == "name" else page.sort_by  # names are sorted without regard to case
    order = [(field, page.direction), ("_id", page.direction)]
    found = deps.tracks.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [track async for track in found], await deps.tracks.count(where)


async def find_track(track_id: str, principal: Principal, deps: Dependencies) -> Track:
    """Return a track of the user. Raises `TrackNotFoundError`, also for another user's."""
    return await deps.tracks.get(track_id, user_id=principal.user_id)


async def find_audible(track_id: str, principal: Principal, deps: Dependencies) -> Track:
    """Return a track that the user owns or may hear. Raises `TrackNotFoundError`."""
    track = await deps.tracks.get(track_id)
    if track.user_id != principal.user_id and not await _find_permitted([track_id], principal.user_id, deps):
        raise TrackNotFoundError
    return track


async def find_all_audible(track_ids: Sequence[str], user_id: str, deps: Dependencies) -> list[Track]:
    """Return those of the tracks that the user owns or may hear, in any order."""
    found = [track async for track in deps.tracks.find({"_id": {"$in": list(track_ids)}})] if track_ids else []
    permitted = await _find_permitted([track.id for track in found if track.user_id != user_id], user_id, deps)
    return [track for track in found if track.user_id == user_id or track.id in permitted]


async def find_audio(track_id: str, principal: Principal, deps: Dependencies) -> tuple[ObjectInfo, str]:
    """Return the file of a track that the user may hear, and its media type with parameters.

    Raises `TrackNotFoundError`, `TrackWithoutAudioError`, also if the object is missing.
    """
    track = await find_audible(track_id, principal, deps)
    if track.object_key is None:
        raise TrackWithoutAudioError
    try:
        info = await deps.objects.info(track.object_key)
    except ObjectNotFoundError as error:
        raise TrackWithoutAudioError from error
    return info, track.mime or info.mime


async def change_track(track_id: str, patch: TrackPatch, principal: Principal, deps: Dependencies) -> Track:
    """Change a track of the user. Raises `TrackNotFoundError`, `ValidationError`."""
    return await deps.tracks.update(track_id, lambda track: track.change(patch), user_id=principal.user_id)


async def delete_track(track_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete a track of the user; the audio of speech stays. Raises `TrackNotFoundError`."""
    track = await find_track(track_id, principal, deps)
    if track.audio_id is not None:  # a repeated event of its creation adds no track
        await deps.audio_changes.add_deletion(track.audio_id)
    await deps.tracks.update(track_id, Track.delete, user_id=principal.user_id)
    if track.source is TrackSource.UPLOAD:
        await remove_objects(track_id, deps.objects)


async def remove_voice(voice_id: str, deps: Dependencies) -> None:
    """Remove a deleted or withdrawn voice from all tracks; idempotent, also before the event of an audio's creation."""
    await deps.audio_changes.add_deletion(voice_id)
    await erase_matching(deps.tracks, {"voice_id": voice_id}, Track.remove_voice, deps.faults)


async def add_speech(event: AudioCreated, deps: Dependencies) -> None:
    """Add the track of an audio; idempotent. Changes of the audio or its voice that have overtaken the creation are applied."""
    file = SpeechFile(
        duration=event.duration, object_key=event.object_key or None, mime=event.mime or None, size=event.size_bytes
    )
    track = Track.of_speech(event.audio_id, event.user_id, event.voice_id, file, event.occurred_at)
    await deps.tracks.add_once(track)
    # stored first: a change that is stored from now on finds the track itself
    if await deps.audio_changes.is_deleted(event.audio_id):
        await _remove(track.id, deps)
    elif (revised := await deps.audio_changes.find_file(event.audio_id)) is not None:
        await _replace_file(track.id, revised, deps)
    if await deps.audio_changes.is_deleted(event.voice_id):
        with suppress(TrackNotFoundError):
            await deps.tracks.update(track.id, Track.remove_voice)


async def revise_speech(event: AudioRevised, deps: Dependencies) -> None:
    """Use the file of the current revision of an audio; idempotent, in any order."""
    file = SpeechFile(
        duration=event.duration,
        object_key=event.object_key or None,
        mime=event.mime or None,
        size=event.size_bytes,
        counter=event.counter or event.revision,
    )
    await deps.audio_changes.add_revision(event.audio_id, event.user_id, file)
    await _replace_file(Track.id_of_speech(event.audio_id), file, deps)


async def remove_speech(audio_id: str, deps: Dependencies) -> None:
    """Remove the track of a deleted audio; idempotent, also before the event of its creation."""
    await deps.audio_changes.add_deletion(audio_id)
    await _remove(Track.id_of_speech(audio_id), deps)


async def _replace_file(track_id: str, file: SpeechFile, deps: Dependencies) -> None:
    with suppress(TrackNotFoundError):  # its creation is still under way, or it was deleted
        await deps.tracks.update(track_id, lambda track: track.replace_file(file))


async def _remove(track_id: str, deps: Dependencies) -> None:
    with suppress(TrackNotFoundError):
        await deps.tracks.update(track_id, Track.delete)


async def _find_permitted(track_ids: Collection[str], user_id: str, deps: Dependencies) -> Collection[str]:
    """Return those of these tracks of other users that a rule permits the user to hear."""
    permitted = set[str]()
    for rule in deps.may_hear:
        if left := set(track_ids) - permitted:
            permitted.update(await rule(left, user_id))
    return permitted
