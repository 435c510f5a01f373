"""Endpoints for previewing normalisation and for the lexicon."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query, Response

from echo_common.auth.dependencies import SpeechReader, SpeechWriter
from echo_common.contracts.errors.synthesis import (
    DictionaryEntryConflictError,
    DictionaryEntryNotFoundError,
    DictionaryFullError,
    EngineUnavailableError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.normalization import (
    CreateDictionaryEntry,
    DictionaryEntryPatch,
    DictionaryEntryView,
    NormalizeRequest,
    Script,
)
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_common.http.pagination import Page, paginated
from echo_synthesis.api import examples
from echo_synthesis.api.dependencies import Deps
from echo_synthesis.api.parameters import EntryId
from echo_synthesis.usecases import dictionary
from echo_synthesis.usecases.dictionary import ENTRY_ORDERS
from echo_synthesis.views import entry_view, script_view

PageQuery = Annotated[Page, Depends(paginated(*ENTRY_ORDERS))]

router = PublicRouter("dictionary")


@router.endpoint(
    "POST",
    "/tts/normalize",
    response=Success[Script],
    idempotent=True,
    errors=(VoiceNotFoundError, EngineUnavailableError),
    example=enveloped(examples.SCRIPT),
)
async def normalize(body: NormalizeRequest, principal: SpeechReader, deps: Deps) -> Response:
    """Normalize a text to its spoken form.

    Returns the units with their spoken text, the written words it replaces, and the pauses. Applies the rules for numbers, dates,
    money, abbreviations, addresses, emoji, Markdown, `[pause:1.5s]`, SSML and the user's dictionary.
    """
    narration = await dictionary.normalize(body, principal, deps)
    # the script of a long text takes megabytes; a thread keeps the event loop free while it is serialised
    content = await asyncio.to_thread(lambda: Success[Script](data=script_view(narration)).model_dump_json())
    return Response(content, media_type="application/json")


@router.endpoint(
    "POST",
    "/tts/dictionary",
    status=201,
    idempotent=True,
    errors=(DictionaryEntryConflictError, DictionaryFullError, VoiceNotFoundError),
    example=enveloped(examples.DICTIONARY_ENTRY),
)
async def add_dictionary_entry(
    body: CreateDictionaryEntry, principal: SpeechWriter, deps: Deps
) -> Success[DictionaryEntryView]:
    """Add a pronunciation for all texts, or for one language or voice."""
    return ok(entry_view(await dictionary.add_entry(body, principal, deps)))


@router.endpoint("GET", "/tts/dictionary", example=enveloped([examples.DICTIONARY_ENTRY], meta=examples.PAGE))
async def list_dictionary(
    principal: SpeechReader,
    deps: Deps,
    page: PageQuery,
    language: Annotated[str | None, Query(min_length=1, max_length=20, description="Filter by language.")] = None,
    voice_id: Annotated[str | None, Query(min_length=1, max_length=64, description="Filter by voice.")] = None,
) -> Success[list[DictionaryEntryView]]:
    """List dictionary entries, newest first."""
    entries, total = await dictionary.list_entries(principal, page, deps, language=language, voice_id=voice_id)
    return ok([entry_view(entry) for entry in entries], meta=page.meta(total))


@router.endpoint(
    "GET",
    "/tts/dictionary/{entry_id}",
    errors=(DictionaryEntryNotFoundError,),
    example=enveloped(examples.DICTIONARY_ENTRY),
)
async def get_dictionary_entry(entry_id: EntryId, principal: SpeechReader, deps: Deps) -> Success[DictionaryEntryView]:
    """Get a dictionary entry."""
    return ok(entry_view(await dictionary.find_entry(entry_id, principal, deps)))


@router.endpoint(
    "PATCH",
    "/tts/dictionary/{entry_id}",
    idempotent=True,
    errors=(DictionaryEntryNotFoundError, DictionaryEntryConflictError, VoiceNotFoundError),
    example=enveloped(examples.DICTIONARY_ENTRY),
)
async def change_dictionary_entry(
    entry_id: EntryId, body: DictionaryEntryPatch, principal: SpeechWriter, deps: Deps
) -> Success[DictionaryEntryView]:
    """Change a dictionary entry.

    Queued jobs keep the pronunciation they were queued with.
    """
    return ok(entry_view(await dictionary.change_entry(entry_id, body, principal, deps)))


@router.endpoint(
    "DELETE",
    "/tts/dictionary/{entry_id}",
    idempotent=True,
    errors=(DictionaryEntryNotFoundError,),
    example=enveloped(None, message="The entry is deleted."),
)
async def delete_dictionary_entry(entry_id: EntryId, principal: SpeechWriter, deps: Deps) -> Success[None]:
    """Delete a dictionary entry."""
    await dictionary.delete_entry(entry_id, principal, deps)
    return ok(None, message="The entry is deleted.")
