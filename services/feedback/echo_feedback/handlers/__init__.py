"""Event handlers of the feedback service, one module per read model.

Several read models follow the same events, and the bus has one handler per event. Each module therefore declares its handlers
in `HANDLERS`, and those of one event run in turn. All are idempotent.
"""

from collections.abc import Sequence

from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.event import DomainEvent
from echo_common.contracts.events.auth import UserDeleted
from echo_common.contracts.events.synthesis import AudioCreated
from echo_feedback.dependencies import Dependencies
from echo_feedback.handlers import audios, history, ratings, users, voices
from echo_feedback.handlers.handle import Handle

_MODULES = (audios, voices, ratings, history)


def _in_turn(handles: Sequence[Handle]) -> Handle:
    async def handle(event: DomainEvent, dependencies: Dependencies) -> None:
        for each in handles:
            await each(event, dependencies)
        if user_id := getattr(event, "user_id", None):
            await dependencies.erasure.repeat_for(user_id)

    return handle


def _subscriptions() -> Subscriptions[Dependencies]:
    handles: dict[type[DomainEvent], list[Handle]] = {}
    for module in _MODULES:
        for event_type, handle in module.HANDLERS.items():
            handles.setdefault(event_type, []).append(handle)
    found = Subscriptions[Dependencies]()
    for event_type, of_event in handles.items():
        found.on(event_type, idempotent=True)(_in_turn(of_event))
    found.on(UserDeleted, idempotent=True)(users.erase_user)
    found.on(AudioCreated, every_replica=True)(audios.announce_audio)
    return found


subscriptions = _subscriptions()
