"""Views of audio features."""

from echo_common.contracts.errors.tracks import TrackWithoutAudioError
from echo_common.contracts.http.features import FeaturesView
from echo_listening.domain.analyses import TrackAnalysis
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.tracks import Track
from echo_listening.usecases.features import status_of


def features_view(track: Track, analysis: TrackAnalysis | None) -> FeaturesView:
    """Build the view of the features of a track."""
    code, message = (None, None) if analysis is None else (analysis.error_code, analysis.error_message)
    if track.object_key is None:
        code, message = TrackWithoutAudioError.code, TrackWithoutAudioError.default_message()
    features = analysis.features if analysis is not None else None
    known = features is not None
    values = (features or TrackFeatures()).model_dump(exclude=set() if known else {"analysed_seconds", "analyser"})
    return FeaturesView(
        **values,
        track_id=track.id,
        status=status_of(track, analysis),
        code=code,
        message=message,
        updated_at=track.updated_at if analysis is None else analysis.updated_at,
    )
