"""Recommendations follow preferences and features, and name their main reason."""

import pytest

from echo_common.contracts.http.preferences import FeatureTargets
from echo_common.contracts.http.recommendations import ReasonCode
from echo_listening.domain.feature_space import FeatureSpace
from echo_listening.domain.features import TrackFeatures
from echo_listening.domain.listener_counts import count_listeners
from echo_listening.domain.recommendations import Candidate, Listener, Recommendation, find_similar, recommend
from echo_listening.domain.spotify import SpotifyTrack
from echo_listening.domain.taste import Taste

CALM = TrackFeatures(energy=0.1, valence=0.2, tempo=70, loudness=-30)
WILD = TrackFeatures(energy=0.9, valence=0.9, tempo=170, loudness=-6)
NOBODY = Listener(Taste(), Taste())


def derived(**fields: object) -> Listener:
    return Listener(Taste(), Taste.model_validate(fields))


def stated(**fields: object) -> Listener:
    taste = Taste.model_validate(fields)
    return Listener(taste, taste)


def ids(found: list[Recommendation]) -> list[str]:
    return [one.track_id for one in found]


def test_without_preferences_popular_tracks_come_first() -> None:
    found = recommend([Candidate("a", popularity=0.2), Candidate("b", popularity=0.7), Candidate("c")], NOBODY, 10)

    assert ids(found) == ["b", "a", "c"]
    assert [one.reason.code for one in found] == [ReasonCode.POPULAR, ReasonCode.POPULAR, ReasonCode.RECENT]
    assert [one.score for one in found] == [0.7, 0.2, 0.0]


def test_equal_tracks_stay_newest_first() -> None:
    assert ids(recommend([Candidate("new"), Candidate("old")], NOBODY, 10)) == ["new", "old"]


def test_tracks_that_sound_like_preferred_ones_come_first() -> None:
    candidates = [Candidate("liked", features=WILD), Candidate("calm", features=CALM), Candidate("wild", features=WILD)]
    found = recommend(candidates, derived(top_tracks=("liked",)), 2)

    assert found[0].track_id == "wild"
    assert (found[0].reason.code, found[0].reason.track_id) == (ReasonCode.SIMILAR_TO_LIKED, "liked")


@pytest.mark.parametrize(
    ("listener", "code"), [(stated(genres=("jazz",)), ReasonCode.STATED), (derived(genres=("jazz",)), ReasonCode.SAME_GENRE)]
)
def test_genres_are_preferred_and_named(listener: Listener, code: ReasonCode) -> None:
    found = recommend([Candidate("a", genres=["pop"]), Candidate("b", genres=["bop", "jazz"])], listener, 1)

    assert (found[0].track_id, found[0].reason.code, found[0].reason.genre) == ("b", code, "jazz")


def test_artists_are_preferred_by_their_order() -> None:
    candidates = [Candidate("a", artists=["Miles"]), Candidate("b", artists=["Nina"]), Candidate("c", artists=["Eve"])]
    found = recommend(candidates, derived(top_artists=("Nina", "Miles")), 3)

    assert ids(found) == ["b", "a", "c"]
    assert (found[0].reason.code, found[0].reason.artist) == (ReasonCode.SAME_ARTIST, "Nina")


def test_targets_of_features_are_followed() -> None:
    candidates = [Candidate("calm", features=CALM), Candidate("wild", features=WILD)]
    found = recommend(candidates, stated(features=FeatureTargets(energy=0.85)), 1)

    assert (found[0].track_id, found[0].reason.code, found[0].reason.feature) == ("wild", ReasonCode.FEATURE_TARGET, "energy")


def test_voices_of_preferred_speech_are_followed() -> None:
    candidates = [Candidate("a", voice_id="low"), Candidate("b", voice_id="high"), Candidate("liked", voice_id="high")]
    found = recommend(candidates, derived(top_tracks=("liked",)), 3)

    assert ids(found)[0] == "b"
    assert (found[0].reason.code, found[0].reason.voice_id) == (ReasonCode.SAME_VOICE, "high")


def test_tracks_that_are_listened_to_beside_preferred_ones_come_first() -> None:
    track = SpotifyTrack(spotify_id="spotify", name="Song")
    found = recommend([Candidate("a"), Candidate("spotify", together=0.5, spotify_track=track)], NOBODY, 10)

    assert ids(found) == ["spotify", "a"]
    assert (found[0].reason.code, found[0].spotify_track) == (ReasonCode.LISTENED_TOGETHER, track)


def test_tracks_of_too_few_listeners_are_not_counted() -> None:
    assert count_listeners([["a", "b"], ["a"], ["a", "b"], ["a"], ["b", "c"]]) == {"a": 1.0, "b": 0.75}
    assert count_listeners([["a", "a"], ["a"]]) == {}


def test_excluded_tracks_are_left_out_and_known_ones_come_later() -> None:
    candidates = [Candidate(name, popularity=0.8) for name in ("disliked", "known", "new")]
    listener = Listener(Taste(), Taste(), excluded={"disliked"}, known={"known"})

    assert [(one.track_id, one.score) for one in recommend(candidates, listener, 10)] == [("new", 0.8), ("known", 0.4)]
    assert recommend(candidates[:1], listener, 10) == []


def test_similar_tracks_share_features_artists_or_genres() -> None:
    track = Candidate("this", artists=["Nina"], genres=["jazz"], features=CALM)
    candidates = [
        track,
        Candidate("same", artists=["Nina"], genres=["jazz"], features=CALM),
        Candidate("artist", artists=["Nina"]),
        Candidate("sound", features=CALM),
        Candidate("nothing", artists=["Eve"], genres=["pop"]),
    ]
    found = find_similar(track, candidates, 10)

    assert ids(found) == ["same", "sound", "artist"]
    assert found[0].score == 1.0
    assert [one.reason.code for one in found[1:]] == [ReasonCode.SIMILAR_FEATURES, ReasonCode.SAME_ARTIST]


def test_a_track_without_metadata_and_features_is_similar_to_none() -> None:
    assert find_similar(Candidate("this"), [Candidate("other", features=CALM)], 10) == []


def test_features_that_are_not_defined_are_not_compared() -> None:
    partly = TrackFeatures(energy=0.1, valence=0.2, tempo=70)
    found = FeatureSpace([partly, TrackFeatures(energy=0.1), None]).similarities(FeatureSpace([CALM]))

    assert found[:, 0].tolist() == pytest.approx([1.0, 0.0, 0.0])
