"""JSON schemas of fields of which a body has one, or at least one."""

from typing import Any

from pydantic import ConfigDict


def exactly_one(*names: str) -> ConfigDict:
    """Return the configuration of a model with exactly one of these fields; null counts as absent."""
    absent = {name: {"type": "null"} for name in names}
    return ConfigDict(json_schema_extra={"oneOf": [_present(name, absent) for name in names]})


def at_least_one(*names: str) -> ConfigDict:
    """Return the configuration of a model with one or more of these fields; null counts as absent."""
    return ConfigDict(json_schema_extra={"anyOf": [_present(name, {}) for name in names]})


def _present(name: str, others: dict[str, Any]) -> dict[str, Any]:
    return {"required": [name], "properties": {**others, name: {"not": {"type": "null"}}}}
