"""The read model of the users who may use a voice model, built from the events of voice."""

from contextlib import suppress

from echo_common.contracts.voice_model import VoiceModelEvent
from echo_common.contracts.voice_reference import VOICE_MODEL_PREFIX
from echo_common.store.port import DuplicateError, Index, Store


class VoiceAccess:
    """The read model of access to voice models; the event with the highest revision counts."""

    def __init__(self, store: Store) -> None:
        self._voices = store.collection("voices")

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._voices.ensure([Index([("user_id", 1)]), Index([("shared_with", 1)])])

    async def apply(self, event: VoiceModelEvent) -> None:
        """Apply an event, unless a later one was applied."""
        fields = event.model_dump(include={"user_id", "revision", "public", "usable"})
        fields["shared_with"] = list(event.shared_with)
        where = {"_id": event.voice_model_id, "revision": {"$lt": event.revision}}
        if not await self._voices.update_one(where, {"$set": fields}):
            with suppress(DuplicateError):  # a later event was applied
                await self._voices.insert({"_id": event.voice_model_id, **fields})

    async def permits(self, voice_id: str, user_id: str) -> bool:
        """Return whether the user may use the voice: all users may use built-in voices, none a voice model that is not known."""
        if not voice_id.startswith(VOICE_MODEL_PREFIX):
            return True
        known = await self._voices.find_one({"_id": voice_id, "usable": True})
        return known is not None and (bool(known["public"]) or user_id in {known["user_id"], *known["shared_with"]})

    async def erase(self, user_id: str) -> None:
        """Remove a user's voice models, and the shares with the user."""
        await self._voices.delete({"user_id": user_id})
        await self._voices.update_many({"shared_with": user_id}, {"$pull": {"shared_with": user_id}})
