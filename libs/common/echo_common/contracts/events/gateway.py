"""Events published by the gateway."""

from typing import ClassVar

from echo_common.contracts.event import DomainEvent


class GatewayUserDataErased(DomainEvent):
    """The gateway has erased everything of a deleted user."""

    topic: ClassVar[str] = "gateway.user_data_erased"

    user_id: str
