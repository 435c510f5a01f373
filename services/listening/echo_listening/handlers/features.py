"""Event handlers of audio features; those of tracks have stored the track before."""

from echo_common.contracts.events.listening import TrackDeleted, TrackUploaded
from echo_common.contracts.events.synthesis import AudioCreated, AudioRevised
from echo_listening.dependencies import Dependencies
from echo_listening.domain.tracks import Track
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import features


async def queue_analysis(event: AudioCreated | AudioRevised, dependencies: Dependencies) -> None:
    """Queue the analysis of an audio's current revision."""
    await features.queue_analysis(Track.id_of_speech(event.audio_id), dependencies)


async def queue_upload(event: TrackUploaded, dependencies: Dependencies) -> None:
    """Queue the analysis of an upload."""
    await features.queue_analysis(event.track_id, dependencies)


async def remove_analysis(event: TrackDeleted, dependencies: Dependencies) -> None:
    """Remove the analysis of a deleted track."""
    await features.remove_analysis(event.track_id, dependencies)


HANDLERS: Handlers = {
    AudioCreated: queue_analysis,
    AudioRevised: queue_analysis,
    TrackUploaded: queue_upload,
    TrackDeleted: remove_analysis,
}
