"""Event handlers of the read model of audio."""

from echo_common.contracts.events.synthesis import AudioCreated, AudioDeleted, AudioRevised
from echo_feedback.dependencies import Dependencies
from echo_feedback.handlers.handle import Handlers


async def store_audio(event: AudioCreated, dependencies: Dependencies) -> None:
    """Add the audio to the read model."""
    await dependencies.audios.apply(event)


async def announce_audio(event: AudioCreated, dependencies: Dependencies) -> None:
    """End the waits of this replica's requests; the audio is stored first, in case another replica stores it later."""
    if dependencies.audios.expects(event.audio_id):
        await dependencies.audios.apply(event)


async def revise_audio(event: AudioRevised, dependencies: Dependencies) -> None:
    """Update the length of the audio."""
    await dependencies.audios.revise(event)


async def remove_audio(event: AudioDeleted, dependencies: Dependencies) -> None:
    """Remove the audio from the read model; its ratings stay."""
    await dependencies.audios.delete(event.audio_id)


HANDLERS: Handlers = {AudioCreated: store_audio, AudioRevised: revise_audio, AudioDeleted: remove_audio}
