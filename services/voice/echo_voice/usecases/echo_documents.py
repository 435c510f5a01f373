"""Use cases of the Echo API for echos."""

from collections.abc import AsyncIterator
from contextlib import suppress

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.voice import CloneNotFoundError, EchoNotFoundError
from echo_common.contracts.http.echo_api import EchoRequest
from echo_voice.dependencies import Dependencies
from echo_voice.domain.echos import Echo, Persona
from echo_voice.domain.voice_models import VoiceModel
from echo_voice.usecases import echos
from echo_voice.usecases.references import client_user_id, find_reference, require_voice_model


async def create_echo(request: EchoRequest, principal: Principal, deps: Dependencies) -> Echo:
    """Create an echo, optionally with a voice model of the user. Raises `CloneNotFoundError`, `TooManyEchosError`."""
    model = await find_reference(request.voice_model_id, principal, deps) if request.voice_model_id else None
    persona = Persona(
        name=request.name, persona_prompt=request.persona_prompt, voice_id=model.id if model is not None else None
    )
    client = client_user_id(principal, request.user_id)
    echo = await echos.add_echo(Echo.create(principal.user_id, persona, client_user_id=client), deps)
    if model is not None:
        try:
            await deps.models.update(model.id, lambda held: held.link(echo.id), user_id=principal.user_id)
        except CloneNotFoundError:  # deleted meanwhile
            with suppress(EchoNotFoundError):
                await echos.delete_echo(echo.id, principal, deps)
            raise
    return echo


async def list_echos(principal: Principal, user_id: str | None, deps: Dependencies) -> AsyncIterator[Echo]:
    """Yield the echos of a user, newest first; of the local user, those for a client's user id if one is given."""
    where = {"user_id": principal.user_id}
    if named := client_user_id(principal, user_id):
        where["client_user_id"] = named
    async for echo in deps.echos.find(where, sort=[("created_at", -1)]):
        yield echo


async def find_voice_of_echo(echo_id: str, principal: Principal, deps: Dependencies) -> VoiceModel:
    """Return the voice model of an echo. Raises `EchoNotFoundError`, `CloneNotFoundError`."""
    echo = await echos.find_echo(echo_id, principal, deps)
    return await require_voice_model(echo.voice_id, principal, deps)
