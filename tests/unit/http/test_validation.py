"""Messages of invalid requests."""

from datetime import date
from typing import Annotated, Any, Literal

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from echo_common.contracts.values import JobStatus
from echo_common.http.endpoints import PublicRouter
from echo_common.http.envelope import Success, from_http_exception, install_error_handlers, ok
from echo_common.http.pagination import Page, paginated

JARGON = ("Input should", "Value should", "Value error", "Field required", "Extra inputs", "JSON decode")


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid")

    speed: float = Field(1.0, le=4)
    format: Literal["wav", "mp3"] = "wav"
    status: Literal[JobStatus.FAILED, JobStatus.CANCELLED] | None = None


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: SecretStr = Field(min_length=8)
    config: Options = Options()
    parts: list[Options] = []
    either: int | Options | None = None
    born: date | None = None


router = PublicRouter("things")
plain = PublicRouter("others", root="/api", plain=True)


@router.endpoint("POST", "/things")
async def create_thing(body: Thing) -> Success[None]:
    """Create a thing."""
    return ok(None)


@router.endpoint("GET", "/things")
async def list_things(page: Annotated[Page, Depends(paginated("created_at", "name"))]) -> Success[None]:
    """List things."""
    return ok(None)


@plain.endpoint("POST", "/plain")
async def create_plain(body: Thing) -> dict[str, str]:
    """Create a thing."""
    return {}


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    app.include_router(plain)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://echo")


