"""Operations that several services serve under one path, combined for the public OpenAPI document."""

from collections.abc import Iterable, Mapping
from typing import Any

Operation = Mapping[str, Any]
_JSON = "application/json"


def combine_operations(first: Operation, other: Operation) -> dict[str, Any]:
    """Combine two operations: the texts of the first, and the parameters, bodies and responses of both."""
    combined = {**first, "parameters": _combine_parameters(first.get("parameters", ()), other.get("parameters", ()))}
    if "requestBody" in first and "requestBody" in other:
        combined["requestBody"] = _combine_bodies(first["requestBody"], other["requestBody"], first, other)
    responses = {**other["responses"], **first["responses"]}
    for status in first["responses"].keys() & other["responses"].keys():
        known, added = first["responses"][status], other["responses"][status]
        responses[status] = _combine_bodies(known, added, first, other)
        if status >= "400":
            codes = f"{known['description']} {added['description']}".split()
            responses[status]["description"] = " ".join(dict.fromkeys(codes))
    combined["responses"] = dict(sorted(responses.items()))
    return combined


def _combine_parameters(first: Iterable[Operation], other: Iterable[Operation]) -> list[Operation]:
    """Combine parameters by name; those of the first are required as it says, others are optional."""
    known = {(parameter["in"], parameter["name"]): parameter for parameter in first}
    for parameter in other:
        key = parameter["in"], parameter["name"]
        if key not in known:
            known[key] = {**parameter, "required": False}
        else:
            known[key] = {**known[key], "schema": _either(known[key]["schema"], parameter["schema"])}
    return list(known.values())


def _combine_bodies(known: Operation, added: Operation, first: Operation, other: Operation) -> dict[str, Any]:
    """Combine two JSON bodies: a value of either schema, and the examples of both under their operations' ids."""
    if "content" not in known or "content" not in added:
        return dict(known)
    content, more = dict(known["content"][_JSON]), added["content"][_JSON]
    if "schema" in content and "schema" in more:
        content["schema"] = _either(content["schema"], more["schema"])
    examples = {**_examples(more, other), **_examples(content, first)}
    content.pop("example", None)
    if examples:
        content["examples"] = examples
    return {**known, "content": {_JSON: content}}


def _examples(content: Operation, operation: Operation) -> dict[str, Any]:
    single = {operation["operationId"]: {"value": content["example"]}} if "example" in content else {}
    return {**single, **content.get("examples", {})}


def _either(first: Operation, other: Operation) -> dict[str, Any]:
    """Return the schema of a value of either schema; enumerations are united."""
    if first == other:
        return dict(first)
    values = [*_values(first), *_values(other)]
    if _values(first) and _values(other):
        return {**{name: value for name, value in first.items() if name != "const"}, "enum": list(dict.fromkeys(values))}
    return {"anyOf": [first, other]}


def _values(schema: Operation) -> list[Any]:
    return [schema["const"]] if "const" in schema else list(schema.get("enum", ()))
