"""Use cases of echos: create, list, change, restore, delete."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.voice import (
    CloneNotFoundError,
    EchoChangedError,
    EchoNotFoundError,
    EchoRevisionNotFoundError,
    TooManyEchosError,
)
from echo_common.contracts.http.echos import CreateEcho, EchoPatch
from echo_common.http.object_response import etag_matches
from echo_common.http.pagination import Page
from echo_common.outbox.conflicts import retry_conflicts
from echo_common.outbox.repository import StaleError
from echo_voice.dependencies import Dependencies
from echo_voice.domain.echos import Echo, EchoRevision, Persona
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.usecases.echo_voices import require_voice

ECHO_ORDERS = ("created_at", "name")
"""Fields by which the list can be sorted."""


async def create_echo(request: CreateEcho, principal: Principal, token: str, deps: Dependencies) -> Echo:
    """Create an echo. Raises `TooManyEchosError` and the errors of `require_voice`.

    `token` is the user's, for the lookup of the voice.
    """
    persona = Persona.model_validate(request.model_dump())
    await require_voice(persona, principal, token, deps)
    return await add_echo(Echo.create(principal.user_id, persona), deps)


async def add_echo(echo: Echo, deps: Dependencies) -> Echo:
    """Store a new echo. Raises `TooManyEchosError`."""
    own, most = {"user_id": echo.user_id}, deps.settings.echos_per_user
    if await deps.echos.count(own) >= most:
        raise TooManyEchosError
    await deps.echos.add(echo)
    if await deps.echos.count(own) > most:  # others were created meanwhile
        with suppress(EchoNotFoundError):  # deleted meanwhile
            await deps.echos.update(echo.id, Echo.delete)
        raise TooManyEchosError
    return echo


async def list_echos(
    principal: Principal, page: Page, deps: Dependencies, *, search: str | None = None
) -> tuple[list[Echo], int]:
    """Return a page of the user's echos and their total number; `search` matches case-insensitively in the name."""
    where: dict[str, Any] = {"user_id": principal.user_id}
    if search is not None:
        where["search"] = {"$regex": re.escape(search.casefold())}
    field = "search" if page.sort_by == "name" else page.sort_by  # names are sorted without regard to case
    order = [(field, page.direction), ("_id", page.direction)]
    found = deps.echos.find(where, sort=order, skip=page.offset, limit=page.limit)
    return [echo async for echo in found], await deps.echos.count(where)


async def find_echo(echo_id: str, principal: Principal, deps: Dependencies) -> Echo:
    """Return an echo of the user. Raises `EchoNotFoundError`, also for another user's."""
    return await deps.echos.get(echo_id, user_id=principal.user_id)


async def change_echo(
    echo_id: str, patch: EchoPatch, principal: Principal, token: str, deps: Dependencies, *, if_match: str | None = None
) -> Echo:
    """Change an echo, in a new revision unless the values are the same.

    Raises `EchoNotFoundError`, `EchoChangedError` unless `if_match` names its revision, and the errors of `require_voice` for
    another voice or style.
    """
    changes = Persona.model_validate({"name": "", **patch.changes()})
    sent = {name: getattr(changes, name) for name in patch.model_fields_set}
    return await _revise(echo_id, lambda before: before.model_copy(update=sent), principal, token, deps, if_match=if_match)


async def list_revisions(echo_id: str, principal: Principal, page: Page, deps: Dependencies) -> tuple[list[EchoRevision], int]:
    """Return a page of the earlier states of an echo and their number. Raises `EchoNotFoundError`."""
    echo = await find_echo(echo_id, principal, deps)
    where = _earlier_than(echo)
    found = deps.echo_revisions.find(where, sort=[("revision", page.direction)], skip=page.offset, limit=page.limit)
    return [revision async for revision in found], await deps.echo_revisions.count(where)


async def restore_echo(echo_id: str, revision: int, principal: Principal, token: str, deps: Dependencies) -> Echo:
    """Give an echo the state of an earlier revision, in a new revision.

    Raises `EchoNotFoundError`, `EchoRevisionNotFoundError`, and the errors of `require_voice` for another voice or style.
    """
    echo = await find_echo(echo_id, principal, deps)
    earlier = await deps.echo_revisions.find_one(_earlier_than(echo) | {"_id": EchoRevision.id_of(echo_id, revision)})
    if earlier is None:
        raise EchoRevisionNotFoundError
    persona = earlier.persona
    return await _revise(echo_id, lambda _: persona, principal, token, deps)


