"""Repository of captions."""

from collections.abc import AsyncIterator, Mapping, Sequence

from echo_common.store.port import DuplicateError, Index, Store
from echo_listening.domain.captions import TrackCaptions
from echo_listening.repository.id_filters import id_filters


class Captions:
    """The repository of captions, by the id of their track: those of the latest revision of the audio that was asked for."""

    def __init__(self, store: Store) -> None:
        self._captions = store.collection("track_captions")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._captions.ensure([Index([("user_id", 1)])])

    async def save(self, captions: TrackCaptions) -> None:
        """Store captions, unless those of a later revision are stored."""
        fields = captions.model_dump(exclude={"track_id"})
        older = {"_id": captions.track_id, "audio_counter": {"$lte": captions.audio_counter}}
        if not await self._captions.update_one(older, {"$set": fields}):
            try:
                await self._captions.insert({"_id": captions.track_id, **fields})
            except DuplicateError:
                await self._captions.update_one(older, {"$set": fields})

    async def find(self, track_id: str, audio_counter: int) -> TrackCaptions | None:
        """Return the captions of a revision of a track's audio."""
        found = await self._captions.find_one({"_id": track_id, "audio_counter": audio_counter})
        return None if found is None else TrackCaptions(track_id=track_id, **_fields(found))

    async def counters(self, track_ids: Sequence[str]) -> Mapping[str, int]:
        """Return the revisions whose captions are stored, by track id."""
        counters: dict[str, int] = {}
        for some in id_filters(track_ids):
            async for found in self._captions.find(some, fields=("audio_counter",)):
                counters[found["_id"]] = found["audio_counter"]
        return counters

    async def of_user(self, user_id: str) -> AsyncIterator[TrackCaptions]:
        """Yield the captions of a user's tracks."""
        async for found in self._captions.find({"user_id": user_id}, sort=(("_id", 1),)):
            yield TrackCaptions(track_id=found["_id"], **_fields(found))

    async def remove(self, track_id: str) -> None:
        """Remove the captions of a track."""
        await self._captions.delete({"_id": track_id})

    async def erase(self, user_id: str) -> None:
        """Remove the captions of a user's tracks."""
        await self._captions.delete({"user_id": user_id})


def _fields(document: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name != "_id"}
