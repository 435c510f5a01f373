"""Event handlers of ratings: this service counts the ratings that it published itself."""

from echo_common.contracts.events.feedback import RatingDeleted, RatingSubmitted
from echo_feedback.dependencies import Dependencies
from echo_feedback.handlers.handle import Handlers
from echo_feedback.usecases import summaries


async def count_rating(event: RatingSubmitted | RatingDeleted, dependencies: Dependencies) -> None:
    """Count the rating for its voice and its engine; restore it if the database has lost it."""
    await dependencies.ratings.restore(event)
    await summaries.count_rating(event, dependencies)


HANDLERS: Handlers = {RatingSubmitted: count_rating, RatingDeleted: count_rating}
