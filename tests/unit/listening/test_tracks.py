"""Tracks change by their rules."""

import pytest

from echo_common.contracts.events.listening import TrackDeleted
from echo_common.contracts.http.tracks import TrackPatch
from echo_common.contracts.values import TrackSource
from echo_common.errors import ValidationError
from echo_listening.domain.tracks import Track


def of_spotify() -> Track:
    return Track(id="track_1", user_id="usr_ada", source=TrackSource.SPOTIFY, name="Song", artists=("Band",))


def test_only_the_genres_of_a_track_of_spotify_change() -> None:
    track = of_spotify()
    track.change(TrackPatch(genres=["Rock"]))

    assert track.genres == ("rock",)
    with pytest.raises(ValidationError) as refused:
        track.change(TrackPatch(name="Mine", genres=["pop"]))
    message = "Only the genres of a track of Spotify can be changed."
    assert refused.value.details == [{"field": "name", "message": message}]
    assert (track.name, track.genres) == ("Song", ("rock",))


def test_a_deleted_track_is_announced_once_it_is_saved() -> None:
    track = of_spotify()
    track.delete()

    assert track.erased
    assert [type(event) for event in track.pending] == [TrackDeleted]
