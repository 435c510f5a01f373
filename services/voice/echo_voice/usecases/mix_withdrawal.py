"""Withdrawal of mixes with the voice models in them: a mix needs the consents of all speakers."""

from contextlib import suppress

from echo_common.contracts.errors.voice import CloneNotFoundError
from echo_common.contracts.voice_reference import VOICE_MODEL_PREFIX
from echo_voice.dependencies import Dependencies
from echo_voice.domain.voice_models import VoiceModel


async def withdraw_mixes(voice_model_id: str, deps: Dependencies) -> None:
    """Withdraw the mixes of a voice model that was withdrawn or deleted; idempotent."""
    mixes = [model.id async for model in deps.models.find({"mixed_from.voice_id": voice_model_id})]
    for model_id in mixes:
        await _withdraw(model_id, deps)


async def withdraw_if_incomplete(model_id: str, deps: Dependencies) -> bool:
    """Withdraw a mix if a voice model in it is not usable any more; return whether that is so.

    Does nothing for other voice models.
    """
    model = await deps.models.find_one({"_id": model_id})
    for voice in [] if model is None else model.mixed_from:
        if voice.voice_id.startswith(VOICE_MODEL_PREFIX):
            part = await deps.models.find_one({"_id": voice.voice_id})
            if part is None or not part.usable:
                await _withdraw(model_id, deps)
                return True
    return False


async def _withdraw(model_id: str, deps: Dependencies) -> None:
    with suppress(CloneNotFoundError):  # deleted meanwhile
        await deps.models.update(model_id, VoiceModel.withdraw)
