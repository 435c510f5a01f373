"""Event handlers of audio features; those of tracks have stored the track before."""

from echo_common.contracts.events.listening import TrackDeleted, TrackUploaded
from echo_common.contracts.events.synthesis import AudioRevised
from echo_listening.dependencies import Dependencies
from echo_listening.domain.tracks import Track
from echo_listening.handlers.handle import Handlers
from echo_listening.usecases import features


async def renew_analysis(event: AudioRevised, dependencies: Dependencies) -> None:
    """Analyse the current revision of an audio whose features were requested before."""
    await features.renew_analysis(Track.id_of_speech(event.audio_id), dependencies)


async def queue_upload(event: TrackUploaded, dependencies: Dependencies) -> None:
    """Queue the analysis of an upload."""
    await features.queue_analysis(event.track_id, dependencies)


async def remove_analysis(event: TrackDeleted, dependencies: Dependencies) -> None:
    """Remove the analysis of a deleted track."""
    await features.remove_analysis(event.track_id, dependencies)


HANDLERS: Handlers = {AudioRevised: renew_analysis, TrackUploaded: queue_upload, TrackDeleted: remove_analysis}
