"""Events published by listening."""

from typing import ClassVar

from echo_common.contracts.error_logged import ErrorLogged
from echo_common.contracts.event import DomainEvent


class ListeningUserDataErased(DomainEvent):
    """The listening service has erased everything of a deleted user."""

    topic: ClassVar[str] = "listening.user_data_erased"

    user_id: str


class ListeningErrorLogged(ErrorLogged):
    """The listening service logged errors."""

    topic: ClassVar[str] = "listening.error_logged"
