"""Use cases for text entries."""

from echo_common.auth.principal import Principal
from echo_common.contracts.http.texts import CreateText, TextPatch
from echo_common.errors import refuse
from echo_common.http.pagination import Page
from echo_common.ids import new_id
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import TextEntry

TEXT_ORDERS = ("created_at", "updated_at", "language")
"""Fields by which the list can be sorted."""


async def text_of(written: str | None, text_id: str | None, principal: Principal, deps: Dependencies) -> str:
    """Return the text of a request: the literal one, or that of the named text entry. Raises `TextNotFoundError`."""
    if written is not None:
        return written
    return (await find_text(text_id or "", principal, deps)).content


async def save_text(request: CreateText, principal: Principal, deps: Dependencies) -> TextEntry:
    """Save a text."""
    _check_length(request.content, deps)
    entry = TextEntry(id=new_id("txt"), user_id=principal.user_id, content=request.content, language=request.language)
    await deps.texts.add(entry)
    return entry


async def find_text(text_id: str, principal: Principal, deps: Dependencies) -> TextEntry:
    """Return the user's text entry. Raises `TextNotFoundError`, also for another user's entry."""
    return await deps.texts.get(text_id, user_id=principal.user_id)


async def list_texts(principal: Principal, page: Page, deps: Dependencies) -> tuple[list[TextEntry], int]:
    """Return a page of the user's text entries and their total number."""
    where = {"user_id": principal.user_id}
    order = [(page.sort_by, page.direction), ("_id", page.direction)]
    texts = deps.texts.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [text async for text in texts], await deps.texts.count(where)


async def change_text(text_id: str, patch: TextPatch, principal: Principal, deps: Dependencies) -> TextEntry:
    """Update the given fields; existing audio of the text does not change. Raises `TextNotFoundError`."""
    if patch.content is not None:
        _check_length(patch.content, deps)

    def change(entry: TextEntry) -> None:
        entry.content = entry.content if patch.content is None else patch.content
        if "language" in patch.model_fields_set:
            entry.language = patch.language

    return await deps.texts.update(text_id, change, user_id=principal.user_id)


async def delete_text(text_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete a text entry; its audio remains. Raises `TextNotFoundError`."""
    await deps.texts.update(text_id, TextEntry.erase, user_id=principal.user_id)


def _check_length(content: str, deps: Dependencies) -> None:
    if len(content) > (limit := deps.settings.max_characters):
        refuse("content", f"The text has {len(content)} characters; at most {limit} are permitted.")
