"""The read model of echos as voices, built from the voice service's events."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from echo_common.backoff import Backoff
from echo_common.clock import now
from echo_common.contracts.echo import EchoEvent
from echo_common.contracts.errors.synthesis import EchoNotReadyError, VoiceNotFoundError
from echo_common.ids import parse_time
from echo_common.store.port import Collection, Document, DuplicateError, Index, Store
from echo_synthesis.catalogue.newest_state import store_newest
from echo_synthesis.domain import Pronunciation

_DELETED_KEPT_SECONDS: Final = 30 * 24 * 3600
_LONGEST_DELIVERY: Final = timedelta(hours=1)
"""How long the event of a new echo may be under way."""

_PAUSE: Final = Backoff(0.02, 0.2, jitter=(1, 1))
_EVENT_FIELDS: Final = frozenset({"event_id", "occurred_at", "echo_id"})


@dataclass(frozen=True, slots=True)
class EchoVoice:
    """An echo as a voice. `defaults` are the values of its speech, by their names in requests."""

    id: str
    name: str
    voice_id: str | None
    style: str
    defaults: Mapping[str, Any]
    pronunciations: Sequence[Pronunciation]


class Echos:
    """Read model of echos.

    Every event carries the complete state as of its revision, so events may arrive twice, late and in any order: a deleted echo is
    known for 30 days.

    Args:
        store: The database.
        wait_seconds: How long `find` waits for the event of an echo that was just created.
    """

    def __init__(self, store: Store, wait_seconds: float) -> None:
        self._echos: Collection = store.collection("echos")
        self._wait_seconds = wait_seconds

    async def prepare(self) -> None:
        """Create the collection and its indexes; call once at start."""
        await self._echos.ensure([Index([("user_id", 1)]), Index([("deleted_at", 1)], ttl=_DELETED_KEPT_SECONDS)])

    async def apply(self, event: EchoEvent) -> None:
        """Apply an event, unless a later one was applied; events of earlier versions have no state."""
        if event.revision == 0:
            return
        state = event.model_dump(mode="json", exclude=set(_EVENT_FIELDS))
        await store_newest(self._echos, event.echo_id, state)

    async def delete(self, echo_id: str) -> None:
        """Delete an echo, also before the event of its creation arrives."""
        state = [name for name in EchoEvent.model_fields if name not in _EVENT_FIELDS]
        update = {"$set": {"deleted_at": now()}, "$unset": dict.fromkeys(state, "")}
        if not await self._echos.update_one({"_id": echo_id}, update):
            try:
                await self._echos.insert({"_id": echo_id, "deleted_at": now()})
            except DuplicateError:
                await self._echos.update_one({"_id": echo_id}, update)

    async def get(self, echo_id: str, user_id: str) -> EchoVoice | None:
        """Return an echo; None for an unknown or deleted one, and for another user's."""
        found = await self._echos.find_one({"_id": echo_id, "user_id": user_id})
        return None if found is None else _read(found)

    async def find(self, echo_id: str, user_id: str) -> EchoVoice:
        """Return an echo; wait for its event if that may be under way.

        Raises `VoiceNotFoundError`, also for another user's, and `EchoNotReadyError` while the event may still be under way. An id
        that was made up is new for an hour at most, too: ids hold their time.
        """
        if not await self._knows(echo_id) and _is_new(echo_id):
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_seconds):
                    await self._wait_for(echo_id)
            if not await self._knows(echo_id):
                raise EchoNotReadyError(retry_after=1)
        found = await self.get(echo_id, user_id)
        if found is None:
            raise VoiceNotFoundError(f"There is no echo {echo_id!r}; GET /api/v1/echos lists them.")
        return found

    async def erase(self, user_id: str) -> None:
        """Remove everything of a user."""
        await self._echos.delete({"user_id": user_id})

    async def _knows(self, echo_id: str) -> bool:
        return await self._echos.find_one({"_id": echo_id}) is not None

    async def _wait_for(self, echo_id: str) -> None:
        attempt = 0
        while not await self._knows(echo_id):
            attempt += 1
            await asyncio.sleep(_PAUSE.delay(attempt))


def _is_new(echo_id: str) -> bool:
    created_at = parse_time(echo_id)
    return created_at is not None and abs(now() - created_at) < _LONGEST_DELIVERY


def _read(document: Document) -> EchoVoice:
    values = {name: document.get(name) for name in ("speed", "pitch", "volume", "language")}
    return EchoVoice(
        id=document["_id"],
        name=document["name"],
        voice_id=document.get("voice_id"),
        style=document.get("style") or "",
        defaults={name: value for name, value in values.items() if value is not None},
        pronunciations=[Pronunciation.model_validate(entry) for entry in document.get("pronunciations", ())],
    )
