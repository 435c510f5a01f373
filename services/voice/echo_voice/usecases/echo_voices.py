"""Check of the voices that echos are given."""

from contextlib import suppress
from typing import Final

from echo_common.auth.principal import Principal
from echo_common.contracts.echo import ECHO_PREFIX
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.http.synthesis import Voice
from echo_common.contracts.voice_reference import SAMPLE_PREFIX, VOICE_MODEL_PREFIX
from echo_common.errors import refuse
from echo_common.http.client import RemoteError
from echo_voice.dependencies import Dependencies
from echo_voice.domain.echos import Persona

_NO_VOICES: Final = (SAMPLE_PREFIX, ECHO_PREFIX)
"""Prefixes of ids that stand for a voice in requests of speech, but are none."""


async def require_voice(persona: Persona, principal: Principal, token: str, deps: Dependencies) -> None:
    """Check that the user may use the voice of an echo, and that its engine supports the style.

    An own voice model in training passes. Built-in voices, and the engine of a voice, are looked up in the synthesis service with
    the user's `token`; without that service they are checked when the echo speaks.

    Raises `VoiceNotFoundError`, `ValidationError`, `RemoteError`, `ServiceUnavailableError`.
    """
    voice_id = persona.voice_id
    if voice_id is None:
        return
    if voice_id.startswith(VOICE_MODEL_PREFIX):
        await _require_clone(voice_id, principal, deps)
        voice = await _find_known_clone(voice_id, token, deps) if persona.style else None
    elif voice_id.startswith(_NO_VOICES):
        raise VoiceNotFoundError(f"{voice_id!r} cannot be the voice of an echo. Use a built-in voice or a clone.")
    else:
        voice = await deps.voices.find(voice_id, token)
    if persona.style and voice is not None and not voice.styles:
        message = f"The voice {voice_id} is spoken by {voice.engine}, which supports no style. Leave the style out, or use another voice."
        refuse("style", message)


async def _require_clone(voice_id: str, principal: Principal, deps: Dependencies) -> None:
    model = await deps.models.find_one({"_id": voice_id})
    own = model is not None and model.user_id == principal.user_id and not model.withdrawn
    if model is None or not (own or model.may_be_used_by(principal.user_id)):
        raise VoiceNotFoundError(f"There is no voice {voice_id!r} that you may use; GET /api/v1/voices lists them.")


async def _find_known_clone(voice_id: str, token: str, deps: Dependencies) -> Voice | None:
    """Return a voice model as synthesis knows it; None while it is in training, or its event is under way."""
    with suppress(VoiceNotFoundError, RemoteError):
        return await deps.voices.find(voice_id, token)
    return None
