"""Routes for text entries."""

from fastapi import APIRouter, Depends

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.http.synthesis import CreateText, TextPatch, TextView
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_common.http.queries import only_known
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.views import text_view

router = APIRouter(dependencies=[Depends(only_known)])


@router.post("/texts", status_code=201)
async def save_text(body: CreateText, principal: SpeechWriter, deps: Deps) -> Success[TextView]:
    """Save a text."""
    return ok(text_view(await usecases.save_text(body, principal, deps.studio)))


@router.get("/texts")
async def list_texts(principal: SpeechReader, deps: Deps, page: PageQuery) -> Success[list[TextView]]:
    """List the user's text entries, newest first."""
    texts, total = await usecases.list_texts(principal, page, deps.studio)
    return ok([text_view(text) for text in texts], meta=page.meta(total))


@router.get("/texts/{text_id}")
async def get_text(text_id: str, principal: SpeechReader, deps: Deps) -> Success[TextView]:
    """Get a text entry."""
    return ok(text_view(await usecases.find_text(text_id, principal, deps.studio)))


@router.patch("/texts/{text_id}")
async def change_text(text_id: str, body: TextPatch, principal: SpeechWriter, deps: Deps) -> Success[TextView]:
    """Update a text entry."""
    return ok(text_view(await usecases.change_text(text_id, body, principal, deps.studio)))


@router.delete("/texts/{text_id}")
async def delete_text(text_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a text entry."""
    await usecases.delete_text(text_id, principal, deps.studio)
    return ok(None, message="The text is deleted.")
