"""How texts are read aloud: a preview, and one's own pronunciations."""

from typing import Annotated

from fastapi import Path, Query

from echo_common.auth.principal import Scope
from echo_common.contracts.errors.synthesis import (
    DictionaryEntryConflictError,
    DictionaryEntryNotFoundError,
    DictionaryFullError,
    EngineUnavailableError,
    VoiceNotFoundError,
)
from echo_common.contracts.http.reading import (
    CreateDictionaryEntry,
    DictionaryEntryPatch,
    DictionaryEntryView,
    NormalizeRequest,
    Script,
)
from echo_common.http.envelope import Success
from echo_common.http.pagination import PageQuery
from echo_gateway.proxy import ProxyRouter, enveloped
from echo_gateway.routes.jobs import PAGE_EXAMPLE

EntryKey = Annotated[str, Path(description="An entry's id.", examples=["dict_01K9ZX3V5T4S2R1Q0P9N8M7K6J"])]
_ENTRY = {
    "id": "dict_01K9ZX3V5T4S2R1Q0P9N8M7K6J",
    "term": "Hugh",
    "respelling": "hue",
    "ipa": None,
    "language": "en",
    "voice_id": None,
    "case_sensitive": False,
    "created_at": "2026-01-31T10:00:00Z",
    "updated_at": "2026-01-31T10:00:00Z",
}
_SCRIPT = {
    "language": "en-US",
    "voice_id": "af_heart",
    "spoken_text": "Doctor Smith paid five dollars.",
    "word_count": 4,
    "parts": [
        {
            "type": "unit",
            "text": "Doctor Smith paid five dollars.",
            "words": [
                {"word": "Dr", "spoken": "Doctor", "char_start": 0, "char_end": 2},
                {"word": "Smith", "spoken": "Smith", "char_start": 4, "char_end": 9},
                {"word": "paid", "spoken": "paid", "char_start": 10, "char_end": 14},
                {"word": "$5", "spoken": "five dollars", "char_start": 15, "char_end": 17},
            ],
            "rate": 1.0,
            "pitch": 1.0,
            "volume": 1.0,
            "heading": 0,
        },
        {"type": "pause", "seconds": 1.5},
    ],
}

dictionary = ProxyRouter("dictionary", service="synthesis")


@dictionary.forward(
    "POST",
    "/tts/normalize",
    scope=Scope.SPEECH_READ,
    idempotent=True,
    answers=Success[Script],
    errors=(VoiceNotFoundError, EngineUnavailableError),
    example=enveloped(_SCRIPT),
)
def normalize(body: NormalizeRequest) -> None:
    """Normalize a text to its spoken form.

    Returns the units with their spoken text, the written words it replaces, and the pauses. Applies the rules for numbers, dates,
    money, abbreviations, addresses, emoji, Markdown, `[pause:1.5s]`, SSML and the user's dictionary.
    """


@dictionary.forward(
    "POST",
    "/tts/dictionary",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    status=201,
    answers=Success[DictionaryEntryView],
    errors=(DictionaryEntryConflictError, DictionaryFullError, VoiceNotFoundError),
    example=enveloped(_ENTRY),
)
def add_dictionary_entry(body: CreateDictionaryEntry) -> None:
    """Add a pronunciation for all texts, or for one language or voice."""


@dictionary.forward(
    "GET",
    "/tts/dictionary",
    scope=Scope.SPEECH_READ,
    answers=Success[list[DictionaryEntryView]],
    example=enveloped([_ENTRY], meta=PAGE_EXAMPLE),
)
def list_dictionary(
    page: PageQuery,
    language: Annotated[str | None, Query(max_length=20, description="Filter by language.")] = None,
    voice_id: Annotated[str | None, Query(max_length=64, description="Filter by voice.")] = None,
) -> None:
    """List dictionary entries, newest first."""


@dictionary.forward(
    "GET",
    "/tts/dictionary/{entry_id}",
    scope=Scope.SPEECH_READ,
    answers=Success[DictionaryEntryView],
    errors=(DictionaryEntryNotFoundError,),
    example=enveloped(_ENTRY),
)
def get_dictionary_entry(entry_id: EntryKey) -> None:
    """Get a dictionary entry."""


@dictionary.forward(
    "PATCH",
    "/tts/dictionary/{entry_id}",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[DictionaryEntryView],
    errors=(DictionaryEntryNotFoundError, DictionaryEntryConflictError, VoiceNotFoundError),
    example=enveloped(_ENTRY),
)
def change_dictionary_entry(entry_id: EntryKey, body: DictionaryEntryPatch) -> None:
    """Change a dictionary entry. Queued jobs keep the pronunciation they were queued with."""


@dictionary.forward(
    "DELETE",
    "/tts/dictionary/{entry_id}",
    scope=Scope.SPEECH_WRITE,
    idempotent=True,
    answers=Success[None],
    errors=(DictionaryEntryNotFoundError,),
    example=enveloped(None, message="The entry is deleted."),
)
def delete_dictionary_entry(entry_id: EntryKey) -> None:
    """Delete a dictionary entry."""
