"""Event handlers of the auth service: services confirm that they have erased a deleted user's data."""

from typing import get_args

from echo_auth.dependencies import Dependencies
from echo_auth.usecases.erasures import confirm_erasure
from echo_common.bus.subscriptions import Subscriptions
from echo_common.contracts.events.feedback import FeedbackUserDataErased
from echo_common.contracts.events.gateway import GatewayUserDataErased
from echo_common.contracts.events.synthesis import SynthesisUserDataErased
from echo_common.contracts.events.voice import VoiceUserDataErased

subscriptions = Subscriptions[Dependencies]()

UserDataErased = FeedbackUserDataErased | GatewayUserDataErased | SynthesisUserDataErased | VoiceUserDataErased


async def confirm(event: UserDataErased, dependencies: Dependencies) -> None:
    """Record that the publishing service has erased the user's data; after the last one, erase the account."""
    await confirm_erasure(event.user_id, event.topic.partition(".")[0], dependencies)


for erased in get_args(UserDataErased):
    subscriptions.on(erased, idempotent=True)(confirm)
