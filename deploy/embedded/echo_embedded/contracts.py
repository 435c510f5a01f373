"""Generated contract documents: event schemas, AsyncAPI, the broker's queues, the services' endpoints, OpenAPI, `.env.example`.

`make contracts` writes them, the contract tests compare them. Event schemas only allow additions: see `changes`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from echo_common.contracts.event import DomainEvent
from echo_common.contracts.registry import event_types
from echo_common.http.contract import contract_of
from echo_embedded.broker_definitions import container_definitions
from echo_embedded.data_folder import CannotStartError
from echo_embedded.registry import API, SETTINGS
from echo_gateway.contract import Contracts
from echo_gateway.openapi import openapi_document

EVENTS = Path("tests/contract/events")
ENDPOINTS = Path("services/gateway/echo_gateway/contracts")
BROKER = Path("deploy/docker/rabbitmq/definitions.json")
Json = dict[str, Any]
_PROSE = {"title", "description", "examples", "default", "$defs"}


class ContractBrokenError(CannotStartError):
    """An incompatible change of a published event."""


def documents() -> dict[Path, str]:
    """Generate all documents, by path in the repository."""
    endpoints = endpoint_contracts()
    return {
        **{EVENTS / f"{event.topic}.v{event.event_version}.json": _dump(schema(event)) for event in event_types().values()},
        Path("docs/api/asyncapi.json"): _dump(asyncapi()),
        BROKER: container_definitions(),
        **{ENDPOINTS / f"{service}.json": _dump(contract) for service, contract in endpoints.items()},
        Path("docs/api/openapi.json"): _dump(openapi_document(endpoints)),
        Path(".env.example"): env_example(),
    }


def endpoint_contracts() -> Contracts:
    """Generate the contracts of the services' public endpoints, from which the gateway routes and documents."""
    return {service: contract_of(service, routers) for service, routers in API.items() if routers}


def write(root: Path) -> list[Path]:
    """Update the documents below `root`; return the changed paths. Raises `ContractBrokenError` before writing any."""
    if broken := list(broken_events(root)):
        raise ContractBrokenError("\n".join(broken))
    changed = []
    for path, content in documents().items():
        target = root / path
        if not target.exists() or target.read_text() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
            changed.append(path)
    return changed


def broken_events(root: Path) -> Iterator[str]:
    """Yield a sentence for each change of a published event that is not an addition."""
    known = {f"{event.topic}.v{event.event_version}": event for event in event_types().values()}
    for snapshot in sorted((root / EVENTS).glob("*.json")):
        event = known.get(snapshot.stem)
        if event is None:
            yield f"{snapshot.stem} is no longer published; remove {EVENTS / snapshot.name} once nothing consumes it."
            continue
        for change in changes(json.loads(snapshot.read_text()), schema(event)):
            yield f"{snapshot.stem}: {change}; publish version {event.event_version + 1} beside it instead."


def schema(event: type[DomainEvent]) -> Json:
    """Return the event's JSON schema, with its versioned name and whether its delivery is transient."""
    return event.model_json_schema() | {"$id": f"{event.topic}.v{event.event_version}", "x-transient": event.transient}


def changes(old: Json, new: Json) -> Iterator[str]:
    """Yield the incompatible changes between two schemas; additions are compatible.

    Checks both directions: old consumers read new events, and new consumers may find old events in a queue.
    """
    if old.get("x-transient") != new.get("x-transient"):
        yield "it is delivered in another way"
    yield from _object_changes(_resolved(old, old), _resolved(new, new), "")


def _object_changes(old: Json, new: Json, path: str) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"{path}{name} is gone"
    for name in sorted(set(old.get("required", ())) ^ set(new.get("required", ()))):
        if name in after:
            yield f"{path}{name} is {'now' if name in new.get('required', ()) else 'no longer'} required"
    for name in sorted(before.keys() & after.keys()):
        if "properties" in before[name] and "properties" in after[name]:
            yield from _object_changes(before[name], after[name], f"{path}{name}.")
        elif before[name] != after[name]:
            yield f"{path}{name} means something else"


def _resolved(node: Any, root: Json) -> Any:
    """Resolve the references in a schema node and remove its prose."""
    if isinstance(node, list):
        return [_resolved(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _resolved(root["$defs"][node["$ref"].rsplit("/", 1)[1]], root)
    return {
        key: {name: _resolved(item, root) for name, item in value.items()} if key == "properties" else _resolved(value, root)
        for key, value in node.items()
        if key not in _PROSE
    }


def asyncapi() -> Json:
    """Generate the AsyncAPI document of all events."""
    channels: Json = {}
    operations: Json = {}
    messages: Json = {}
    schemas: Json = {}
    for event in event_types().values():
        name = event.__name__ + (f"V{event.event_version}" if event.event_version > 1 else "")
        described = event.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= described.pop("$defs", {})
        schemas[name] = described
        messages[name] = {
            "name": f"{event.topic}.v{event.event_version}",
            "summary": (event.__doc__ or "").strip().split("\n")[0],
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{name}"},
        }
        channel = channels.setdefault(event.topic, {"address": event.topic, "messages": {}, "x-transient": event.transient})
        channel["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        operations.setdefault(
            f"publish-{event.topic}",
            {"action": "send", "channel": {"$ref": f"#/channels/{event.topic}"}, "tags": [{"name": event.topic.split(".")[0]}]},
        )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Echo events",
            "version": "1",
            "description": "Events that services publish, delivered at least once; deduplicate by `event_id`.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def env_example() -> str:
    """Generate `.env.example`: all settings with their defaults."""
    sections = [_section(title, settings) for title, settings in SETTINGS.items()]
    return (
        "# All settings; commented lines show the defaults. For `make up`, add lines to .env, which `make .env` creates with the secrets.\n"
        + "".join(sections)
    )


def _section(title: str, settings: type[BaseSettings]) -> str:
    lines = [f"\n# --- {title}\n"] if settings.model_fields else []
    for name, field in settings.model_fields.items():
        if field.description is None:
            raise TypeError(f"{settings.__name__}.{name} has no description")
        variable = f"{settings.model_config['env_prefix']}{name}".upper()
        lines.append(f"\n# {field.description}\n# {variable}={_shown(field.default)}\n")
    return "".join(lines)


def _shown(default: Any) -> str:
    if isinstance(default, SecretStr):
        return default.get_secret_value()
    if default is None or default is PydanticUndefined:  # required, or computed at start
        return ""
    return ",".join(map(str, default)) if isinstance(default, (tuple, list)) else str(default)


def _dump(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
