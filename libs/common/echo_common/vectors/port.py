"""Vector index port: embeddings under an id, and nearest-neighbour search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from echo_common.errors import ServiceUnavailableError

Facts = Mapping[str, str | Sequence[str]]
"""Metadata of a vector, for filters: a field matches when it equals, or contains, the wanted value."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A result: its id, and the cosine of the angle between both vectors."""

    id: str
    similarity: float
    facts: Facts


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A vector with its collection, id and metadata."""

    collection: str
    key: str
    vector: Sequence[float]
    facts: Facts


class VectorsUnavailableError(ServiceUnavailableError):
    """The vector index is not reachable right now; try again shortly."""


class VectorIndex(Protocol):
    """Named collections of vectors of one length each, compared by cosine.

    Every call raises `VectorsUnavailableError` when the index cannot be reached. A collection is created with its first vector.
    """

    async def put(self, collection: str, key: str, vector: Sequence[float], facts: Facts) -> None:
        """Store a vector; replaces one with the same key. Nearest-neighbour queries find it once this returns."""

    async def get(self, collection: str, key: str) -> Sequence[float] | None:
        """Return the vector (of length 1), or None when it does not exist."""

    async def nearest(
        self, collection: str, vector: Sequence[float], *, limit: int, where: Mapping[str, Sequence[str]]
    ) -> Sequence[Neighbour]:
        """Return the nearest neighbours, nearest first. `where` maps fields to accepted values; every field must match."""

    async def delete(self, collection: str, key: str) -> None:
        """Delete a vector; no error when it does not exist."""

    async def ping(self) -> None:
        """Raise `VectorsUnavailableError` unless the index responds."""

    async def close(self) -> None:
        """Disconnect."""
