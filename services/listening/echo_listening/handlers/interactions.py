"""Event handlers of interactions."""

from echo_common.contracts.events.listening import TrackDeleted
from echo_listening.dependencies import Dependencies
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import interactions


async def remove_interactions(event: TrackDeleted, dependencies: Dependencies) -> None:
    """Remove the interactions with a deleted track."""
    await interactions.remove_track(event.track_id, dependencies)


HANDLERS: Handlers = {TrackDeleted: remove_interactions}
