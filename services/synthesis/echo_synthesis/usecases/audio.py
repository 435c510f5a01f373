"""What was spoken."""

from echo_common.auth.principal import Principal
from echo_synthesis.domain import Audio
from echo_synthesis.usecases.studio import Studio


async def find_audio(audio_id: str, principal: Principal, studio: Studio) -> Audio:
    """Raises `AudioNotFoundError`, for somebody else's audio too."""
    return await studio.audio.get(audio_id, user_id=principal.user_id)


async def delete_audio(audio_id: str, principal: Principal, studio: Studio) -> None:
    """Forget an audio and remove its object. Raises `AudioNotFoundError`."""
    audio = await studio.audio.update(audio_id, Audio.delete, user_id=principal.user_id)
    await studio.objects.delete(audio.object_key)
