"""Dependencies of the listening service: opened with its adapters, closed in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from echo_common.contracts.events.listening import ListeningUserDataErased
from echo_common.service import Adapters
from echo_common.user_data.erasure import ErasedUsers, UserErasure
from echo_listening.dependencies import Dependencies
from echo_listening.repository.tracks import AudioChanges, Tracks
from echo_listening.settings import ListeningSettings
from echo_listening.user_data import ListeningUserData
from echo_listening.user_data.tracks import TracksOfUser


@asynccontextmanager
async def open_dependencies(settings: ListeningSettings, adapters: Adapters) -> AsyncIterator[Dependencies]:
    """Open the dependencies, and erase deleted users while the context lasts."""
    deps = await _open(settings, adapters)
    async with deps.erasure.running():
        yield deps


async def _open(settings: ListeningSettings, adapters: Adapters) -> Dependencies:
    where = (adapters.store, adapters.relay)
    erased_users = ErasedUsers(*where)
    tracks, audio_changes = Tracks(*where), AudioChanges(adapters.store)
    collections = (
        erased_users,
        tracks,
        audio_changes,
    )
    for collection in collections:
        await collection.prepare()
    data = ListeningUserData((TracksOfUser(tracks, audio_changes, adapters.faults),))
    return Dependencies(
        settings=settings,
        objects=adapters.objects,
        erasure=UserErasure(erased_users, data, lambda user_id: ListeningUserDataErased(user_id=user_id), adapters.faults),
        user_data=data,
        faults=adapters.faults,
        tracks=tracks,
        audio_changes=audio_changes,
    )
