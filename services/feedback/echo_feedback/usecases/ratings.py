"""Use cases of ratings."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from echo_common.auth.principal import Principal
from echo_common.clock import now
from echo_common.contracts.errors.feedback import AudioNotReadyError
from echo_common.contracts.errors.synthesis import AudioNotFoundError
from echo_common.contracts.http.feedback import RatingReason, RatingRequest
from echo_common.contracts.http.history import ActionType
from echo_common.http.pagination import Page
from echo_common.http.time_range import ALWAYS, TimeRange
from echo_common.ids import parse_time
from echo_common.store.port import Sort
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.audios import RatedAudio
from echo_feedback.domain.history import Entry
from echo_feedback.domain.ratings import RATINGS, Opinion, Rating
from echo_feedback.domain.summaries import AudioSummary
from echo_feedback.usecases.offers import find_offer

_LONGEST_DELIVERY: Final = timedelta(hours=1)
"""How long the event of a stored audio may be under way."""

_STATES: Final = (ActionType.JOB_QUEUED, ActionType.JOB_COMPLETED, ActionType.JOB_FAILED, ActionType.JOB_CANCELLED)
_LONGEST_WAITS: Final[Mapping[ActionType, timedelta]] = MappingProxyType(
    {ActionType.JOB_QUEUED: timedelta(days=7), ActionType.JOB_COMPLETED: _LONGEST_DELIVERY}
)
"""How long after an action of its job an audio may arrive; that of a failed or cancelled job cannot."""

RATING_ORDERS: Final = ("created_at", "updated_at", "rating")
"""Fields by which ratings can be sorted."""


@dataclass(frozen=True, slots=True)
class RatingFilter:
    """Filter of ratings; absent conditions match every rating."""

    audio_id: str | None = None
    voice_id: str | None = None
    engine: str | None = None
    reason: RatingReason | None = None
    min_rating: int = RATINGS[0]
    max_rating: int = RATINGS[-1]
    time: TimeRange = ALWAYS
    user_id: str | None = None

    def where(self) -> dict[str, Any]:
        """Return the filter in the store's form."""
        equal = {
            "user_id": self.user_id,
            "audio_id": self.audio_id,
            "voice_id": self.voice_id,
            "engine": self.engine,
            "reason": self.reason.value if self.reason else None,
        }
        where: dict[str, Any] = {name: value for name, value in equal.items() if value is not None}
        where["rating"] = {"$gte": self.min_rating, "$lte": self.max_rating}
        return where | self.time.where("created_at")


async def rate_audio(body: RatingRequest, principal: Principal, token: str, deps: Dependencies) -> Rating:
    """Rate the user's audio; replaces the user's earlier rating. Raises `ValidationError` and the errors of `find_audio`.

    `token` is the user's, for the words that were mispronounced.
    """
    audio = await find_audio(body.audio_id, principal, deps)
    fields = body.model_dump(exclude={"audio_id", "categories"})
    opinion = audio.fit_range(
        Opinion(**fields | {"comment": body.comment or None}, categories=tuple(sorted(set(body.categories))))
    )
    permitted = await deps.voices.permits(audio.voice_id, principal.user_id)
    offer = await find_offer(audio.id, opinion, token, deps)
    return await deps.ratings.change_or_add(
        principal.user_id,
        audio.id,
        lambda: Rating.create(audio.voice_id, audio.engine),
        lambda rating: rating.submit(principal.user_id, audio.id, opinion, counts_for_voice=permitted, offer=offer),
    )


async def find_audio(audio_id: str, principal: Principal, deps: Dependencies) -> RatedAudio:
    """Return the user's audio; wait for its event if it may be under way.

    Raises `AudioNotFoundError`, also for another user's, and `AudioNotReadyError` while the event may still be under way.
    """
    may_arrive = False
    with deps.audios.waiting(audio_id) as arrived:
        found = await deps.audios.find(audio_id, principal.user_id)
        if found is None:
            may_arrive = await _may_arrive(audio_id, principal, deps)
            if may_arrive:
                with suppress(TimeoutError):
                    async with asyncio.timeout(deps.settings.audio_wait_seconds):
                        await arrived.wait()
            found = await deps.audios.find(audio_id, principal.user_id)  # the event may have arrived, also in another replica
    if found is not None:
        return found
    if may_arrive and not await deps.audios.knows(audio_id):
        raise AudioNotReadyError
    raise AudioNotFoundError


async def _may_arrive(audio_id: str, principal: Principal, deps: Dependencies) -> bool:
    """Return whether the event of an unknown audio may be under way: its id is new, or the user's job may still store it.

    An id that was made up is new for `_LONGEST_DELIVERY` at most, too: ids hold their time.
    """
    made_at = parse_time(audio_id)
    if made_at is None or await deps.audios.knows(audio_id):
        return False
    job_id = f"job_{audio_id.removeprefix('aud_')}"  # a job may have waited for hours before its audio is stored
    if not await deps.history.includes(Entry.id_of_first(ActionType.JOB_QUEUED, job_id), principal.user_id):
        return abs(now() - made_at) < _LONGEST_DELIVERY
    latest = await deps.history.find_latest(job_id, _STATES, principal.user_id)
    return latest is not None and now() - latest.timestamp < _LONGEST_WAITS.get(latest.action_type, timedelta(0))


async def list_ratings(wanted: RatingFilter, page: Page, deps: Dependencies) -> tuple[list[Rating], int]:
    """Return a page of the ratings that match, newest first by default, and their total number."""
    where = wanted.where()
    found = deps.ratings.find(where, sort=_sort(page), skip=page.offset, limit=page.limit)
    return [rating async for rating in found], await deps.ratings.count(where)


def stream_ratings(wanted: RatingFilter, page: Page, deps: Dependencies) -> AsyncGenerator[Rating, None]:
    """Yield all ratings that match, in the order of the page."""
    return deps.ratings.find(wanted.where(), sort=_sort(page))


async def find_rating(rating_id: str, principal: Principal, deps: Dependencies) -> Rating:
    """Return the user's rating. Raises `RatingNotFoundError`, also for another user's."""
    return await deps.ratings.get(rating_id, user_id=principal.user_id)


async def delete_rating(rating_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete the user's rating. Raises `RatingNotFoundError`."""
    found = await find_rating(rating_id, principal, deps)
    audio_id = found.audio_id or ""
    await deps.ratings.update(rating_id, lambda rating: rating.delete(principal.user_id, audio_id), user_id=principal.user_id)


async def summarize_audio(audio_id: str, principal: Principal, deps: Dependencies) -> AudioSummary:
    """Return the ratings of the user's audio in numbers. Raises the errors of `find_audio`."""
    audio = await find_audio(audio_id, principal, deps)
    return AudioSummary.of([rating async for rating in deps.ratings.find({"audio_id": audio.id})])


def _sort(page: Page) -> Sort:
    return [(page.sort_by, page.direction), ("_id", page.direction)]
