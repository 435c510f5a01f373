"""Store port: collections of documents, with a small and portable subset of MongoDB's query language."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from echo_common.errors import ConflictError, ServiceUnavailableError

Document = dict[str, Any]
"""A BSON-encodable document; `_id` is a string. Times are timezone-aware UTC, millisecond precision."""

Filter = Mapping[str, Any]
"""A MongoDB filter. Portable operators: equality, $in, $nin, $ne, $lt, $lte, $gt, $gte, $exists, $regex, $not, $elemMatch, $or, $and.

A field's name may be a dotted path. Comparison is by type, as in MongoDB; equality with an array's member matches the array.
"""

Sort = Sequence[tuple[str, Literal[1, -1]]]


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a collection.

    A `unique` index ignores documents that lack one of its fields (null is a value: leave the field out). A `sparse` index
    leaves out documents without its fields, and serves only queries that cannot match those. `ttl` is in seconds, counted from
    the time in its one field. A field of a unique index holds no arrays.
    """

    fields: Sequence[tuple[str, Literal[1, -1]]]
    unique: bool = False
    sparse: bool = False
    ttl: int | None = None

    @property
    def name(self) -> str:
        """Stable name derived from the fields."""
        return "_".join(f"{name}_{order}" for name, order in self.fields)


class StoreUnavailableError(ServiceUnavailableError):
    """The database is not reachable right now; try again shortly."""


class DuplicateError(ConflictError):
    """A document with the same key exists."""

    code = "DUPLICATE_CONFLICT"

    def __init__(self, index: str) -> None:
        super().__init__()
        self.index = index


class Collection(Protocol):
    """A collection. Every call raises `StoreUnavailableError` when the database cannot be reached (in at most 5 s).

    After that error a write may or may not have happened.
    """

    @property
    def name(self) -> str:
        """The collection's name."""

    async def ensure(self, indexes: Sequence[Index]) -> None:
        """Create the collection and its indexes where missing."""

    async def insert(self, document: Document) -> None:
        """Insert a document. Raises `DuplicateError` with the name of the violated unique index (`_id_` for the identifier)."""

    async def find_one(self, where: Filter) -> Document | None:
        """Return the first match, or None."""

    def find(
        self, where: Filter, *, sort: Sort = (), skip: int = 0, limit: int = 0, fields: Sequence[str] = ()
    ) -> AsyncIterator[Document]:
        """Yield the matches in order; `limit=0` means all. With `fields`, documents hold only those, and `_id`."""

    async def count(self, where: Filter) -> int:
        """Return the number of matches."""

    async def update_one(self, where: Filter, update: Mapping[str, Any]) -> bool:
        """Change one match atomically; return False without a match.

        Operators are $set, $unset, $inc, $min (of values of one kind), $push (a value or $each) and $pull.

        Claims are made by conditional updates (`{"_id": …, "version": n}`). Raises `DuplicateError`.
        """

    async def update_many(self, where: Filter, update: Mapping[str, Any]) -> int:
        """Change every match, each atomically; return their number. Raises `DuplicateError`."""

    async def upsert(self, where: Filter, update: Mapping[str, Any]) -> None:
        """Change the match, or insert a document from `where` (with `_id`) and `update`. Raises `DuplicateError` on a race."""

    async def delete(self, where: Filter) -> int:
        """Delete all matches; return their number."""


class Store(Protocol):
    """A service's own database."""

    def collection(self, name: str) -> Collection:
        """Return a collection, without access to the database."""

    async def collections(self) -> Sequence[str]:
        """Return the names of the existing collections, in order."""

    async def ping(self) -> None:
        """Raise `StoreUnavailableError` unless the database responds."""

    async def time(self) -> datetime:
        """Return the time of the database server, which is the same for all processes that use it.

        Of a database in this process, it is the time of the process, which never jumps. Raises `StoreUnavailableError`.
        """

    async def close(self) -> None:
        """Disconnect."""


class Snapshot(Protocol):
    """The documents of several databases at one moment, whatever is written meanwhile.

    Calls raise `StoreUnavailableError`.
    """

    @property
    def consistent(self) -> bool:
        """False if the server cannot read all databases as of one moment: documents are then as of their reading."""

    async def collections(self, database: str) -> Sequence[str]:
        """Return the names of a database's collections, in order; none for a database that does not exist."""

    def documents(self, database: str, collection: str) -> AsyncIterator[Document]:
        """Yield all documents of a collection, in no particular order, in constant memory."""
