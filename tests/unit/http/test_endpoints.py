"""Declarations of public endpoints, and the contract made of them."""

from typing import Annotated, Any

import pytest
from fastapi import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel

from echo_common.auth.dependencies import Access, CurrentPrincipal, SpeechReader
from echo_common.auth.principal import Principal, Scope
from echo_common.errors import ConflictError
from echo_common.http.contract import contract_of
from echo_common.http.endpoints import Form, Media, PublicRouter, upload_paths
from echo_common.http.envelope import Success, ok
from echo_common.http.proxy_options import LongRequest, ProxyOptions


class Fields(BaseModel):
    name: str
    note: str | None = None


router = PublicRouter("things")
plain = PublicRouter("others", root="/api", plain=True)


@router.endpoint(
    "GET", "/thing/{thing_id}", alias=("/thing", "/things"), cached=True, id_prefixes=("thg_",), errors=(ConflictError,)
)
async def get_thing(thing_id: str, _: SpeechReader) -> Success[str]:
    """Get a thing.

    It is described here.
    """
    return ok(thing_id)


@router.endpoint("POST", "/things", status=201, form=Form("file", Fields), idempotent=True)
async def upload_thing(_: CurrentPrincipal) -> Success[None]:
    """Upload a thing."""
    return ok(None)


@router.endpoint(
    "HEAD", "/thing/{thing_id}/sound", name="describe_sound", summary="Get the headers", media=Media("Headers.", ())
)
@router.endpoint("GET", "/thing/{thing_id}/sound", media=Media("Sound.", ("audio/wav",)), long_request=LongRequest.STREAM)
async def get_sound(
    thing_id: str, _: Annotated[Principal | None, Depends(Access((Scope.SPEECH_READ,), ticket_param="ticket"))]
) -> None:
    """Get the sound of a thing."""


@plain.endpoint("POST", "/things")
async def make_thing(_: Annotated[Principal | None, Depends(Access((Scope.ACCOUNT,), optional=True))]) -> None:
    """Make a thing."""


@plain.endpoint("GET", "/time")
async def get_time() -> None:
    """Get the time."""


@pytest.fixture(scope="module")
def paths() -> Any:
    return contract_of("things", [router, plain])["paths"]


def options(operation: Any) -> ProxyOptions:
    return ProxyOptions.load(operation["x-proxy"])


def test_name_and_docstring_document_an_endpoint_under_its_public_path(paths: Any):
    operation = paths["/api/v1/thing/{thing_id}"]["get"]

    assert operation["operationId"] == "get_thing"
    assert (operation["summary"], operation["description"]) == ("Get a thing", "It is described here.")
    assert operation["tags"] == ["things"]


def test_an_alias_is_served_and_named_in_the_options_but_not_documented(paths: Any):
    assert options(paths["/api/v1/thing/{thing_id}"]["get"]).aliases == ["/api/v1/things/{thing_id}"]
    assert "/api/v1/things/{thing_id}" not in paths
    assert "/things/{thing_id}" in {route.path for route in router.routes if isinstance(route, APIRoute)}


def test_the_scope_is_that_of_the_principal(paths: Any):
    operation = paths["/api/v1/thing/{thing_id}"]["get"]

    assert options(operation).scopes == ["speech:read"]
    assert operation["x-scope"] == "speech:read"
    assert operation["security"] == [{"bearer": []}, {"apiKey": []}]
    assert {"401", "403"} <= operation["responses"].keys()


def test_a_ticket_replaces_the_token(paths: Any):
    operation = paths["/api/v1/thing/{thing_id}/sound"]["get"]

    assert (options(operation).token, options(operation).ticket_param) == (True, "ticket")
    assert operation["security"] == [{"bearer": []}, {"apiKey": []}, {}]


@pytest.mark.parametrize("place", [("/api/things", "post"), ("/api/time", "get")])
def test_no_token_is_required_where_the_principal_is_optional_or_missing(paths: Any, place: tuple[str, str]):
    operation = paths[place[0]][place[1]]

    assert options(operation).token is False
    assert options(operation).plain
    assert [value for name, value in operation.items() if name == "x-scope"] == list(options(operation).scopes)


def test_errors_are_documented_with_the_common_ones(paths: Any):
    assert {"409", "422", "429", "500", "503"} <= paths["/api/v1/thing/{thing_id}"]["get"]["responses"].keys()
    assert "413" in paths["/api/v1/things"]["post"]["responses"]
    assert "TOO_MANY_OPEN_REQUESTS" in paths["/api/v1/thing/{thing_id}/sound"]["get"]["responses"]["429"]["description"]


def test_one_function_serves_several_methods_under_names_of_their_own(paths: Any):
    operations = paths["/api/v1/thing/{thing_id}/sound"]

    assert {name: operation["operationId"] for name, operation in operations.items()} == {
        "get": "get_sound",
        "head": "describe_sound",
    }
    assert operations["head"]["summary"] == "Get the headers"


def test_a_form_documents_its_file_and_fields(paths: Any):
    operation = paths["/api/v1/things"]["post"]
    schema = operation["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert schema["required"] == ["file", "name"]
    assert schema["properties"].keys() == {"file", "name", "note"}
    assert any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
    assert upload_paths([router, plain]) == ("/things",)


def test_options_survive_json(paths: Any):
    loaded = options(paths["/api/v1/thing/{thing_id}"]["get"])

    assert (loaded.root, loaded.cached, loaded.id_prefixes) == ("/api/v1", True, ["thg_"])
    assert ProxyOptions.load(loaded.dump()) == loaded
