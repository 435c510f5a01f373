"""The published OpenAPI document: current, complete, and equal to what the services declare."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from echo_common.auth.principal import Scope
from echo_common.contracts.http.normalization import CreateDictionaryEntry
from echo_common.contracts.http.sharing import ShareRequest
from echo_common.contracts.http.synthesis import SynthesizeRequest
from echo_common.contracts.http.voice import TrainRequest
from echo_embedded.contracts import endpoint_contracts
from echo_gateway.contract import Contracts, load_contracts, proxy_endpoints
from echo_gateway.openapi import openapi_document

PUBLISHED = Path(__file__).parents[2] / "docs/api/openapi.json"
OWN = {
    "GET /",
    "GET /api/v1/health",
    "GET /api/v1/admin/dead-letters",
    "GET /api/v1/admin/stats",
    "GET /api/v1/admin/dead-letters/{service}/{letter_id}",
    "POST /api/v1/admin/dead-letters",
    "GET /api/v1/job/{job_id}/progress",
    "GET /api/v1/users/me/usage",
    "GET /api/v1/voice/clones/{clone_id}/progress",
    "GET /health",
    "GET /healthz",
    "GET /readyz",
}
"""Operations of the gateway itself."""

VERBS = {
    "accept",
    "add",
    "cancel",
    "change",
    "check",
    "confirm",
    "create",
    "delete",
    "describe",
    "disable",
    "download",
    "end",
    "enable",
    "find",
    "finish",
    "follow",
    "generate",
    "get",
    "issue",
    "join",
    "leave",
    "link",
    "list",
    "log",
    "mix",
    "move",
    "name",
    "normalize",
    "preview",
    "process",
    "rate",
    "refresh",
    "regenerate",
    "register",
    "reorder",
    "replace",
    "replay",
    "request",
    "reset",
    "restore",
    "retry",
    "revise",
    "revoke",
    "save",
    "select",
    "send",
    "share",
    "start",
    "stream",
    "synthesize",
    "train",
    "unlink",
    "unshare",
    "update",
    "upgrade",
    "upload",
    "verify",
}


@cache
def document() -> dict[str, Any]:
    return openapi_document(load_contracts())


@cache
def declared() -> Contracts:
    return endpoint_contracts()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_the_openapi_document_is_current() -> None:
    assert json.loads(PUBLISHED.read_text()) == document(), "run `make contracts`"


def test_the_gateway_routes_by_current_contracts() -> None:
    assert load_contracts() == declared(), "run `make contracts`"


@pytest.mark.parametrize("service", ["auth", "synthesis", "voice"])
def test_every_operation_of_a_service_is_published_as_declared(service: str) -> None:
    published = document()["paths"]
    for path, operations in declared()[service]["paths"].items():
        for method, operation in operations.items():
            shown = published[path][method]
            if (method, path) in shared():
                assert bodies(operation) <= bodies(shown), f"{method} {path}"
                continue
            assert shown == {name: value for name, value in operation.items() if name != "x-proxy"}, f"{method} {path}"
    for name, schema in declared()[service]["components"]["schemas"].items():
        assert document()["components"]["schemas"][name] == schema, name


def shared() -> set[tuple[str, str]]:
    """Return the operations that several services serve."""
    served = Counter(
        (method, path)
        for contract in declared().values()
        for path, operations in contract["paths"].items()
        for method in operations
    )
    return {operation for operation, services in served.items() if services > 1}


def bodies(operation: dict[str, Any]) -> set[str]:
    """Return the names of the schemas to which an operation refers, and of its parameters and statuses."""
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    schemas = re.findall(r"#/components/schemas/[^\"]+", json.dumps(operation))
    return {*schemas, *names, *operation["responses"]}


def test_published_operations_belong_to_a_service_or_the_gateway() -> None:
    forwarded = {
        f"{endpoint.method} {endpoint.path}"
        for endpoint in proxy_endpoints(load_contracts())
        if endpoint.path not in endpoint.options.aliases
    }
    assert {name for name, _ in operations()} == forwarded | OWN


@pytest.mark.slow
def test_every_operation_has_an_id_a_summary_and_a_known_tag() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))
    for name, operation in operations():
        assert operation.get("summary"), name
        assert set(operation["tags"]) <= tags, name


def test_descriptions_do_not_repeat_summaries() -> None:
    for name, operation in operations():
        assert operation.get("description", "").rstrip(".") != operation["summary"], name


def test_summaries_are_one_sentence() -> None:
    for name, operation in operations():
        assert ". " not in operation["summary"], name


def test_operation_ids_are_snake_case_with_the_verb_first() -> None:
    for name, operation in operations():
        verb, *_ = operation["operationId"].split("_")
        assert operation["operationId"].isidentifier(), name
        assert operation["operationId"].islower(), name
        assert verb in VERBS, f"{name}: {operation['operationId']}"


def test_every_parameter_has_a_description() -> None:
    for name, operation in operations():
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), f"{name} {parameter['name']}"


def test_json_bodies_have_examples() -> None:
    for name, operation in operations():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            assert "example" in body or _has_example(body["schema"]), name


def _has_example(schema: dict[str, Any]) -> bool:
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    return "examples" in schema or any(_has_example(part) for part in parts)


def test_sorted_lists_name_their_fields() -> None:
    for name, operation in operations():
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "sort_by":
                assert parameter["schema"]["default"] in parameter["schema"]["enum"], name


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"text": "Hello."}, True),
        ({"text": None, "text_id": "txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"}, True),
        ({"text": "Hello.", "text_id": "txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"}, False),
        ({}, False),
    ],
)
def test_the_schema_of_a_synthesis_accepts_either_text_or_text_id(body: dict[str, Any], *, valid: bool) -> None:
    assert Draft202012Validator(SynthesizeRequest.model_json_schema()).is_valid(body) is valid
    assert accepts(SynthesizeRequest, body) is valid


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"respelling": "hue"}, True),
        ({"ipa": "hju"}, True),
        ({"respelling": "hue", "ipa": "hju"}, True),
        ({"ipa": None}, False),
    ],
)
def test_the_schema_of_a_dictionary_entry_requires_a_pronunciation(body: dict[str, Any], *, valid: bool) -> None:
    schema = CreateDictionaryEntry.model_json_schema()
    assert Draft202012Validator(schema).is_valid({"term": "Hugh"} | body) is valid


@pytest.mark.parametrize(
    ("body", "valid"),
    [
        ({"user_id": "usr_1"}, True),
        ({"user_id": "usr_1", "email": None, "public": False}, True),
        ({"email": "ada@example.com"}, True),
        ({"public": True}, True),
        ({"public": False}, False),
        ({"user_id": "usr_1", "email": "ada@example.com"}, False),
        ({"user_id": "usr_1", "public": True}, False),
        ({}, False),
    ],
)
def test_the_schema_of_a_share_accepts_one_recipient(body: dict[str, Any], *, valid: bool) -> None:
    assert Draft202012Validator(ShareRequest.model_json_schema()).is_valid(body) is valid


@pytest.mark.parametrize("provider", ["", "x" * 41])
def test_schemas_refuse_empty_and_overlong_providers(provider: str) -> None:
    assert not Draft202012Validator(TrainRequest.model_json_schema()).is_valid({"provider": provider})
    assert not accepts(TrainRequest, {"provider": provider})


def accepts(model: type[BaseModel], body: dict[str, Any]) -> bool:
    try:
        model.model_validate(body)
    except ValidationError:
        return False
    return True


def test_protected_operations_document_their_errors() -> None:
    for name, operation in operations():
        if operation["tags"] == ["health"]:
            continue  # read no input, are not counted, and say 401 and 403 where they refuse
        if "security" in operation:
            assert {"401", "403", "422", "429", "500", "503"} <= set(operation["responses"]), name


def test_readiness_requires_an_operator_and_health_is_public() -> None:
    found = dict(operations())
    assert found["GET /readyz"]["security"] == [{"bearer": []}, {"apiKey": []}]
    assert {"401", "403", "503"} <= set(found["GET /readyz"]["responses"])
    assert found["GET /health"]["security"] == [{"bearer": []}, {"apiKey": []}, {}]
    assert "security" not in found["GET /api/v1/health"]


WITHOUT_SCOPE = {
    "POST /api/v1/auth/logout",  # any token ends its own session
    "GET /api/v1/job/{job_id}/progress",  # the scope depends on the job
}


def test_protected_operations_name_their_scope_and_accept_api_keys() -> None:
    schemes = document()["components"]["securitySchemes"]
    assert (schemes["bearer"]["type"], schemes["apiKey"]["name"]) == ("http", "X-API-Key")
    for name, operation in operations():
        if "security" not in operation or operation["tags"] == ["health"]:
            assert "x-scope" not in operation, name
            continue
        assert {"bearer": []} in operation["security"], name
        codes = operation["responses"]["403"]["content"]["application/json"]["examples"]
        assert ({"apiKey": []} in operation["security"]) is ("LOGIN_REQUIRED" not in codes), name
        scope = operation.get("x-scope")
        assert (scope is None) if name in WITHOUT_SCOPE else (scope in set(Scope)), name


def test_every_json_response_has_an_example() -> None:
    for name, operation in operations():
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            assert content is None or "example" in content or content["examples"], f"{name} {status}"


def test_writes_accept_an_idempotency_key_except_with_secrets_or_audio() -> None:
    taking = {name for name, operation in operations() if _takes_key(operation)}
    writes = {name for name, _ in operations() if not name.startswith(("GET", "HEAD"))}
    assert writes - taking == {
        "POST /api/v1/voice/verify",
        "POST /api/v1/voice/clones/{clone_id}/training/preview",
        "POST /api/v1/voices/mix/preview",
        "POST /api/v1/admin/dead-letters",  # handled once: what is delivered is gone
        "POST /api/synthesize",
        "POST /api/users/{name}",
        "POST /api/v1/auth/guest",
        "POST /api/v1/auth/guest/upgrade",
        "POST /api/v1/auth/keys",
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/auth/logout",
        "POST /api/v1/auth/password/change",
        "DELETE /api/v1/users/me",
        "POST /api/v1/auth/password/forgot",
        "POST /api/v1/auth/password/reset",
        "POST /api/v1/auth/email/confirm",
        "DELETE /api/v1/auth/sessions",  # ended once: a repetition finds none
        "DELETE /api/v1/auth/sessions/{session_id}",
        "POST /api/v1/auth/oidc/link",
        "POST /api/v1/auth/spotify/link",
        "POST /api/v1/auth/2fa/setup",
        "POST /api/v1/auth/2fa/enable",
        "POST /api/v1/auth/2fa/disable",
        "POST /api/v1/auth/2fa/recovery-codes",
        "POST /api/v1/auth/passkeys",
        "POST /api/v1/auth/passkeys/options",
        "POST /api/v1/auth/passkeys/login",
        "POST /api/v1/auth/passkeys/login/options",
        "PATCH /api/v1/auth/passkeys/{passkey_id}",
        "DELETE /api/v1/auth/passkeys/{passkey_id}",
        "POST /api/v1/tts/synthesize/stream",
        "POST /api/v1/tts/synthesize/stream/ticket",
        "POST /api/v1/playlists/{playlist_id}/stream/ticket",
        "POST /api/v1/group-sessions/join",
        "POST /api/v1/group-sessions/{group_session_id}/live/ticket",
        "POST /api/v1/files/{audio_id}/link",
        "POST /api/v1/users/me/exports/{export_id}/link",
        "POST /api/v1/spotify/link",  # the URL has a secret
        "POST /api/v1/webhooks",
        "POST /api/v1/webhooks/{webhook_id}/secret",
    }


def _takes_key(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
