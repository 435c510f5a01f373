"""Use cases for the lexicon and for previewing normalisation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import DictionaryEntryConflictError, DictionaryFullError
from echo_common.contracts.http.normalization import CreateDictionaryEntry, DictionaryEntryPatch, NormalizeRequest
from echo_common.contracts.http.synthesis import SpeechConfig
from echo_common.contracts.ipa import is_ipa
from echo_common.errors import EchoError, refuse
from echo_common.http.pagination import Page
from echo_common.shielded import shielded
from echo_common.store.port import DuplicateError
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import DictionaryEntry, Pronunciation
from echo_synthesis.pipeline.narration import Narration
from echo_synthesis.usecases.planning import plan_speech

MOST_ENTRIES = 1_000
ENTRY_ORDERS = ("created_at", "updated_at", "term")
"""Fields by which the list can be sorted."""


async def normalize(request: NormalizeRequest, principal: Principal, deps: Dependencies) -> Narration:
    """Plan a text without speaking it. Raises the same errors as synthesis."""
    config = SpeechConfig(language=request.language, normalize=request.normalize, ssml=request.ssml)
    return await plan_speech(
        request.text, request.voice_id, config, principal.user_id, deps, preferred_language=principal.language
    )


async def add_entry(request: CreateDictionaryEntry, principal: Principal, deps: Dependencies) -> DictionaryEntry:
    """Add a pronunciation. Raises `DictionaryEntryConflictError`, `DictionaryFullError`, `VoiceNotFoundError`."""
    pronunciation = _checked(request.model_dump(), deps)
    if await deps.dictionary.count({"user_id": principal.user_id}) >= MOST_ENTRIES:
        raise DictionaryFullError
    entry = DictionaryEntry.write(principal.user_id, pronunciation, language=request.language, voice_id=request.voice_id)
    try:
        await deps.dictionary.add(entry)
    except DuplicateError:
        raise DictionaryEntryConflictError from None
    return entry


async def list_entries(
    principal: Principal, page: Page, deps: Dependencies, *, language: str | None = None, voice_id: str | None = None
) -> tuple[list[DictionaryEntry], int]:
    """Return a page of the user's entries and their total number."""
    where: dict[str, Any] = {"user_id": principal.user_id}
    where |= {name: value for name, value in {"language": language, "voice_id": voice_id}.items() if value is not None}
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    entries = deps.dictionary.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [entry async for entry in entries], await deps.dictionary.count(where)


async def find_entry(entry_id: str, principal: Principal, deps: Dependencies) -> DictionaryEntry:
    """Return the user's entry. Raises `DictionaryEntryNotFoundError`, also for another user's entry."""
    return await deps.dictionary.get(entry_id, user_id=principal.user_id)


async def change_entry(entry_id: str, patch: DictionaryEntryPatch, principal: Principal, deps: Dependencies) -> DictionaryEntry:
    """Update the given fields. Raises `DictionaryEntryNotFoundError`, `DictionaryEntryConflictError`, `VoiceNotFoundError`."""

    def change(entry: DictionaryEntry) -> None:
        fields = {**entry.model_dump(), **patch.model_dump(exclude_unset=True)}
        for name in ("term", "case_sensitive"):
            if fields[name] is None:
                refuse(name, "This field cannot be null.")
        entry.revise(_checked(fields, deps), language=fields["language"], voice_id=fields["voice_id"])

    try:
        return await deps.dictionary.update(entry_id, change, user_id=principal.user_id)
    except DuplicateError:
        raise DictionaryEntryConflictError from None


async def delete_entry(entry_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete an entry; earlier requests still use it. Raises `DictionaryEntryNotFoundError`."""
    await deps.dictionary.update(entry_id, DictionaryEntry.erase, user_id=principal.user_id)


def _checked(fields: dict[str, Any], deps: Dependencies) -> Pronunciation:
    if fields["respelling"] is None and fields["ipa"] is None:
        refuse("respelling", "Give a respelling, the pronunciation in IPA, or both.")
    if fields["ipa"] is not None and not is_ipa(fields["ipa"]):
        refuse("ipa", "IPA is made of letters and marks, words parted by single spaces, without brackets or slashes.")
    if fields["voice_id"] is not None:
        deps.voices.find(fields["voice_id"])
    return Pronunciation.model_validate({name: fields[name] for name in Pronunciation.model_fields})


@asynccontextmanager
async def entry_added(
    request: CreateDictionaryEntry | None, principal: Principal, deps: Dependencies
) -> AsyncIterator[DictionaryEntry | None]:
    """Add an entry, or change that of the same term and scope; undo it if the context ends with an error.

    An entry that another request has changed since stays as it is.

    Raises `DictionaryFullError`, `VoiceNotFoundError`, `ValidationError`.
    """
    if request is None:
        yield None
        return
    before = None
    try:
        entry = await add_entry(request, principal, deps)
    except DictionaryEntryConflictError:
        before, entry = await _replace_entry(request, principal, deps)
    try:
        yield entry
    except BaseException:
        await shielded(_undo(entry, before, deps))
        raise


async def _replace_entry(
    request: CreateDictionaryEntry, principal: Principal, deps: Dependencies
) -> tuple[Pronunciation, DictionaryEntry]:
    """Change the entry of the same term and scope; return its earlier pronunciation and the entry."""
    pronunciation = _checked(request.model_dump(), deps)
    wanted = DictionaryEntry.write(principal.user_id, pronunciation, language=request.language, voice_id=request.voice_id)
    found = await deps.dictionary.find_one({"user_id": principal.user_id, "place": wanted.place})
    if found is None:
        raise DictionaryEntryConflictError  # deleted meanwhile
    before = found.pronunciation

    def change(entry: DictionaryEntry) -> None:
        entry.revise(pronunciation, language=entry.language, voice_id=entry.voice_id)

    return before, await deps.dictionary.amend(found, change, user_id=principal.user_id)


async def _undo(entry: DictionaryEntry, before: Pronunciation | None, deps: Dependencies) -> None:
    """Delete an entry, or restore its earlier pronunciation, unless it was changed since."""
    with suppress(EchoError):
        held = await deps.dictionary.get(entry.id)
        if held.version != entry.version:
            return
        if before is None:
            held.erase()
        else:
            held.revise(before, language=held.language, voice_id=held.voice_id)
        await deps.dictionary.save(held)
