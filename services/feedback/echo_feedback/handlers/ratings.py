"""Event handlers of ratings: this service counts the ratings that it published itself."""

from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted
from echo_feedback.dependencies import Dependencies
from echo_feedback.domain.summaries import Subject
from echo_feedback.handlers.handle import Handlers


async def count_rating(event: RatingSubmitted | RatingDeleted, dependencies: Dependencies) -> None:
    """Update the summaries of the voice and the engine; restore the rating if the database has lost it."""
    await dependencies.ratings.apply(event)
    await dependencies.counter.refresh(Subject.VOICE, event.voice_id)
    await dependencies.counter.refresh(Subject.ENGINE, event.engine)


HANDLERS: Handlers = {RatingSubmitted: count_rating, RatingDeleted: count_rating}
