"""Repositories: read and write aggregates; state, version and recorded events in one atomic write."""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from echo_common.aggregate import Aggregate
from echo_common.bus.delivery import encode, origin_headers
from echo_common.bus.port import Message
from echo_common.clock import now
from echo_common.errors import ConflictError, NotFoundError
from echo_common.outbox.conflicts import retry_conflicts
from echo_common.outbox.documents import (
    NOT_ERASED,
    OUTBOX,
    OUTBOX_AT,
    TOMBSTONE,
    appended,
    from_document,
    to_document,
    to_entry,
)
from echo_common.outbox.relay import Relay
from echo_common.store.port import Document, Filter, Index, Sort, Store

A = TypeVar("A", bound=Aggregate)


class StaleError(ConflictError):
    """The resource was changed by another request; read it again and retry."""

    code = "VERSION_CONFLICT"


class Repository(Generic[A]):
    """Storage of one type of aggregate in one collection.

    A subclass defines `aggregate`, `name` (the collection's), `indexes`, and `missing`, the error for an unknown id. Filters
    are passed unchanged, so the owner's id belongs in them; the identifier's field is `_id`. Erased aggregates are never
    returned. All methods raise `StoreUnavailableError`.
    """

    aggregate: type[A]
    name: ClassVar[str]
    indexes: ClassVar[Sequence[Index]] = ()
    missing: ClassVar[type[NotFoundError]] = NotFoundError

    def __init__(self, store: Store, relay: Relay) -> None:
        self._documents = store.collection(self.name)
        self._relay = relay
        relay.watch(self._documents)

    async def prepare(self) -> None:
        """Create the collection and its indexes; called once at start."""
        await self._documents.ensure([*self.indexes, Index([(OUTBOX_AT, 1)], sparse=True)])

    async def get(self, key: str, **where: Any) -> A:
        """Return the aggregate with this id, if it also matches `where` (`user_id=…`). Raises `missing`."""
        found = await self.find_one({"_id": key, **where})
        if found is None:
            raise self.missing
        return found

    async def find_one(self, where: Filter) -> A | None:
        """Return the first match, or None."""
        document = await self._documents.find_one(_unerased(where))
        return None if document is None else self._loaded(document)

    async def find(
        self, where: Filter, *, sort: Sort = (), skip: int = 0, limit: int = 0, without: Collection[str] = ()
    ) -> AsyncGenerator[A, None]:
        """Yield the matches in order; `limit=0` means all. Fields in `without` are not read: they have their defaults.

        Saving such an aggregate leaves those fields unchanged unless they were given another value.
        """
        fields = sorted(self.aggregate.model_fields.keys() - {"id", *without}) if without else ()
        async for document in self._documents.find(_unerased(where), sort=sort, skip=skip, limit=limit, fields=fields):
            yield self._loaded(document)

    async def sort_keys(self, where: Filter, sort: Sort, limit: int) -> list[tuple[Any, str]]:
        """Return the value of the first sort field and the id of up to `limit` matches in order; nothing else is read."""
        field = sort[0][0]
        found = self._documents.find(_unerased(where), sort=sort, limit=limit, fields=[field])
        return [(document.get(field), document["_id"]) async for document in found]

    async def count(self, where: Filter) -> int:
        """Return the number of matches."""
        return await self._documents.count(_unerased(where))

    async def add(self, aggregate: A) -> None:
        """Insert a new aggregate; of an erased one only the events, until they are published. Raises `DuplicateError`."""
        messages = _messages(aggregate)
        state = {"_id": aggregate.id, TOMBSTONE: True} if aggregate.erased else to_document(aggregate)
        document = {**state, "version": 1}
        if messages:
            document |= {OUTBOX: [to_entry(message) for message in messages], OUTBOX_AT: now()}
        await self._documents.insert(document)
        aggregate.version = 1
        aggregate.set_stored_state(state)
        await self._submit(aggregate, messages)

    async def save(self, aggregate: A) -> None:
        """Write the changed fields, or delete the aggregate if it is erased.

        Raises `StaleError` when the stored version has changed since the read, `DuplicateError`.
        """
        messages = _messages(aggregate)
        if aggregate.erased:
            await self._erase(aggregate, messages)
        else:
            updated_at = now()
            state = to_document(aggregate) | {"updated_at": updated_at}
            changed = {
                name: value
                for name, value in state.items()
                if name not in aggregate.stored_state or aggregate.stored_state[name] != value
            }
            held = aggregate.stored_state.keys() or type(aggregate).model_fields.keys()
            left_out = dict.fromkeys(held - state.keys() - {"id", "version"}, "")
            await self._write(aggregate, changed | {"version": aggregate.version + 1}, left_out, messages)
            aggregate.updated_at = updated_at
            aggregate.set_stored_state(state)
        aggregate.version += 1
        await self._submit(aggregate, messages)

    async def update(self, key: str, change: Callable[[A], object], **where: Any) -> A:
        """Read, `change` and save an aggregate; retry on conflicts. Raises `missing`, `StaleError` after 20 attempts."""
        return await self.amend(await self.get(key, **where), change, **where)

    async def amend(self, aggregate: A, change: Callable[[A], object], **where: Any) -> A:
        """Change and save an aggregate that was read before, as `update` does; read it again only after a conflict."""
        read: A | None = aggregate

        async def write() -> A:
            nonlocal read
            found, read = read or await self.get(aggregate.id, **where), None
            change(found)
            await self.save(found)
            return found

        return await retry_conflicts(write, StaleError)

    def _loaded(self, document: Document) -> A:
        aggregate = from_document(self.aggregate, document)
        # dumped again rather than kept as read: a list changed in place must differ from the stored one
        aggregate.set_stored_state(to_document(aggregate))
        return aggregate

    async def _erase(self, aggregate: A, messages: Sequence[Message]) -> None:
        # Read, because the document may hold fields unknown to this version of the code.
        document = await self._documents.find_one({"_id": aggregate.id, "version": aggregate.version})
        if document is None:
            raise StaleError
        if not messages:
            nothing_pending = {"_id": aggregate.id, "version": aggregate.version, f"{OUTBOX}.0": {"$exists": False}}
            if await self._documents.delete(nothing_pending):
                return
        kept = {"_id", OUTBOX, OUTBOX_AT}
        await self._write(aggregate, {TOMBSTONE: True}, dict.fromkeys(document.keys() - kept, ""), messages)

    async def _write(self, aggregate: A, fields: Document, left_out: Document, messages: Sequence[Message]) -> None:
        update: Document = {"$set": fields}
        if left_out:
            update["$unset"] = left_out
        if messages:
            update["$min"] = {OUTBOX_AT: now()}  # the age is that of the oldest entry
            update["$push"] = appended(messages)
        if not await self._documents.update_one({"_id": aggregate.id, "version": aggregate.version}, update):
            raise StaleError

    async def _submit(self, aggregate: A, messages: Sequence[Message]) -> None:
        aggregate.clear_pending()
        if messages:
            await self._relay.submit(self.name, aggregate.id, messages, erased=aggregate.erased)


def _unerased(where: Filter) -> Filter:
    """Return the filter restricted to aggregates that are not erased.

    Erased ones keep only their identifier, so a value of any other field already excludes them.
    The explicit condition would be slow: the embedded database uses an index over several fields only for a filter of plain
    values.
    """
    values = {name for name, value in where.items() if value is not None and not isinstance(value, Mapping)}
    return where if values - {"_id", "$or", "$and"} else {**where, **NOT_ERASED}


def _messages(aggregate: Aggregate) -> list[Message]:
    pending = aggregate.pending
    headers = origin_headers() if pending else {}
    return [encode(event, headers) for event in pending]
