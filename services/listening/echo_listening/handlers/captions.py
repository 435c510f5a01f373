"""Event handlers of captions."""

from echo_common.contracts.events.listening import TrackDeleted
from echo_listening.dependencies import Dependencies
from echo_listening.handlers.handle import Handlers


async def remove_captions(event: TrackDeleted, dependencies: Dependencies) -> None:
    """Remove the captions of a deleted track."""
    await dependencies.captions.remove(event.track_id)


HANDLERS: Handlers = {TrackDeleted: remove_captions}
