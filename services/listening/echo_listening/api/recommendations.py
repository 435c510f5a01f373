"""Endpoints for recommendations (`/recommendations`, `/tracks/{track_id}/similar`)."""

from typing import Annotated, Any, Final

from fastapi import Query

from echo_common.auth.dependencies import ListeningReader
from echo_common.contracts.errors.tracks import TrackNotFoundError
from echo_common.contracts.http.recommendations import RecommendationView, SimilarTrackView
from echo_common.contracts.values import TrackSource
from echo_common.http.endpoints import PublicRouter, enveloped
from echo_common.http.envelope import Success, ok
from echo_listening.api.dependencies import Deps
from echo_listening.api.tracks import TRACK_EXAMPLE, TrackId
from echo_listening.usecases import recommendations
from echo_listening.views.recommendations import recommendation_view, similar_track_view

_RECOMMENDATION: Final[dict[str, Any]] = {
    "track": TRACK_EXAMPLE,
    "spotify_track": None,
    "score": 0.7312,
    "reason": {
        "code": "SIMILAR_TO_LIKED",
        "message": "Sounds like a track that you prefer.",
        "track_id": "track_01KANJVB3ZJ4N6T2Q8W5X7Y9ZB",
        "artist": None,
        "genre": None,
        "voice_id": None,
        "feature": "energy",
    },
}
_SIMILAR: Final[dict[str, Any]] = {
    "track": TRACK_EXAMPLE,
    "spotify_track": None,
    "similarity": 0.8125,
    "reason": dict.fromkeys(_RECOMMENDATION["reason"])
    | {"code": "SIMILAR_FEATURES", "message": "Sounds like this track.", "feature": "tempo"},
}

Limit = Annotated[int, Query(ge=1, le=100, description="Maximum number of items.")]

router = PublicRouter("recommendations")


@router.endpoint("GET", "/recommendations", example=enveloped([_RECOMMENDATION]))
async def list_recommendations(
    principal: ListeningReader,
    deps: Deps,
    limit: Limit = 20,
    source: Annotated[TrackSource | None, Query(description="Filter by source.")] = None,
    playable: Annotated[bool, Query(description="Only tracks with audio.")] = False,
) -> Success[list[RecommendationView]]:
    """List recommended tracks, best first.

    Preferences and audio features decide; without them, popularity. Tracks of Spotify that several other users listen to are
    among them. Tracks that the user disliked or skipped repeatedly are left out.
    """
    found = await recommendations.recommend_tracks(principal, deps, limit=limit, source=source, playable=playable)
    return ok([recommendation_view(one, own) for one, own in found])


@router.endpoint("GET", "/tracks/{track_id}/similar", errors=(TrackNotFoundError,), example=enveloped([_SIMILAR]))
async def list_similar_tracks(
    track_id: TrackId, principal: ListeningReader, deps: Deps, limit: Limit = 20
) -> Success[list[SimilarTrackView]]:
    """List similar tracks, most similar first.

    Audio features, artists, genres and voices are compared.
    """
    found = await recommendations.find_similar_tracks(track_id, principal, deps, limit=limit)
    return ok([similar_track_view(one, own) for one, own in found])
