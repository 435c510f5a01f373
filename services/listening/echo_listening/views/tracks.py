"""Views of tracks."""

from echo_common.contracts.http.tracks import TrackView
from echo_common.contracts.values import AnalysisStatus
from echo_listening.domain.tracks import Track


def track_view(track: Track, features_status: AnalysisStatus, *, owned: bool = True) -> TrackView:
    """Build the view of a track for its owner, or for another user who may hear it."""
    fields = track.model_dump(include=TrackView.model_fields.keys() - {"audio_url", "features_status"})
    return TrackView(**fields, audio_url=_audio_url(track, owned=owned), features_status=features_status)


def _audio_url(track: Track, *, owned: bool) -> str | None:
    """Return the path of the bytes; owners play their speech through synthesis, also if it has no file here."""
    if track.audio_id is not None and owned:
        return f"/api/v1/files/audio/{track.audio_id}"
    return None if track.object_key is None else f"/api/v1/tracks/{track.id}/audio"
