"""Texts that people keep."""

from typing import Annotated

from fastapi import Path

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import TextNotFoundError
from echo_common.contracts.http.synthesis import CreateText, TextPatch, TextView
from echo_common.http.envelope import Success
from echo_common.http.pagination import PageQuery
from echo_gateway.proxy import ProxyRouter, enveloped
from echo_gateway.routes.jobs import PAGE_EXAMPLE

TextKey = Annotated[str, Path(description="A text's id.", examples=["txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_TEXT = {
    "id": "txt_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "content": "A long story.",
    "language": "en-US",
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}

texts = ProxyRouter("texts", service="synthesis")


@texts.forward(
    "POST",
    "/texts",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    status=201,
    answers=Success[TextView],
    example=enveloped(_TEXT),
)
def save_text(body: CreateText) -> None:
    """Save a text. A synthesis may refer to it by `text_id`."""


@texts.forward(
    "GET",
    "/texts",
    scope=Scope.SPEECH_READ,
    answers=Success[list[TextView]],
    example=enveloped([_TEXT], meta=PAGE_EXAMPLE),
)
def list_texts(page: PageQuery) -> None:
    """List texts, newest first."""


@texts.forward(
    "GET",
    "/texts/{text_id}",
    scope=Scope.SPEECH_READ,
    answers=Success[TextView],
    errors=(TextNotFoundError,),
    example=enveloped(_TEXT),
)
def get_text(text_id: TextKey) -> None:
    """Get a text."""


@texts.forward(
    "PATCH",
    "/texts/{text_id}",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[TextView],
    errors=(TextNotFoundError,),
    example=enveloped(_TEXT),
)
def change_text(text_id: TextKey, body: TextPatch) -> None:
    """Change a text. Audio made from it stays as it is."""


@texts.forward(
    "DELETE",
    "/texts/{text_id}",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(TextNotFoundError,),
    example=enveloped(None, message="The text is deleted."),
)
def delete_text(text_id: TextKey) -> None:
    """Delete a text. Audio made from it stays."""
