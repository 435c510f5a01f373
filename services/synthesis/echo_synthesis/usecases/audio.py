"""Use cases for stored audio."""

from collections.abc import Sequence
from datetime import datetime

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import LinkInvalidError
from echo_synthesis.domain import Audio, WordMark
from echo_synthesis.timing.times import word_times
from echo_synthesis.usecases.studio import Studio


async def find_audio(audio_id: str, principal: Principal, studio: Studio) -> Audio:
    """Return the user's audio. Raises `AudioNotFoundError`, also for another user's audio."""
    return await studio.audio.get(audio_id, user_id=principal.user_id)


async def find_linked_audio(audio_id: str, expires: int, signature: str, studio: Studio) -> Audio:
    """Return the audio of a signed link. Raises `LinkInvalidError`, also for an audio that does not exist."""
    audio = await studio.audio.find_one({"_id": audio_id})
    if audio is None:
        raise LinkInvalidError
    studio.links.check(audio, expires, signature)
    return audio


async def link_audio(audio_id: str, seconds: int, principal: Principal, studio: Studio) -> tuple[str, datetime]:
    """Return a signed link to the user's audio and its expiry. Raises `AudioNotFoundError`."""
    return studio.links.sign(await find_audio(audio_id, principal, studio), seconds)


async def words_of(audio: Audio, studio: Studio) -> Sequence[WordMark]:
    """Return the timings of all written words."""
    return [mark async for mark in word_times(audio, studio.objects)]


async def delete_audio(audio_id: str, user_id: str, studio: Studio) -> None:
    """Delete a user's audio and its objects. Raises `AudioNotFoundError`."""
    audio = await studio.audio.update(audio_id, Audio.delete, user_id=user_id)
    await remove_objects(audio.id, studio)


async def remove_objects(audio_id: str, studio: Studio) -> None:
    """Remove the objects that any attempt has stored for an audio; idempotent."""
    async for key in studio.objects.keys(Audio.folder_of(audio_id)):
        await studio.objects.delete(key)
