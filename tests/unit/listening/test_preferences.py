"""Preferences are derived from weighted interactions; stated ones take precedence."""

from datetime import UTC, datetime, timedelta

import pytest

from echo_common.contracts.http.preferences import MAXIMUM_PREFERRED, FeatureTargets
from echo_common.contracts.values import InteractionType, JobStatus, TrackSource
from echo_common.work.lease import LeaseLostError
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.interactions import Interaction
from echo_listening.domain.preferences import Preferences
from echo_listening.domain.taste import ListenedTrack, Taste, derive_taste, find_excluded, find_known, weigh
from echo_listening.domain.tracks import Track

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LIKE, UNLIKE, DISLIKE = InteractionType.LIKE, InteractionType.UNLIKE, InteractionType.DISLIKE
SKIP, COMPLETE = InteractionType.SKIP, InteractionType.COMPLETE


def acted(track_id: str, kind: InteractionType, *, days_ago: float = 0) -> Interaction:
    return Interaction(id="i", user_id="usr_ada", track_id=track_id, type=kind, timestamp=NOON - timedelta(days=days_ago))


def listened(
    track_id: str, weight: float, *, features: TrackFeatures | None = None, **fields: tuple[str, ...]
) -> ListenedTrack:
    track = Track(id=track_id, user_id="usr_ada", source=TrackSource.UPLOAD, name=track_id, **fields)
    return ListenedTrack(track, features, weight)


def test_the_weight_of_an_interaction_halves_every_thirty_days() -> None:
    weights = weigh(
        [acted("now", COMPLETE), acted("month", COMPLETE, days_ago=30), acted("year", COMPLETE, days_ago=360)], NOON
    )

    assert weights["month"] == pytest.approx(weights["now"] / 2)
    assert weights["year"] == pytest.approx(weights["now"] / 4096)


def test_only_the_latest_opinion_on_a_track_counts() -> None:
    newest_first = [
        acted("back", UNLIKE),
        acted("back", LIKE),
        acted("worse", DISLIKE),
        acted("worse", LIKE),
        acted("once", LIKE),
    ]
    weights = weigh([*newest_first, acted("once", LIKE)], NOON)

    assert weights["back"] == 0
    assert weights["worse"] < 0
    assert weights["once"] == weigh([acted("once", LIKE)], NOON)["once"]


def test_completed_tracks_are_preferred_to_skipped_ones() -> None:
    weights = weigh([acted("completed", COMPLETE), acted("skipped", SKIP)], NOON)
    taste = derive_taste([listened(track_id, weight) for track_id, weight in weights.items()])

    assert taste.top_tracks == ("completed",)


def test_artists_and_genres_have_the_weights_of_their_tracks() -> None:
    taste = derive_taste(
        [
            listened("a", 2.0, artists=("Nina", "Miles"), genres=("jazz",)),
            listened("b", 1.0, artists=("Miles",), genres=("bop",)),
            listened("c", -4.0, artists=("Eve",), genres=("bop",)),
        ]
    )

    assert taste.top_artists == ("Miles", "Nina")
    assert taste.genres == ("jazz",)


def test_targets_are_weighted_means_of_the_features_that_are_defined() -> None:
    taste = derive_taste(
        [
            listened("a", 3.0, features=TrackFeatures(energy=0.8, tempo=120)),
            listened("b", 1.0, features=TrackFeatures(energy=0.4)),
            listened("c", -1.0, features=TrackFeatures(energy=0.0, valence=1.0)),
        ]
    )

    assert taste.features == FeatureTargets(energy=0.7, tempo=120)


def test_tracks_that_are_disliked_or_skipped_repeatedly_are_not_recommended() -> None:
    disliked = [acted("worse", DISLIKE), acted("worse", LIKE), acted("back", UNLIKE), acted("back", DISLIKE)]
    skipped = [acted("once", SKIP), acted("twice", SKIP), acted("twice", SKIP)]
    heard = [acted("heard", SKIP), acted("heard", SKIP), acted("heard", COMPLETE)]

    assert find_excluded([*disliked, *skipped, *heard]) == ("twice", "worse")
    assert find_known([*disliked, *skipped, *heard]) == ("heard", "worse")


def test_lists_are_limited() -> None:
    taste = derive_taste([listened(f"t{number:03}", 1.0 + number) for number in range(100)])

    assert len(taste.top_tracks) == MAXIMUM_PREFERRED
    assert taste.top_tracks[0] == "t099"


def test_stated_preferences_come_before_derived_ones() -> None:
    preferences = Preferences.of_user("usr_ada")
    attempt = preferences.claim("worker", 15)
    preferences.state(Taste(genres=("jazz",), features=FeatureTargets(energy=0.2)))
    preferences.complete(attempt, Taste(genres=("pop", "jazz"), features=FeatureTargets(energy=0.9, valence=0.5)))

    assert preferences.genres == ("jazz", "pop")
    assert preferences.features == FeatureTargets(energy=0.2, valence=0.5)
    preferences.state(Taste())
    assert (preferences.genres, preferences.features.energy) == (("pop", "jazz"), 0.9)


def test_interactions_during_a_derivation_are_followed_by_another_one() -> None:
    preferences = Preferences.of_user("usr_ada")
    attempt = preferences.claim("worker", 15)
    preferences.request_derivation()
    preferences.complete(attempt, Taste(genres=("pop",)))

    assert (preferences.status, preferences.repeat, preferences.genres) == (JobStatus.PENDING, False, ("pop",))
    preferences.complete(preferences.claim("worker", 15), Taste())
    assert preferences.status is JobStatus.COMPLETED


def test_a_derivation_from_deleted_interactions_is_refused() -> None:
    preferences = Preferences.of_user("usr_ada")
    preferences.complete(preferences.claim("worker", 15), Taste(genres=("pop",)))
    preferences.request_derivation()
    attempt = preferences.claim("worker", 15)
    preferences.discard_derived()

    assert preferences.genres == ()
    with pytest.raises(LeaseLostError):
        preferences.complete(attempt, Taste(genres=("pop",)))


def test_deleted_tracks_are_removed() -> None:
    preferences = Preferences.of_user("usr_ada")
    preferences.state(Taste(top_tracks=("a", "b")))
    preferences.complete(preferences.claim("worker", 15), Taste(top_tracks=("c", "a")))
    preferences.remove_tracks(["a"])

    assert preferences.top_tracks == ("b", "c")
    assert preferences.status is JobStatus.PENDING
