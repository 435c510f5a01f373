"""Routes for previewing normalisation and for the lexicon."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.http.reading import (
    CreateDictionaryEntry,
    DictionaryEntryPatch,
    DictionaryEntryView,
    NormalizeRequest,
    Script,
)
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import PageQuery
from echo_synthesis import usecases
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.views import entry_view, script_view

router = APIRouter()


@router.post("/tts/normalize", response_model=Success[Script])
async def normalize(body: NormalizeRequest, principal: SpeechReader, deps: Deps) -> Response:
    """Preview the normalisation of a text."""
    narration = await usecases.normalize(body, principal, deps.studio)
    # the script of a long text takes megabytes; a thread keeps the event loop free while it is serialised
    content = await asyncio.to_thread(lambda: Success[Script](data=script_view(narration)).model_dump_json())
    return Response(content, media_type="application/json")


@router.post("/tts/dictionary", status_code=201)
async def add_entry(body: CreateDictionaryEntry, principal: SpeechWriter, deps: Deps) -> Success[DictionaryEntryView]:
    """Create a lexicon entry."""
    return ok(entry_view(await usecases.add_entry(body, principal, deps.studio)))


@router.get("/tts/dictionary")
async def list_entries(
    principal: SpeechReader,
    deps: Deps,
    page: PageQuery,
    language: Annotated[str | None, Query(max_length=20)] = None,
    voice_id: Annotated[str | None, Query(max_length=64)] = None,
) -> Success[list[DictionaryEntryView]]:
    """List the user's lexicon entries, newest first."""
    entries, total = await usecases.list_entries(principal, page, deps.studio, language=language, voice_id=voice_id)
    return ok([entry_view(entry) for entry in entries], meta=page.meta(total))


@router.get("/tts/dictionary/{entry_id}")
async def get_entry(entry_id: str, principal: SpeechReader, deps: Deps) -> Success[DictionaryEntryView]:
    """Get a lexicon entry."""
    return ok(entry_view(await usecases.find_entry(entry_id, principal, deps.studio)))


@router.patch("/tts/dictionary/{entry_id}")
async def change_entry(
    entry_id: str, body: DictionaryEntryPatch, principal: SpeechWriter, deps: Deps
) -> Success[DictionaryEntryView]:
    """Update a lexicon entry."""
    return ok(entry_view(await usecases.change_entry(entry_id, body, principal, deps.studio)))


@router.delete("/tts/dictionary/{entry_id}")
async def delete_entry(entry_id: str, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a lexicon entry."""
    await usecases.delete_entry(entry_id, principal, deps.studio)
    return ok(None, message="The entry is deleted.")
