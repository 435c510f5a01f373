"""Use cases of the running summaries of voices and engines."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import structlog

from echo_common.background_tasks import continue_after_errors, running_in_background
from echo_common.backoff import Backoff
from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted
from echo_common.http.pagination import Page
from echo_common.outbox.conflicts import retry_conflicts
from echo_common.outbox.repository import StaleError
from echo_common.store.port import DuplicateError
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.ratings import Rating
from echo_feedback.domain.summaries import Subject, Summary, SummaryKey, Vote
from echo_feedback.repository.summaries import Summaries
from echo_feedback.repository.votes import Votes

SUMMARY_ORDERS: Final = ("name", "updated_at")
"""Fields by which summaries can be sorted."""

_REBUILD_BACKOFF: Final = Backoff(1.0, 60.0)
_RATINGS_AT_ONCE: Final = 500
_log = structlog.get_logger("echo.summaries")


async def list_summaries(subject: Subject | None, page: Page, deps: Dependencies) -> tuple[list[Summary], int]:
    """Return a page of the summaries, by default the last changed first, and their total number."""
    where: dict[str, Any] = {} if subject is None else {"subject": subject.value}
    sort = [(page.sort_by, page.direction), ("_id", page.direction)]
    found = deps.summaries.find(where, sort=sort, skip=page.offset, limit=page.limit)
    return [summary async for summary in found], await deps.summaries.count(where)


async def count_rating(event: RatingSubmitted | RatingDeleted, deps: Dependencies) -> None:
    """Count a rating for its voice and its engine, in place of its earlier revision; idempotent.

    Raises `StaleError`, `StoreUnavailableError`.
    """
    rating = event.rating if isinstance(event, RatingSubmitted) else None
    for_voice = rating if isinstance(event, RatingSubmitted) and event.counts_for_voice else None
    await asyncio.gather(
        deps.votes_to_count.add((Subject.VOICE, event.voice_id), Vote(event.rating_id, event.revision, for_voice)),
        deps.votes_to_count.add((Subject.ENGINE, event.engine), Vote(event.rating_id, event.revision, rating)),
    )


async def count_votes(key: SummaryKey, votes: Sequence[Vote], summaries: Summaries, stored: Votes) -> None:
    """Count votes of a voice or an engine once each, whatever other replicas count at the same time.

    The summary is read first and saved only in this version. A vote that is not stored then, nor one of the summary's latest, has
    therefore not been counted. Raises `StaleError` or `DuplicateError` after 20 attempts, `StoreUnavailableError`.
    """
    await retry_conflicts(partial(_count_votes, key, votes, summaries, stored), StaleError, DuplicateError)


async def _count_votes(key: SummaryKey, votes: Sequence[Vote], summaries: Summaries, stored: Votes) -> None:
    subject, name = key
    summary = await summaries.find_or_create(subject, name)
    summary.start_epoch(await stored.get_epoch())
    await stored.store(subject, summary.latest)  # before the next ones replace them
    known = await stored.find(subject, {vote.rating_id for vote in votes})
    if summary.count_votes(votes, known):
        await summaries.store(summary)


async def rebuild_summaries(deps: Dependencies) -> None:
    """Count all stored ratings that are not counted, unless this was done before.

    All summaries are thus counted anew after a loss of the votes, and those of the time before votes were stored.
    """
    epoch = await deps.votes.get_epoch()
    if await deps.votes.complete():
        return
    batch: list[Rating] = []
    async for rating in deps.ratings.find({"rating": {"$gte": 1}}, sort=[("_id", 1)]):
        batch.append(rating)
        if len(batch) == _RATINGS_AT_ONCE:
            await _count_stored(batch, deps)
            batch.clear()
    await _count_stored(batch, deps)
    for summary_id in [summary.id async for summary in deps.summaries.find({"epoch": {"$ne": epoch}})]:
        await deps.summaries.update(summary_id, partial(Summary.finish_epoch, epoch=epoch))
    await deps.votes.mark_complete()


@asynccontextmanager
async def rebuild_in_background(deps: Dependencies) -> AsyncIterator[None]:
    """Rebuild lost summaries in the background while the context lasts; replicas may do so at the same time."""
    async with running_in_background(_rebuild_until_done(deps)):
        yield


async def _rebuild_until_done(deps: Dependencies) -> None:
    attempt = 1
    while True:
        with continue_after_errors(_log, "summaries_rebuild"):
            return await rebuild_summaries(deps)
        await asyncio.sleep(_REBUILD_BACKOFF.delay(attempt))
        attempt += 1


async def _count_stored(ratings: Sequence[Rating], deps: Dependencies) -> None:
    votes: defaultdict[SummaryKey, list[Vote]] = defaultdict(list)
    for rating in ratings:
        for_voice = rating.rating if rating.counts_for_voice else None
        votes[Subject.VOICE, rating.voice_id].append(Vote(rating.id, rating.revision, for_voice))
        votes[Subject.ENGINE, rating.engine].append(Vote(rating.id, rating.revision, rating.rating))
    for key, of_subject in votes.items():
        await count_votes(key, of_subject, deps.summaries, deps.votes)
