"""All event classes, found in `contracts/events/`: one module per publishing service."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from echo_common.contracts import events
from echo_common.contracts.event import DomainEvent


@cache
def event_types() -> Mapping[tuple[str, int], type[DomainEvent]]:
    """Return the event classes by (topic, version).

    Raises `TypeError` when two classes claim the same topic and version, or a topic does not start with its module's name.
    """
    found: dict[tuple[str, int], type[DomainEvent]] = {}
    for module_info in iter_modules(events.__path__):
        module = import_module(f"{events.__name__}.{module_info.name}")
        for value in vars(module).values():
            if not (isinstance(value, type) and issubclass(value, DomainEvent) and value.__module__ == module.__name__):
                continue
            key = (value.topic, value.event_version)
            if key in found or not value.topic.startswith(f"{module_info.name}."):
                raise TypeError(f"{value.__qualname__}: topic {value.topic!r} is in use or not of this publisher")
            found[key] = value
    return MappingProxyType(found)
