"""Views of recommendations."""

from collections.abc import Mapping
from typing import Final

from echo_common.contracts.http.recommendations import ReasonCode, ReasonView, RecommendationView, SimilarTrackView
from echo_common.contracts.values import AnalysisStatus
from echo_listening.domain.recommendations import Reason, Recommendation
from echo_listening.domain.tracks import Track
from echo_listening.views.tracks import track_view

_MESSAGES: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.STATED: "Matches a preference that you stated.",
    ReasonCode.SIMILAR_TO_LIKED: "Sounds like a track that you prefer.",
    ReasonCode.SIMILAR_FEATURES: "Sounds like this track.",
    ReasonCode.SAME_ARTIST: "By an artist in common: {artist}.",
    ReasonCode.SAME_GENRE: "Of a genre in common: {genre}.",
    ReasonCode.SAME_VOICE: "Spoken by the same voice.",
    ReasonCode.FEATURE_TARGET: "Close to your preferred {feature}.",
    ReasonCode.POPULAR: "Popular.",
    ReasonCode.RECENT: "One of your newest tracks.",
}


def recommendation_view(recommendation: Recommendation, track: Track, status: AnalysisStatus) -> RecommendationView:
    """Build the view of a recommended track."""
    view = track_view(track, status)
    return RecommendationView(track=view, score=recommendation.score, reason=_reason_view(recommendation.reason))


def similar_track_view(recommendation: Recommendation, track: Track, status: AnalysisStatus) -> SimilarTrackView:
    """Build the view of a similar track."""
    view = track_view(track, status)
    return SimilarTrackView(track=view, similarity=recommendation.score, reason=_reason_view(recommendation.reason))


def _reason_view(reason: Reason) -> ReasonView:
    return ReasonView(
        code=reason.code,
        message=_MESSAGES[reason.code].format(artist=reason.artist, genre=reason.genre, feature=reason.feature),
        track_id=reason.track_id,
        artist=reason.artist,
        genre=reason.genre,
        voice_id=reason.voice_id,
        feature=reason.feature,
    )
