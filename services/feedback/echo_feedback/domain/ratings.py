"""Ratings of audio."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from echo_common.aggregate import Aggregate
from echo_common.clock import now
from echo_common.contracts.errors.feedback import DictionaryOfferAcceptedError, DictionaryOfferNotFoundError
from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted
from echo_common.contracts.http.feedback import RatingReason
from echo_common.ids import new_id
from echo_feedback.domain.offers import Acceptance, Correction, DictionaryOffer

RATINGS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Opinion:
    """The content of a rating, as its user submits it. Times are in seconds, words are counted from 0."""

    rating: int
    comment: str | None = None
    categories: tuple[str, ...] = ()
    reason: RatingReason | None = None
    start_time: float | None = None
    end_time: float | None = None
    start_word: int | None = None
    end_word: int | None = None


class Rating(Aggregate):
    """A user's rating of an audio; a newer one replaces it.

    `revision` grows with each change. A deleted rating keeps its revision, without content, so that late events do not restore
    it. The rating of an erased user remains in the totals without user, audio and text; its id leads to neither.
    """

    user_id: str | None = None
    audio_id: str | None = None
    voice_id: str
    engine: str
    counts_for_voice: bool = True
    rating: int | None = None
    comment: str | None = None
    categories: tuple[str, ...] = ()
    reason: RatingReason | None = None
    start_time: float | None = None
    end_time: float | None = None
    start_word: int | None = None
    end_word: int | None = None
    offer: DictionaryOffer | None = None
    revision: int = 0

    @classmethod
    def create(cls, voice_id: str, engine: str) -> "Rating":
        """Create a rating without content of an audio of this voice and engine."""
        return cls(id=new_id("rat"), voice_id=voice_id, engine=engine)

    def submit(
        self,
        user_id: str,
        audio_id: str,
        opinion: Opinion,
        *,
        counts_for_voice: bool,
        offer: DictionaryOffer | None = None,
    ) -> None:
        """Set or replace the content, with the offer of a dictionary entry."""
        if self.rating is None:
            self.created_at = now()
        self.user_id, self.audio_id, self.counts_for_voice = user_id, audio_id, counts_for_voice
        self._set(opinion, offer)
        self.revision += 1
        self.record(
            RatingSubmitted(
                rating_id=self.id,
                user_id=user_id,
                audio_id=audio_id,
                voice_id=self.voice_id,
                engine=self.engine,
                rating=opinion.rating,
                categories=opinion.categories,
                reason=opinion.reason.value if opinion.reason else None,
                counts_for_voice=counts_for_voice,
                revision=self.revision,
            )
        )

    def delete(self, user_id: str, audio_id: str) -> None:
        """Remove the content."""
        self.revision += 1
        self.clear()
        self.record(
            RatingDeleted(
                rating_id=self.id,
                user_id=user_id,
                audio_id=audio_id,
                voice_id=self.voice_id,
                engine=self.engine,
                revision=self.revision,
            )
        )

    def accept_offer(self, correction: Correction, moment: datetime) -> DictionaryOffer:
        """Claim the offer for a correction and return it; idempotent, a repetition renews the claim.

        Raises `DictionaryOfferNotFoundError`, and `DictionaryOfferAcceptedError` if another correction was accepted.
        """
        if self.offer is None:
            raise DictionaryOfferNotFoundError
        held = self.offer.acceptance
        if held is not None and held.excludes(correction, moment):
            raise DictionaryOfferAcceptedError
        if held is None or held.job_id is None:
            self._set_acceptance(Acceptance(correction=correction, claimed_at=moment))
        return self.offer

    def finish_acceptance(self, correction: Correction, job_id: str | None) -> None:
        """Note the job of a correction, or release the offer if its segment cannot be replaced; not after a change."""
        held = None if self.offer is None else self.offer.acceptance
        if held is not None and held.correction == correction and held.job_id is None:
            self._set_acceptance(None if job_id is None else held.model_copy(update={"job_id": job_id}))

    def clear(self) -> None:
        """Remove the rating and everything that tells whose it was."""
        self.rating = self.reason = None
        self.anonymize()

    def anonymize(self) -> None:
        """Remove the user, the audio and the user's words; the rating remains in the totals."""
        self.user_id = self.audio_id = self.comment = None
        self.categories = ()
        self.start_time = self.end_time = self.start_word = self.end_word = None
        self.offer = None

    def apply(self, event: RatingSubmitted | RatingDeleted) -> None:
        """Apply an event of this rating, unless it is of an earlier revision.

        A comment is not part of the event: one of another revision is removed.
        """
        if event.revision <= self.revision:
            return
        self.revision = event.revision
        self.voice_id, self.engine = event.voice_id, event.engine
        if isinstance(event, RatingDeleted):
            self.clear()
            return
        self.user_id, self.audio_id, self.counts_for_voice = event.user_id, event.audio_id, event.counts_for_voice
        reason = None if event.reason is None else RatingReason(event.reason)
        self._set(Opinion(event.rating, categories=event.categories, reason=reason))

    def _set_acceptance(self, acceptance: Acceptance | None) -> None:
        if self.offer is not None:
            self.offer = self.offer.model_copy(update={"acceptance": acceptance})

    def _set(self, opinion: Opinion, offer: DictionaryOffer | None = None) -> None:
        self.offer = offer
        self.rating, self.comment, self.reason = opinion.rating, opinion.comment, opinion.reason
        self.categories = opinion.categories
        self.start_time, self.end_time = opinion.start_time, opinion.end_time
        self.start_word, self.end_word = opinion.start_word, opinion.end_word
