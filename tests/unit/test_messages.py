"""Messages in the language of the user."""

import json
import re

import pytest

from echo_common.contracts.errors.auth import EmailConflictError
from echo_common.errors import NotFoundError, ValidationError
from echo_common.http.client import RemoteError
from echo_common.messages.catalogue import FOLDER, LANGUAGES, message_of, negotiate, success_message, text_of

TRANSLATED = [language for language in LANGUAGES if language != "en"]


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("fr;q=0.9, vi;q=0.8, en;q=0.1", "vi"),
        ("en-GB,de;q=0.9", "en"),
        ("fr, *;q=0.1", "en"),
        ("de;q=0, vi", "vi"),
        ("de;q=high", "en"),
        ("../../etc/passwd", "en"),
        ("," * 60_000 + "de", "en"),
        ("", "en"),
    ],
)
def test_the_preferred_language_with_messages_is_chosen(accepted: str, language: str) -> None:
    assert negotiate(accepted) == language


def test_there_are_messages_in_english_german_and_vietnamese() -> None:
    assert {"en", "de", "vi"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_general_message_is_translated(language: str) -> None:
    assert message_of(NotFoundError(), language) not in {NotFoundError().message, ""}


def test_a_special_message_stays_beside_the_translation() -> None:
    message = message_of(ValidationError("Send either text or text_id, and not both."), "de")
    assert message == "Die Anfrage ist nicht gültig. (Send either text or text_id, and not both.)"


def test_a_message_with_details_is_translated_alone() -> None:
    details = [{"field": "email", "message": "must be an email address"}]
    assert message_of(EmailConflictError("email: in use", details=details), "de").startswith(
        "Ein Konto mit dieser E-Mail-Adresse"
    )


def test_an_error_of_another_service_is_left_as_that_service_has_rendered_it() -> None:
    assert message_of(RemoteError(404, "NOT_FOUND", "Nicht gefunden."), "de") == "Nicht gefunden."


def test_english_messages_are_those_of_the_code() -> None:
    assert message_of(NotFoundError(), "en") == NotFoundError().message


@pytest.mark.parametrize("language", TRANSLATED)
def test_texts_of_mails_are_translated_with_their_fields(language: str) -> None:
    english, translated = (json.loads((FOLDER / f"{name}.json").read_text()) for name in ("en", language))

    for key, text in english.items():
        assert re.findall(r"\{\w+\}", translated[key]) == re.findall(r"\{\w+\}", text), key


def test_texts_are_in_the_language_or_in_english() -> None:
    assert text_of("mail.password_reset.subject", "de-AT").startswith("Setzen Sie")
    assert text_of("mail.password_reset.subject", "fr") == text_of("mail.password_reset.subject", "en")


def test_messages_of_successful_responses_are_translated() -> None:
    assert success_message("The avatar is deleted.", "de") == "Das Profilbild ist gelöscht."
    assert success_message("The avatar is deleted.", "en") == "The avatar is deleted."
    assert success_message("A message of tomorrow.", "de") == "A message of tomorrow."
