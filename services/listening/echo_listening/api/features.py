"""Endpoints for audio features (`/tracks/{track_id}/features`)."""

from typing import Any, Final

from echo_common.auth.dependencies import ListeningReader, ListeningWriter
from echo_common.contracts.errors.tracks import TrackNotFoundError, TrackWithoutAudioError
from echo_common.contracts.http.features import FeaturesView
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_listening.api.dependencies import Deps
from echo_listening.api.tracks import TrackId
from echo_listening.usecases import features
from echo_listening.views.features import features_view

_FEATURES: Final[dict[str, Any]] = {
    "track_id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZA",
    "status": "complete",
    "code": None,
    "message": None,
    "danceability": 0.8214,
    "energy": 0.6102,
    "key": 9,
    "mode": 0,
    "loudness": -14.2,
    "speechiness": 0.0213,
    "acousticness": 0.2719,
    "instrumentalness": 0.9641,
    "liveness": 0.0,
    "valence": 0.4382,
    "tempo": 118.02,
    "analysed_seconds": 214.6,
    "analyser": "echo-1",
    "updated_at": "2026-01-31T10:00:05Z",
}
_PENDING: Final = dict.fromkeys(_FEATURES) | {
    **{name: _FEATURES[name] for name in ("track_id", "updated_at")},
    "status": "pending",
    "key": -1,
}

router = PublicRouter("tracks")


@router.endpoint("GET", "/tracks/{track_id}/features", errors=(TrackNotFoundError,), example=enveloped(_FEATURES))
async def get_features(track_id: TrackId, principal: ListeningReader, deps: Deps) -> Success[FeaturesView]:
    """Get the audio features of a track.

    They are computed in the background, of the first ten minutes: poll them while they are pending. Tracks of Spotify have none.
    """
    return ok(features_view(*await features.find_analysis(track_id, principal, deps)))


@router.endpoint(
    "POST",
    "/tracks/{track_id}/features",
    status=202,
    idempotent=True,
    errors=(TrackNotFoundError, TrackWithoutAudioError),
    example=enveloped(_PENDING),
)
async def request_features(track_id: TrackId, principal: ListeningWriter, deps: Deps) -> Success[FeaturesView]:
    """Compute the audio features of a track again."""
    return ok(features_view(*await features.repeat_analysis(track_id, principal, deps)))
