"""Views of tracks."""

from echo_common.contracts.http.tracks import TrackView
from echo_common.contracts.values import AnalysisStatus
from echo_listening.domain.tracks import Track


def track_view(track: Track, features_status: AnalysisStatus) -> TrackView:
    """Build the view of a track."""
    fields = track.model_dump(include=TrackView.model_fields.keys() - {"audio_url", "features_status"})
    return TrackView(**fields, audio_url=_audio_url(track), features_status=features_status)


def _audio_url(track: Track) -> str | None:
    """Return the path of the audio of speech, which its owner plays through synthesis."""
    return None if track.audio_id is None else f"/api/v1/files/audio/{track.audio_id}"
