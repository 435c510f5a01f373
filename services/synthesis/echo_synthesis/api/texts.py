"""Endpoints for text entries."""

from typing import Annotated

from fastapi import Depends

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.errors.synthesis import TextNotFoundError
from echo_common.contracts.http.texts import CreateText, TextPatch, TextView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.parameters import TextId
from echo_synthesis.usecases import texts
from echo_synthesis.usecases.texts import TEXT_ORDERS
from echo_synthesis.views import text_view

PageQuery = Annotated[Page, Depends(paginated(*TEXT_ORDERS))]

router = PublicRouter("texts")


@router.endpoint("POST", "/texts", status=201, idempotent=True, example=enveloped(examples.TEXT))
async def save_text(body: CreateText, principal: SpeechWriter, deps: Deps) -> Success[TextView]:
    """Save a text.

    A synthesis may refer to it by `text_id`.
    """
    return ok(text_view(await texts.save_text(body, principal, deps)))


@router.endpoint("GET", "/texts", example=enveloped([examples.TEXT], meta=examples.PAGE))
async def list_texts(principal: SpeechReader, deps: Deps, page: PageQuery) -> Success[list[TextView]]:
    """List texts, newest first."""
    found, total = await texts.list_texts(principal, page, deps)
    return ok([text_view(text) for text in found], meta=page.meta(total))


@router.endpoint("GET", "/texts/{text_id}", errors=(TextNotFoundError,), example=enveloped(examples.TEXT))
async def get_text(text_id: TextId, principal: SpeechReader, deps: Deps) -> Success[TextView]:
    """Get a text."""
    return ok(text_view(await texts.find_text(text_id, principal, deps)))


@router.endpoint("PATCH", "/texts/{text_id}", idempotent=True, errors=(TextNotFoundError,), example=enveloped(examples.TEXT))
async def change_text(text_id: TextId, body: TextPatch, principal: SpeechWriter, deps: Deps) -> Success[TextView]:
    """Change a text.

    Audio made from it stays as it is.
    """
    return ok(text_view(await texts.change_text(text_id, body, principal, deps)))


@router.endpoint(
    "DELETE",
    "/texts/{text_id}",
    idempotent=True,
    errors=(TextNotFoundError,),
    example=enveloped(None, message="The text is deleted."),
)
async def delete_text(text_id: TextId, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a text.

    Audio made from it stays.
    """
    await texts.delete_text(text_id, principal, deps)
    return ok(None, message="The text is deleted.")
