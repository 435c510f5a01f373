"""Event handlers of tracks."""

from echo_common.contracts.events.listening import TrackDeleted
from echo_common.contracts.events.synthesis import AudioCreated, AudioDeleted, AudioRevised
from echo_common.contracts.events.voice import VoiceModelDeleted, VoiceModelWithdrawn
from echo_listening.dependencies import Dependencies
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import tracks, uploads


async def add_speech(event: AudioCreated, dependencies: Dependencies) -> None:
    """Add the track of an audio."""
    await tracks.add_speech(event, dependencies)


async def revise_speech(event: AudioRevised, dependencies: Dependencies) -> None:
    """Use the file of the audio's current revision."""
    await tracks.revise_speech(event, dependencies)


async def remove_speech(event: AudioDeleted, dependencies: Dependencies) -> None:
    """Remove the track of the audio."""
    await tracks.remove_speech(event.audio_id, dependencies)


async def remove_voice(event: VoiceModelDeleted | VoiceModelWithdrawn, dependencies: Dependencies) -> None:
    """Remove the voice from the tracks that were spoken with it."""
    await tracks.remove_voice(event.voice_model_id, dependencies)


async def remove_upload(event: TrackDeleted, dependencies: Dependencies) -> None:
    """Remove the objects of a deleted upload, in case the process that deleted it died before it removed them."""
    await uploads.remove_objects(event.track_id, dependencies.objects)


HANDLERS: Handlers = {
    AudioCreated: add_speech,
    AudioRevised: revise_speech,
    AudioDeleted: remove_speech,
    TrackDeleted: remove_upload,
    VoiceModelDeleted: remove_voice,
    VoiceModelWithdrawn: remove_voice,
}