async def delete_echo(echo_id: str, principal: Principal, deps: Dependencies) -> None:
    """Delete an echo with its revisions and messages; its audio remains. Raises `EchoNotFoundError`."""
    await deps.echos.update(echo_id, Echo.delete, user_id=principal.user_id)
    await remove_traces(echo_id, principal.user_id, deps)


async def remove_traces(echo_id: str, user_id: str, deps: Dependencies) -> None:
    """Remove the revisions of a deleted echo, its messages and the links of voice models to it; idempotent."""
    await deps.echo_revisions.remove_all(echo_id)
    await deps.history.erase({"echo_id": echo_id})

    def unlink(model: VoiceModel) -> None:
        if model.echo_id == echo_id:
            model.link(None)

    async for model in deps.models.find({"user_id": user_id, "echo_id": echo_id}):
        with suppress(CloneNotFoundError):  # deleted meanwhile
            await deps.models.update(model.id, unlink)


async def announce_echos(deps: Dependencies) -> None:
    """Publish the states of echos that an earlier version created; others do not know them."""
    async for echo in deps.echos.find({"revision": {"$exists": False}}):
        with suppress(EchoNotFoundError):  # deleted meanwhile
            await deps.echos.amend(echo, Echo.announce)


async def use_voice(echo_id: str, voice_id: str, principal: Principal, deps: Dependencies) -> None:
    """Let an echo of the user speak with a voice that the caller has checked. Raises `EchoNotFoundError`."""
    await _update(echo_id, lambda echo: echo.use_voice(voice_id), principal, deps)


async def leave_voice(echo_id: str, voice_id: str, principal: Principal, deps: Dependencies) -> None:
    """Remove the voice of an echo, unless the echo has another one. Raises `EchoNotFoundError`."""
    await _update(echo_id, lambda echo: echo.leave_voice(voice_id), principal, deps)


async def _revise(
    echo_id: str,
    change: Callable[[Persona], Persona],
    principal: Principal,
    token: str,
    deps: Dependencies,
    *,
    if_match: str | None = None,
) -> Echo:
    async def write() -> Echo:
        echo = await find_echo(echo_id, principal, deps)
        if if_match is not None and not etag_matches(if_match, etag_of(echo)):
            raise EchoChangedError(details={"revision": echo.revision})
        persona = change(echo.persona)
        if (persona.voice_id, persona.style) != (echo.voice_id, echo.style):
            await require_voice(persona, principal, token, deps)
        return await _save(echo, lambda held: held.revise(persona), deps)

    return await retry_conflicts(write, StaleError)


async def _update(echo_id: str, change: Callable[[Echo], None], principal: Principal, deps: Dependencies) -> Echo:
    async def write() -> Echo:
        return await _save(await find_echo(echo_id, principal, deps), change, deps)

    return await retry_conflicts(write, StaleError)


async def _save(echo: Echo, change: Callable[[Echo], None], deps: Dependencies) -> Echo:
    """Change and save an echo, and keep its earlier state. Raises `StaleError`.

    The earlier state is stored first: after a crash in between it is that of the present revision, which is not listed.
    """
    before = EchoRevision.of(echo)
    change(echo)
    if echo.revision == before.revision:
        return echo
    await deps.echo_revisions.keep(before)
    try:
        await deps.echos.save(echo)
    except StaleError:
        if await deps.echos.find_one({"_id": echo.id}) is None:
            await deps.echo_revisions.remove_all(echo.id)  # the echo was deleted meanwhile, before this state was stored
        raise
    await deps.echo_revisions.trim(echo)
    return echo


def etag_of(echo: Echo) -> str:
    """Return the ETag of an echo, with its quotes."""
    return f'"{echo.revision}"'


def _earlier_than(echo: Echo) -> dict[str, Any]:
    return {"echo_id": echo.id, "user_id": echo.user_id, "revision": {"$lt": echo.revision}}
