"""Definitions that RabbitMQ loads at every start, before it accepts connections: users, and the queues of all consumers.

A message that is published before its consumer's first start therefore finds the queue.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from echo_common.bus import topology
from echo_embedded.backup.parts import CONSUMERS, SERVICES

Definitions = Mapping[str, Sequence[Mapping[str, Any]]]

_BACKUP = "backup"
_VHOST = "/"
_SHARED = r"echo\.(events|retry\.[0-9]+|compared_.*)"
_ALL_QUEUES = r"[a-z]+\..*"
_NOTHING, _ALL = "^$", ".*"


def container_definitions() -> str:
    """Return the definitions of the container: one user per service with access to its own queues, and one for the backup.

    The variables of the passwords are replaced at the start of the container.
    """
    users = sorted((*SERVICES, _BACKUP))
    return _formatted(
        {
            "vhosts": [{"name": _VHOST}],
            "users": [{"name": user, "password": f"${{RABBITMQ_{user.upper()}_PASSWORD}}", "tags": []} for user in users],
            "permissions": [_backup_permission(), *map(_service_permission, SERVICES)],
            "topic_permissions": [
                *_topic_permissions(_BACKUP),
                *(entry for name in SERVICES for entry in _topic_permissions(name)),
            ],
            **topology.definitions(CONSUMERS),
        }
    )


def local_definitions() -> str:
    """Return the definitions of a private node, which only this machine reaches."""
    user = "guest"
    return _formatted(
        {
            "vhosts": [{"name": _VHOST}],
            "users": [{"name": user, "password": user, "tags": ["administrator"]}],
            "permissions": [{"user": user, "vhost": _VHOST, "configure": _ALL, "write": _ALL, "read": _ALL}],
            **topology.definitions(CONSUMERS),
        }
    )


def _service_permission(service: str) -> Mapping[str, str]:
    own = rf"{_SHARED}|{service}\..*"
    return {
        "user": service,
        "vhost": _VHOST,
        "configure": f"^({own})$",
        "write": rf"^({own}|amq\.default)$",
        "read": f"^({own})$",
    }


def _backup_permission() -> Mapping[str, str]:
    queues = rf"echo\.(events|retry\.[0-9]+)|amq\.gen.*|{_ALL_QUEUES}"
    return {
        "user": _BACKUP,
        "vhost": _VHOST,
        "configure": f"^({queues})$",
        "write": rf"^({queues}|amq\.default)$",
        "read": f"^({queues})$",
    }


def _topic_permissions(user: str) -> list[Mapping[str, str]]:
    """Return the topics that a user may publish to each exchange: a service its own, and the backup none."""
    patterns = dict.fromkeys(topology.exchange_names(), _NOTHING if user == _BACKUP else rf"^{user}\..*$")
    if user != _BACKUP:
        patterns[topology.EVENTS] = rf"^({user}\..*|ping)$"
    return [
        {"user": user, "vhost": _VHOST, "exchange": exchange, "write": pattern, "read": _ALL}
        for exchange, pattern in patterns.items()
    ]


def _formatted(definitions: Definitions) -> str:
    """Format with one entry per line."""
    sections = [
        f"  {json.dumps(name)}: [\n" + ",\n".join(f"    {json.dumps(entry)}" for entry in entries) + "\n  ]"
        for name, entries in definitions.items()
    ]
    return "{\n" + ",\n".join(sections) + "\n}\n"
