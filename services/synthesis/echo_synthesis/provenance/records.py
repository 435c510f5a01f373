"""Store of provenance records."""

from collections.abc import AsyncIterator

from echo_common.store.port import Document, Index, Store
from echo_synthesis.domain import ProvenanceRecord


class ProvenanceRecords:
    """Collection of provenance records, indexed by id and checksum. Every call raises `StoreUnavailableError`."""

    def __init__(self, store: Store) -> None:
        self._records = store.collection("origins")

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at startup."""
        await self._records.ensure([Index([("checksum", 1)]), Index([("user_id", 1)])])

    async def add(self, record: ProvenanceRecord) -> None:
        """Store a record."""
        stored = record.model_dump()
        await self._records.insert({"_id": stored.pop("id"), **stored})

    async def complete(self, record: ProvenanceRecord, checksum: str) -> None:
        """Set a record's checksum once all bytes are known."""
        await self._records.update_one({"_id": record.id}, {"$set": {"checksum": checksum}})

    async def by_id(self, record_id: str) -> ProvenanceRecord | None:
        """Return the record that a manifest names."""
        return await self._one({"_id": record_id})

    async def by_checksum(self, checksum: str) -> ProvenanceRecord | None:
        """Return the record of exactly these bytes."""
        return await self._one({"checksum": checksum})

    async def of_user(self, user_id: str) -> AsyncIterator[ProvenanceRecord]:
        """Yield all records of a user."""
        async for found in self._records.find({"user_id": user_id}):
            yield _record(found)

    async def erase(self, user_id: str) -> None:
        """Remove all records of a user."""
        await self._records.delete({"user_id": user_id})

    async def _one(self, where: dict[str, str]) -> ProvenanceRecord | None:
        found = await self._records.find_one(where)
        return None if found is None else _record(found)


def _record(stored: Document) -> ProvenanceRecord:
    return ProvenanceRecord(id=stored["_id"], **{name: stored[name] for name in stored if name != "_id"})
