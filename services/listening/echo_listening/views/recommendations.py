"""Views of recommendations."""

from collections.abc import Mapping
from typing import Final

from echo_common.contracts.http.recommendations import (
    ReasonCode,
    ReasonView,
    RecommendationView,
    SimilarTrackView,
    SpotifyTrackView,
)
from echo_common.contracts.values import AnalysisStatus
from echo_listening.domain.recommendations import Reason, Recommendation
from echo_listening.domain.spotify import SpotifyTrack
from echo_listening.domain.tracks import Track
from echo_listening.views.tracks import track_view

OwnTrack = tuple[Track, AnalysisStatus]
"""A track of the user, with the status of its features."""

_MESSAGES: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.STATED: "Matches a preference that you stated.",
    ReasonCode.SIMILAR_TO_LIKED: "Sounds like a track that you prefer.",
    ReasonCode.SIMILAR_FEATURES: "Sounds like this track.",
    ReasonCode.SAME_ARTIST: "By an artist in common: {artist}.",
    ReasonCode.SAME_GENRE: "Of a genre in common: {genre}.",
    ReasonCode.SAME_VOICE: "Spoken by the same voice.",
    ReasonCode.LISTENED_TOGETHER: "Listened to by users who listen to the same music.",
    ReasonCode.FEATURE_TARGET: "Close to your preferred {feature}.",
    ReasonCode.POPULAR: "Popular.",
    ReasonCode.RECENT: "One of your newest tracks.",
}


def recommendation_view(recommendation: Recommendation, own: OwnTrack | None) -> RecommendationView:
    """Build the view of a recommended track."""
    return RecommendationView(
        track=None if own is None else track_view(*own),
        spotify_track=_spotify_track_view(recommendation.spotify_track),
        score=recommendation.score,
        reason=_reason_view(recommendation.reason),
    )


def similar_track_view(recommendation: Recommendation, own: OwnTrack | None) -> SimilarTrackView:
    """Build the view of a similar track."""
    return SimilarTrackView(
        track=None if own is None else track_view(*own),
        spotify_track=_spotify_track_view(recommendation.spotify_track),
        similarity=recommendation.score,
        reason=_reason_view(recommendation.reason),
    )


def _spotify_track_view(track: SpotifyTrack | None) -> SpotifyTrackView | None:
    return None if track is None else SpotifyTrackView(**track.model_dump())


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
