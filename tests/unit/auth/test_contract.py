"""Tests of the request models of auth."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel, ValidationError

from echo_common.contracts.http.auth import LoginRequest, RegisterRequest
from echo_common.contracts.http.erasures import DeleteAccountRequest
from echo_common.contracts.http.second_factors import SecondFactor, SecondFactorProof

GOOD = {"email": "Ada@Example.com", "password": "correct horse"}


def test_emails_are_normalised_and_passwords_are_not_logged():
    request = RegisterRequest.model_validate(GOOD)

    assert request.email == "ada@example.com"
    assert "correct horse" not in repr(request)
    assert "correct horse" not in request.model_dump_json()


@pytest.mark.parametrize(
    "change",
    [
        {"email": "not an email"},
        {"email": "Ada <ada@example.com>"},
        {"email": "ada@example.com\n"},
        {"email": "a" * 300 + "@example.com"},
        {"password": "7 chars"},
        {"password": "x" * 129},
        {"password": "half a surrogate pair \ud800"},
        {"username": "ab"},
        {"username": "has space"},
        {"username": "looks@like.email"},
        {"username": "x" * 33},
        {"username": "newline\n"},
        {"first_name": ""},
        {"first_name": "   "},
        {"first_name": "two\nlines"},
        {"last_name": "x" * 101},
        {"preferred_language": "english please"},
        {"date_of_birth": "1899-12-31"},
        {"date_of_birth": "9999-12-31"},
        {"role": "admin"},
        {"plan": "premium"},
    ],
    ids=str,
)
def test_invalid_fields_are_refused(change: dict[str, str]):
    with pytest.raises(ValidationError):
        RegisterRequest.model_validate(GOOD | change)


def test_birth_dates_in_the_future_are_refused():
    today = datetime.now(UTC).date()

    RegisterRequest.model_validate(GOOD | {"date_of_birth": today})
    with pytest.raises(ValidationError):
        RegisterRequest.model_validate(GOOD | {"date_of_birth": today + timedelta(days=2)})


@pytest.mark.parametrize("password", ["8 chars!", "x" * 128, "päßwörter", "🐎" * 8])
def test_long_passwords_in_any_script_are_accepted(password: str):
    RegisterRequest.model_validate(GOOD | {"password": password})


@pytest.mark.parametrize("email", ["ada@intranet", "ada@echo.internal", "ada+echo@example.co.uk", "ädä@example.com"])
def test_public_and_local_email_addresses_are_accepted(email: str):
    assert RegisterRequest.model_validate(GOOD | {"email": email}).email == email


@pytest.mark.parametrize(
    ("model", "field", "rest"),
    [
        (LoginRequest, "totp_code", {"email": "ada@example.com", "password": "x"}),
        (DeleteAccountRequest, "totp_code", {}),
        (SecondFactor, "code", {}),
        (SecondFactorProof, "code", {"password": "x"}),
    ],
)
def test_codes_of_second_factors_have_the_same_form_everywhere(
    model: type[BaseModel], field: str, rest: dict[str, str]
) -> None:
    for code in ("492 039", "k5dq-x2tr-7mzc-4lfa", "x" * 40):
        assert getattr(model.model_validate(rest | {field: f" {code} "}), field) == code
    for code in ("", " ", "x" * 41):
        with pytest.raises(ValidationError):
            model.model_validate(rest | {field: code})
    assert model.model_json_schema()["properties"][field]["description"]