VALID = {"password": "correct horse"}


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"password": "short"}, "password", "Enter at least 8 characters."),
        ({}, "password", "This field is required."),
        (VALID | {"config": {"speed": 5}}, "config.speed", "Enter a number of at most 4.0."),
        (VALID | {"config": {"speed": "fast"}}, "config.speed", "Enter a number."),
        (VALID | {"config": {"format": "midi"}}, "config.format", "Enter one of wav or mp3."),
        (VALID | {"config": {"status": "over"}}, "config.status", "Enter one of failed or cancelled."),
        (VALID | {"config": {"tempo": 1}}, "config.tempo", "There is no such field; remove it, or correct its name."),
        (VALID | {"config": []}, "config", "Send a JSON object."),
        (VALID | {"parts": [{}, {"speed": 9}]}, "parts.1.speed", "Enter a number of at most 4.0."),
        (VALID | {"either": {"speed": 9}}, "either.speed", "Enter a number of at most 4.0."),
        (VALID | {"born": "soon"}, "born", "Enter a date in the form YYYY-MM-DD."),
    ],
)
async def test_messages_name_the_field_as_written_and_the_remedy(
    client: httpx.AsyncClient, body: dict[str, Any], field: str, message: str
) -> None:
    response = await client.post("/things", json=body)
    error = response.json()["error"]

    assert (response.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert {"field": field, "message": message} in error["details"]
    assert not any(word in response.text for word in JARGON)


async def test_a_body_without_json_content_type_is_refused_with_the_missing_header(client: httpx.AsyncClient) -> None:
    for headers in ({"Content-Type": "application/x-www-form-urlencoded"}, {}):
        response = await client.post("/things", content=b'{"password": "correct horse"}', headers=headers)
        error = response.json()["error"]

        assert (response.status_code, error["code"]) == (415, "JSON_REQUIRED")
        assert "-H 'Content-Type: application/json'" in error["message"]


async def test_broken_json_is_refused_with_its_position(client: httpx.AsyncClient) -> None:
    body = b"{\n  \"password\": 'secret words'\n}"
    response = await client.post("/things", content=body, headers={"Content-Type": "application/json"})
    error = response.json()["error"]

    assert (response.status_code, error["code"]) == (422, "INVALID_JSON")
    assert "line 2, column 15" in error["message"]
    assert (error["details"][0]["line"], error["details"][0]["column"], error["details"][0]["position"]) == (2, 15, 16)
    assert "secret words" not in response.text


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 200_000])
async def test_unreadable_bodies_are_refused_as_invalid_json(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/things", content=body, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["error"]["code"]) == (422, "INVALID_JSON")


@pytest.mark.parametrize("number", [b"9" * 5_000, b"-" + b"9" * 5_000])
async def test_a_body_with_an_overlong_number_is_refused_as_such(client: httpx.AsyncClient, number: bytes) -> None:
    body = b'{"password": "correct horse", "config": {"speed": ' + number + b"}}"
    headers = {"Content-Type": "application/json"}
    response = await client.post("/things", content=body, headers=headers)
    error = response.json()["error"]

    assert (response.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert error["message"] == "A number in the body has more than 4,300 digits. Send a shorter number."
    assert error["details"] == [{"field": "body", "message": error["message"]}]

    plainly = await client.post("/plain", content=body, headers=headers)
    assert (plainly.status_code, plainly.json()) == (422, {"error": error["message"]})


def test_other_errors_of_a_body_parser_are_not_about_numbers() -> None:
    error = HTTPException(400, "There was an error parsing the body")
    error.__cause__ = ValueError("a form without an end")
    found = from_http_exception(error)
    assert (found.code, found.message) == ("VALIDATION_ERROR", "There was an error parsing the body")


@pytest.mark.parametrize(
    "number",
    [b"9" * 30, b"9" * 400, b"9" * 4_000, b"-" + b"9" * 400],
    ids=["30-digits", "400-digits", "4000-digits", "negative"],
)
async def test_a_field_with_a_large_number_is_named(client: httpx.AsyncClient, number: bytes) -> None:
    body = b'{"password": "correct horse", "config": {"speed": ' + number + b"}}"
    response = await client.post("/things", content=body, headers={"Content-Type": "application/json"})
    (detail,) = response.json()["error"]["details"]

    assert response.status_code == 422
    assert detail["field"] == "config.speed"
    assert detail["message"] in {"Enter a number of at most 4.0.", "Enter a number with fewer digits."}


@pytest.mark.parametrize("digits", [30, 4_000, 5_000, 50_000])
async def test_a_query_parameter_with_a_large_number_is_named(client: httpx.AsyncClient, digits: int) -> None:
    response = await client.get(f"/things?limit={'9' * digits}")
    (detail,) = response.json()["error"]["details"]

    assert response.status_code == 422
    assert detail["field"] == "limit"
    assert detail["message"] in {"Enter a number of at most 100.", "Enter a whole number with fewer digits."}


async def test_a_missing_body_is_named(client: httpx.AsyncClient) -> None:
    response = await client.post("/things")

    assert response.json()["error"]["message"].startswith("A JSON body is required")


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[]", b"{}", b"[" * 200_000])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_plain_endpoints_refuse_unreadable_bodies_in_the_plain_form(
    client: httpx.AsyncClient, body: bytes, kind: str
) -> None:
    response = await client.post("/plain", content=body, headers={"Content-Type": kind})

    assert response.status_code == (415 if body and kind != "application/json" else 422)
    assert list(response.json()) == ["error"]
    assert isinstance(response.json()["error"], str)


async def test_unknown_query_parameters_are_refused_with_the_known_ones(client: httpx.AsyncClient) -> None:
    response = await client.get("/things?bogus=1")
    error = response.json()["error"]

    assert (response.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert error["details"] == [
        {
            "field": "bogus",
            "message": "There is no such query parameter; the known ones are limit, offset, page, page_size, sort_by, sort_order.",
        }
    ]


async def test_unknown_sort_fields_are_refused_with_those_of_the_list(client: httpx.AsyncClient) -> None:
    response = await client.get("/things?sort_by=password")

    assert response.status_code == 422
    assert response.json()["error"]["message"] == "sort_by: Enter one of created_at, name."
    assert (await client.get("/things?sort_by=name")).status_code == 200
