"""Repository of the running summaries of voices and engines."""

from collections.abc import Sequence
from typing import ClassVar

from echo_common.outbox.repository import Repository
from echo_common.store.port import Index
from echo_feedback.domain.summaries import Subject, Summary


class Summaries(Repository[Summary]):
    """The repository of summaries."""

    aggregate = Summary
    name = "summaries"
    indexes: ClassVar[Sequence[Index]] = (
        Index([("name", 1)]),
        Index([("updated_at", -1)]),
        Index([("subject", 1), ("name", 1)]),
        Index([("subject", 1), ("updated_at", -1)]),
    )

    async def find_or_create(self, subject: Subject, name: str) -> Summary:
        """Return the summary of a voice or an engine; a new one, which is not stored, if there is none."""
        return await self.find_one({"_id": Summary.id_of(subject, name)}) or Summary.create(subject, name)

    async def store(self, summary: Summary) -> None:
        """Save the summary, or add a new one. Raises `StaleError`, `DuplicateError` if it was changed or added meanwhile."""
        await (self.save(summary) if summary.version else self.add(summary))
