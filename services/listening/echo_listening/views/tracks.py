"""Views of tracks."""

from echo_common.contracts.http.tracks import TrackView
from echo_listening.domain.tracks import Track


def track_view(track: Track) -> TrackView:
    """Build the view of a track."""
    fields = track.model_dump(include=TrackView.model_fields.keys() - {"audio_url"})
    return TrackView(**fields, audio_url=_audio_url(track))


def _audio_url(track: Track) -> str | None:
    """Return the path of the audio of speech, which its owner plays through synthesis."""
    return None if track.audio_id is None else f"/api/v1/files/audio/{track.audio_id}"
