"""Use case of mixing: a voice made of weighted voices, saved as a voice model."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from echo_common.audio.style_file import StyleFileError, VoiceStyle, read_builtin_style, read_style
from echo_common.audio.style_mix import mix_styles
from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import VoiceNotFoundError
from echo_common.contracts.errors.voice import (
    CloneNotFoundError,
    ProviderUnavailableError,
    TooManyMixesError,
    VoiceMixConflictError,
    VoiceMixForbiddenError,
)
from echo_common.contracts.http.voice_mixes import MixRequest
from echo_common.contracts.voice_reference import VOICE_MODEL_PREFIX, VoiceReference
from echo_common.ids import new_id
from echo_common.storage.port import ObjectNotFoundError
from echo_voice.dependencies import Dependencies
from echo_voice.domain.values import MixedVoice
from echo_voice.domain.voice_models import MIX, Gender, TrainingResult, VoiceModel
from echo_voice.similarity import VOICES
from echo_voice.usecases.mix_withdrawal import withdraw_if_incomplete

_ENGINE = "kokoro"
_MOST_MIXES = 200
"""Maximum number of mixes of a user: each stores a file of half a megabyte."""
_NOT_MIXED = "{voice} is spoken by {engine}, whose voices cannot be mixed. Use voices of " + _ENGINE + "."


@dataclass(frozen=True, slots=True)
class _Ingredient:
    """A voice to mix. `origins` are the voices that it was mixed from, or the voice itself."""

    style: VoiceStyle
    language: str
    gender: Gender
    origins: Sequence[MixedVoice]


async def mix_voices(request: MixRequest, principal: Principal, token: str, deps: Dependencies) -> VoiceModel:
    """Mix voices, and save the result as a voice model of the user.

    Built-in voices are looked up in the synthesis service with the user's `token`. A mix in the mix counts as its voices.

    Raises `VoiceNotFoundError`, `VoiceMixForbiddenError`, `VoiceMixConflictError`, `CloneStateConflictError`,
    `TooManyMixesError`, `ProviderUnavailableError`, `RemoteError`, `ServiceUnavailableError`.
    """
    own = {"user_id": principal.user_id, "provider": MIX}
    if await deps.models.count(own) >= _MOST_MIXES:
        raise TooManyMixesError
    shares = request.shares()
    found = [(await _find(voice_id, principal, token, deps), share) for voice_id, share in shares.items()]
    largest, _ = max(found, key=lambda pair: pair[1])
    model_id = new_id(VOICE_MODEL_PREFIX.rstrip("_"))
    model = VoiceModel.mix(
        model_id,
        principal.user_id,
        name=request.name,
        language=request.language or largest.language,
        voices=_origins(found),
        made=await _make(model_id, found, deps),
    )
    await deps.models.add(model)
    if await deps.models.count(own) > _MOST_MIXES:  # others were created meanwhile
        await _discard(model, deps)
        raise TooManyMixesError
    # withdrawals and deletions before this mix was saved have not found it
    if await withdraw_if_incomplete(model.id, deps):
        await _discard(model, deps)
        raise VoiceNotFoundError("A voice of the mix was withdrawn or deleted meanwhile. Use another one.")
    return model


async def _find(voice_id: str, principal: Principal, token: str, deps: Dependencies) -> _Ingredient:
    if voice_id.startswith(VOICE_MODEL_PREFIX):
        return await _find_clone(voice_id, principal, deps)
    return await _find_builtin(voice_id, token, deps)


async def _find_clone(voice_id: str, principal: Principal, deps: Dependencies) -> _Ingredient:
    model = await deps.models.find_one({"_id": voice_id})
    own = model is not None and model.user_id == principal.user_id and not model.withdrawn
    if model is None or not (own or model.may_be_used_by(principal.user_id)):
        raise VoiceNotFoundError(f"There is no voice {voice_id!r} that you may use; GET /api/v1/voices lists them.")
    if not own:
        raise VoiceMixForbiddenError
    model.require_usable()
    assert model.made is not None  # noqa: S101 - a usable voice model is made
    if model.made.engine != _ENGINE or model.made.voice.kind != "object":
        raise VoiceMixConflictError(_NOT_MIXED.format(voice=voice_id, engine=model.made.engine))
    with deps.scratch.folder("mix") as folder:
        path = folder / "style"
        try:
            with path.open("wb") as file:
                async for block in deps.objects.read(model.made.voice.value):
                    await asyncio.to_thread(file.write, block)
            style = await asyncio.to_thread(read_style, path)
        except (ObjectNotFoundError, StyleFileError) as error:  # not found: deleted meanwhile
            raise VoiceNotFoundError(f"The style of the voice {voice_id!r} cannot be read. Train it again.") from error
    return _Ingredient(style, model.language, model.made.gender, model.mixed_from or [MixedVoice(voice_id=voice_id, share=1)])


async def _find_builtin(voice_id: str, token: str, deps: Dependencies) -> _Ingredient:
    voice = await deps.voices.find(voice_id, token)
    if voice is not None and voice.kind != "built-in":
        raise VoiceNotFoundError(f"There is no voice {voice_id!r}. Name a built-in voice, or a clone by its id.")
    if voice is not None and voice.engine != _ENGINE:
        raise VoiceMixConflictError(_NOT_MIXED.format(voice=voice_id, engine=voice.engine))
    styles = await asyncio.to_thread(_builtin_styles, deps.settings.models / VOICES)
    if voice_id not in styles:
        if voice is None:  # without the synthesis service, only the files tell which voices there are
            raise VoiceNotFoundError
        raise ProviderUnavailableError("The voice service lacks Kokoro's voices; `echoctl models` fetches them.")
    style = await asyncio.to_thread(read_builtin_style, styles[voice_id])
    return _Ingredient(
        style,
        language="en-US" if voice is None else voice.language,
        gender="neutral" if voice is None else voice.gender,
        origins=[MixedVoice(voice_id=voice_id, share=1)],
    )


def _builtin_styles(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.bin")}


def _origins(found: Sequence[tuple[_Ingredient, float]]) -> Sequence[MixedVoice]:
    """Return the voices of a mix, those of mixes in it included, largest share first."""
    shares: dict[str, float] = {}
    for ingredient, share in found:
        for origin in ingredient.origins:
            shares[origin.voice_id] = shares.get(origin.voice_id, 0.0) + share * origin.share
    voices = [MixedVoice(voice_id=voice_id, share=share) for voice_id, share in shares.items()]
    return sorted(voices, key=lambda voice: voice.share, reverse=True)


async def _make(model_id: str, found: Sequence[tuple[_Ingredient, float]], deps: Dependencies) -> TrainingResult:
    """Mix the styles and store the result."""
    styles, shares = [ingredient.style for ingredient, _ in found], [share for _, share in found]
    genders = {ingredient.gender for ingredient, _ in found}
    with deps.scratch.folder("mix") as folder:
        path = folder / "style.npz"
        style = await asyncio.to_thread(mix_styles, styles, shares)
        await asyncio.to_thread(style.save, path)
        stored = await deps.objects.put_file(f"styles/{model_id}/mix", path, "application/octet-stream")
    return TrainingResult(
        engine=_ENGINE,
        reference=str(VoiceReference("object", stored.key)),
        gender=genders.pop() if len(genders) == 1 else "neutral",
    )


async def _discard(model: VoiceModel, deps: Dependencies) -> None:
    """Delete a mix that must not be used."""
    with suppress(CloneNotFoundError):  # deleted meanwhile
        await deps.models.update(model.id, VoiceModel.delete)
    assert model.made is not None  # noqa: S101 - a mix is made when it is created
    await deps.objects.delete(model.made.voice.value)
