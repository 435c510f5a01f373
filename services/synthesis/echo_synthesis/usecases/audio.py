"""What was spoken."""

from collections.abc import Sequence
from datetime import datetime

from echo_common.auth.principal import Principal
from echo_common.contracts.errors.synthesis import LinkInvalidError
from echo_synthesis.domain import Audio, WordMark
from echo_synthesis.times import word_times
from echo_synthesis.usecases.studio import Studio


async def find_audio(audio_id: str, principal: Principal, studio: Studio) -> Audio:
    """Raises `AudioNotFoundError`, for somebody else's audio too."""
    return await studio.audio.get(audio_id, user_id=principal.user_id)


async def find_linked_audio(audio_id: str, expires: int, signature: str, studio: Studio) -> Audio:
    """The audio of a signed link. Raises `LinkInvalidError`, for an audio that does not exist too."""
    audio = await studio.audio.find_one({"_id": audio_id})
    if audio is None:
        raise LinkInvalidError
    studio.links.check(audio, expires, signature)
    return audio


async def link_audio(audio_id: str, seconds: int, principal: Principal, studio: Studio) -> tuple[str, datetime]:
    """A signed link to one's own audio, and when it ends. Raises `AudioNotFoundError`."""
    return studio.links.sign(await find_audio(audio_id, principal, studio), seconds)


async def words_of(audio: Audio, studio: Studio) -> Sequence[WordMark]:
    """When each written word sounds."""
    return [mark async for mark in word_times(audio, studio.objects)]


async def delete_audio(audio_id: str, user_id: str, studio: Studio) -> None:
    """Forget somebody's audio and remove its objects. Raises `AudioNotFoundError`."""
    audio = await studio.audio.update(audio_id, Audio.delete, user_id=user_id)
    await remove_objects(audio.id, studio)


async def remove_objects(audio_id: str, studio: Studio) -> None:
    """Remove whatever any attempt has stored of an audio; again is no error."""
    async for key in studio.objects.keys(Audio.folder_of(audio_id)):
        await studio.objects.delete(key)
