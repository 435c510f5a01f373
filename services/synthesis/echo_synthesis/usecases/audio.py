"""Use cases for stored audio."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime

from echo_common.auth.principal import Principal
from echo_common.errors import LinkInvalidError
from echo_synthesis.dependencies import Dependencies
from echo_synthesis.domain import Audio, WordTiming
from echo_synthesis.timing.storage import word_times, word_times_from


async def find_audio(audio_id: str, principal: Principal, deps: Dependencies) -> Audio:
    """Return the user's audio. Raises `AudioNotFoundError`, also for another user's audio."""
    return await deps.audio.get(audio_id, user_id=principal.user_id)


async def find_linked_audio(audio_id: str, revision: int | None, expires: int, signature: str, deps: Dependencies) -> Audio:
    """Return the audio of a signed link. Raises `LinkInvalidError`, also for an audio that does not exist."""
    audio = await deps.audio.find_one({"_id": audio_id})
    if audio is None or revision is None:  # every link names the revision that it was created for
        raise LinkInvalidError
    deps.links.check(Audio.url_of(audio.id, revision), audio.user_id, expires, signature)
    return audio


async def link_audio(audio_id: str, seconds: int, principal: Principal, deps: Dependencies) -> tuple[str, datetime]:
    """Return a signed link to the current revision of the user's audio and its expiry. Raises `AudioNotFoundError`."""
    audio = await find_audio(audio_id, principal, deps)
    return deps.links.sign(Audio.url_of(audio.id, audio.revision), audio.user_id, seconds)


async def text_of_audio(audio: Audio, deps: Dependencies) -> str:
    """Return the text of an audio, which is its job's if a job made it. Raises `AudioNotFoundError`, `JobNotFoundError`."""
    text = audio.text or (await deps.audio.get_with_text(audio.id)).text
    if text is not None:
        return text
    where = {"_id": audio.job_id, "user_id": audio.user_id}
    return (await deps.jobs.get_summary(where, with_text=True)).text


async def words_of(audio: Audio, deps: Dependencies) -> Sequence[WordTiming]:
    """Return the timings of all written words."""
    return [mark async for mark in word_times(audio, deps.objects)]


async def read_words(audio: Audio, start: int, stop: int, deps: Dependencies) -> Sequence[WordTiming]:
    """Return the timings of the written words `[start, stop)`; later ones are not read."""
    found: list[WordTiming] = []
    async with aclosing(word_times_from(audio, deps.objects, lambda index, _: index < start)) as words:
        async for index, word in words:
            if index >= stop:
                break
            found.append(word)
    return found


async def delete_audio(audio_id: str, user_id: str, deps: Dependencies) -> None:
    """Delete a user's audio and its objects. Raises `AudioNotFoundError`."""
    audio = await deps.audio.update(audio_id, Audio.delete, user_id=user_id)
    await remove_objects(audio.id, deps)


async def remove_objects(audio_id: str, deps: Dependencies) -> None:
    """Remove the objects that any attempt has stored for an audio; idempotent."""
    async for key in deps.objects.keys(Audio.folder_of(audio_id)):
        await deps.objects.delete(key)
