"""Combination of operations that several services serve under one path."""

from typing import Any

from echo_gateway.shared_operations import combine_operations


def operation(name: str, *, parameters: Any = (), schema: Any = None, codes: str = "`A`") -> dict[str, Any]:
    ok = {"description": "Done.", "content": {"application/json": {"schema": schema or {"type": "string"}, "example": name}}}
    refused = {"application/json": {"schema": {"$ref": "#/f"}, "examples": {codes: {"value": codes}}}}
    return {
        "operationId": name,
        "summary": f"Get {name}",
        "parameters": list(parameters),
        "responses": {"200": ok, "409": {"description": codes, "content": refused}},
    }


def parameter(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"in": "query", "name": name, "required": required, "schema": schema}


def test_a_response_is_of_either_schema_with_the_examples_of_both() -> None:
    combined = combine_operations(operation("a", schema={"$ref": "#/a"}), operation("b", schema={"$ref": "#/b"}, codes="`B`"))
    content = combined["responses"]["200"]["content"]["application/json"]
    assert content["schema"] == {"anyOf": [{"$ref": "#/a"}, {"$ref": "#/b"}]}
    assert {name: example["value"] for name, example in content["examples"].items()} == {"a": "a", "b": "b"}
    assert combined["responses"]["409"]["description"] == "`A` `B`"
    assert combined["summary"] == "Get a"


def test_values_of_a_parameter_are_united_and_foreign_parameters_are_optional() -> None:
    first = operation("a", parameters=[parameter("type", {"const": "x", "default": "x"})])
    other = operation(
        "b", parameters=[parameter("type", {"enum": ["y", "z"]}, required=True), parameter("more", {}, required=True)]
    )
    assert combine_operations(first, other)["parameters"] == [
        parameter("type", {"enum": ["x", "y", "z"], "default": "x"}),
        parameter("more", {}),
    ]
