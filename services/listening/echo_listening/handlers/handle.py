"""Type of the handlers that a part declares."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from echo_common.contracts.event import DomainEvent
from echo_listening.dependencies import Dependencies

Handle = Callable[[Any, Dependencies], Awaitable[None]]
Handlers = Mapping[type[DomainEvent], Handle]
