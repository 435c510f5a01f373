"""Repository of the running summaries of voices and engines."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final

from echo_common.outbox.repository import Repository, StaleError
from echo_common.store.port import DuplicateError, Index
from echo_feedback.domain.summaries import Distribution, Subject, Summary

_ATTEMPTS: Final = 20


class Summaries(Repository[Summary]):
    """The repository of summaries."""

    aggregate = Summary
    name = "summaries"
    indexes: ClassVar[Sequence[Index]] = (Index([("subject", 1), ("name", 1)]),)

    async def refresh(self, subject: Subject, name: str, count: Callable[[], Awaitable[Distribution]]) -> None:
        """Count again and save the summary.

        It is read before the ratings are counted, and saved only in this version. Of two concurrent calls, the later one to save
        has therefore counted the ratings of both. Raises `StaleError` after 20 attempts.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            summary = await self.find_one({"_id": Summary.id_of(subject, name)}) or Summary.empty(subject, name)
            if not summary.change(await count()):
                return
            try:
                await (self.save(summary) if summary.version else self.add(summary))
            except (StaleError, DuplicateError):
                if attempt == _ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311
            else:
                return
