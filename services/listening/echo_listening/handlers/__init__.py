"""Event handlers of the listening service, one module per part.

Several parts follow the same events, and the bus has one handler per event. Each module therefore declares its handlers in
`HANDLERS`, and those of one event run in turn, in the order of `_PARTS`. All are idempotent. Documents that a late
event of an erased user stores are erased at once.
"""

from collections.abc import Sequence

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.auth import UserDeleted
from echo_listening.dependencies import Dependencies
from echo_listening.handlers import captions, features, group_sessions, interactions, playlists, preferences, spotify, tracks
from echo_listening.handlers.handle import Handle

_PARTS = (tracks, features, playlists, captions, group_sessions, interactions, preferences, spotify)
"""One line per part, so that parts can be added side by side."""


def _in_turn(handles: Sequence[Handle]) -> Handle:
    async def handle(event: DomainEvent, dependencies: Dependencies) -> None:
        for each in handles:
            await each(event, dependencies)
        user_id = getattr(event, "user_id", None)
        if user_id is not None:
            await dependencies.erasure.repeat_for(user_id)

    return handle


async def _erase_user(event: UserDeleted, dependencies: Dependencies) -> None:
    """Queue the erasure of everything that the user owns here."""
    await dependencies.erasure.begin(event.user_id)


def _subscriptions() -> Subscriptions[Dependencies]:
    found = Subscriptions[Dependencies]()
    for event_type in dict.fromkeys(event_type for part in _PARTS for event_type in part.HANDLERS):
        handles = [part.HANDLERS[event_type] for part in _PARTS if event_type in part.HANDLERS]
        found.on(event_type, idempotent=True)(_in_turn(handles))
    for event_type, handle in group_sessions.TRANSIENT_HANDLERS.items():
        found.on(event_type)(handle)
    found.on(UserDeleted, idempotent=True)(_erase_user)
    return found


subscriptions = _subscriptions()
