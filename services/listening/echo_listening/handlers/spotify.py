"""Event handlers of Spotify, in case the process that changed the link died before it changed the preferences."""

from echo_common.contracts.events.listening import SpotifyLinked, SpotifyUnlinked
from echo_listening.dependencies import Dependencies
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases.spotify_artists import use_top_artists


async def use_artists(event: SpotifyLinked | SpotifyUnlinked, dependencies: Dependencies) -> None:
    """Use the top artists of the present link in the preferences."""
    await use_top_artists(event.user_id, dependencies)


HANDLERS: Handlers = {SpotifyLinked: use_artists, SpotifyUnlinked: use_artists}
