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
from echo_feedback.handlers import audios, errors, history, ratings, statistics, usage, users, voices, webhooks
from echo_feedback.handlers.handle import Handle

_TOTALS = (ratings, errors, statistics, usage)
"""Read models that count events of erased users, too."""

_DATA_OF_USERS = (audios, voices, history, webhooks)


def _in_turn(totals: Sequence[Handle], data_of_users: Sequence[Handle]) -> Handle:
    async def handle(event: DomainEvent, dependencies: Dependencies) -> None:
        user_id = getattr(event, "user_id", None)
        erased = user_id is not None and await dependencies.erasure.includes(user_id)
        handles = totals if erased else (*totals, *data_of_users)
        for each in handles:
            await each(event, dependencies)
        if handles and user_id is not None:
            await dependencies.erasure.repeat_for(user_id)  # it may have begun meanwhile

    return handle


def _subscriptions() -> Subscriptions[Dependencies]:
    found = Subscriptions[Dependencies]()
    modules = (*_TOTALS, *_DATA_OF_USERS)
    for event_type in dict.fromkeys(event_type for module in modules for event_type in module.HANDLERS):
        totals, data_of_users = (
            [module.HANDLERS[event_type] for module in group if event_type in module.HANDLERS]
            for group in (_TOTALS, _DATA_OF_USERS)
        )
        found.on(event_type, idempotent=True)(_in_turn(totals, data_of_users))
    found.on(UserDeleted, idempotent=True)(users.erase_user)
    found.on(AudioCreated, every_replica=True)(audios.announce_audio)
    return found


subscriptions = _subscriptions()
