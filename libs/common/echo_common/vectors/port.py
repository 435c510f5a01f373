"""The vector index port: embeddings under an id, and what is nearest to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from echo_common.errors import ServiceUnavailableError

Facts = Mapping[str, str | Sequence[str]]
"""What is kept with a vector, and may be asked for: a field matches when it is, or holds, the wanted value."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Something near: its id, and the cosine of the angle between both vectors."""

    id: str
    similarity: float
    facts: Facts


class VectorsUnavailableError(ServiceUnavailableError):
    """The vector index is not reachable right now; try again shortly."""


class VectorIndex(Protocol):
    """Named collections of vectors of one length each, compared by cosine.

    Every call raises `VectorsUnavailableError` when the index cannot be reached. A collection begins with its first vector.
    """

    async def put(self, collection: str, key: str, vector: Sequence[float], facts: Facts) -> None:
        """Keep a vector, in place of one with the same key. Nearest-neighbour queries see it once this returns."""

    async def get(self, collection: str, key: str) -> Sequence[float] | None:
        """The vector (of length 1), if it is there."""

    async def nearest(
        self, collection: str, vector: Sequence[float], *, limit: int, where: Mapping[str, Sequence[str]]
    ) -> Sequence[Neighbour]:
        """The nearest, nearest first. `where` gives for each field the values of which one must match; all fields must."""

    async def delete(self, collection: str, key: str) -> None:
        """Remove; no error when it is not there."""

    async def ping(self) -> None:
        """Raise `VectorsUnavailableError` unless the index answers."""

    async def close(self) -> None:
        """Disconnect."""
