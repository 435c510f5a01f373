"""Event handlers of preferences."""

from echo_common.contracts.events.listening import InteractionRecorded, TrackAnalysed
from echo_listening.dependencies import Dependencies
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import preferences


async def derive_preferences(event: InteractionRecorded, dependencies: Dependencies) -> None:
    """Derive the preferences of the user again."""
    await preferences.request_derivation(event.user_id, dependencies)


async def use_features(event: TrackAnalysed, dependencies: Dependencies) -> None:
    """Derive the preferences of users who interacted with the track again."""
    await preferences.use_features(event.track_id, dependencies)


HANDLERS: Handlers = {InteractionRecorded: derive_preferences, TrackAnalysed: use_features}
