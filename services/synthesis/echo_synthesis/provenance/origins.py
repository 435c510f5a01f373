"""Store of provenance records."""

from echo_common.store.port import Index, Store
from echo_synthesis.domain import Origin


class Origins:
    """Collection of provenance records, indexed by id and checksum. Every call raises `StoreUnavailableError`."""

    def __init__(self, store: Store) -> None:
        self._origins = store.collection("origins")

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at startup."""
        await self._origins.ensure([Index([("checksum", 1)]), Index([("user_id", 1)])])

    async def add(self, origin: Origin) -> None:
        """Store a record."""
        kept = origin.model_dump()
        await self._origins.insert({"_id": kept.pop("id"), **kept})

    async def complete(self, origin: Origin, checksum: str) -> None:
        """Set a record's checksum once all bytes are known."""
        await self._origins.update_one({"_id": origin.id}, {"$set": {"checksum": checksum}})

    async def by_id(self, origin_id: str) -> Origin | None:
        """Return the record that a manifest names."""
        return await self._one({"_id": origin_id})

    async def by_checksum(self, checksum: str) -> Origin | None:
        """Return the record of exactly these bytes."""
        return await self._one({"checksum": checksum})

    async def _one(self, where: dict[str, str]) -> Origin | None:
        found = await self._origins.find_one(where)
        return None if found is None else Origin(id=found["_id"], **{name: found[name] for name in found if name != "_id"})
