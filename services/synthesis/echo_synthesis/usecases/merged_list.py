"""Pages of a list whose entries are in two collections: each is sorted by the database, the page merges them."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from echo_common.aggregate import Aggregate
from echo_common.outbox.repository import Repository
from echo_common.store.port import Filter, Sort

A = TypeVar("A", bound=Aggregate)
B = TypeVar("B", bound=Aggregate)
SortKey = tuple[bool, str | float | datetime | None, str]
"""Position of an entry: whether it has a value, the value and the id, as the database sorts them."""


@dataclass(frozen=True, slots=True)
class SortedEntries(Generic[A]):
    """The entries of a collection that match `where`, in the order `sort`; `value` returns their sort value.

    Fields in `large` are only read for the entries of a page.
    """

    repository: Repository[A]
    where: Filter
    sort: Sort
    value: Callable[[A], Any]
    unread: Collection[str] = ()
    large: Collection[str] = ()

    async def count(self) -> int:
        """Return the number of entries."""
        return await self.repository.count(self.where)

    async def read(self, skip: int, limit: int, *, without: Collection[str] = ()) -> Sequence[A]:
        """Return up to `limit` entries."""
        found = self.repository.find(self.where, sort=self.sort, skip=skip, limit=limit, without={*self.unread, *without})
        return [entry async for entry in found]

    async def key_at(self, index: int) -> SortKey | None:
        """Return the sort key of an entry; None if entries were deleted meanwhile."""
        found = await self.read(index, 1, without=self.large)
        return self.key(found[0]) if found else None

    def key(self, entry: A) -> SortKey:
        """Return the sort key of an entry."""
        value = self.value(entry)
        return value is not None, value, entry.id


async def read_page(
    first: SortedEntries[A], second: SortedEntries[B], offset: int, limit: int, *, descending: bool
) -> tuple[Sequence[tuple[A | None, B | None]], int]:
    """Return a page of the merged list, each entry at its collection's place in a pair, and the total number of entries.

    A binary search finds how many of the skipped entries are in each collection, so that a page deep in the list reads few
    entries.
    """
    counts = await first.count(), await second.count()
    skipped = await _count_first(first.key_at, second.key_at, counts, offset, descending=descending)
    keyed: list[tuple[SortKey, tuple[A | None, B | None]]] = []
    keyed += [(first.key(entry), (entry, None)) for entry in await first.read(skipped, limit)]
    keyed += [(second.key(entry), (None, entry)) for entry in await second.read(offset - skipped, limit)]
    keyed.sort(key=lambda pair: pair[0], reverse=descending)
    return [entries for _, entries in keyed[:limit]], sum(counts)


KeyAt = Callable[[int], Awaitable[SortKey | None]]


async def _count_first(first: KeyAt, second: KeyAt, counts: tuple[int, int], offset: int, *, descending: bool) -> int:
    """Return how many of the first `offset` entries of the merged list are in the first collection."""
    low, high = max(0, offset - counts[1]), min(offset, counts[0])
    while low < high:
        middle = (low + high) // 2
        one, other = await first(middle), await second(offset - middle - 1)
        if other is None or (one is not None and (one > other if descending else one < other)):
            low = middle + 1
        else:
            high = middle
    return low
