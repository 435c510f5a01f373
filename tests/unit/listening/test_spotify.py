"""Transfers from and to Spotify end; imported playlists keep their items; links announce their changes."""

from datetime import UTC, datetime

from echo_common.contracts.events.listening import PlaylistUpdated, SpotifyLinked, SpotifyUnlinked
from echo_common.contracts.values import JobStatus
from echo_listening.domain.playlists import Playlist
from echo_listening.domain.spotify import EncryptedTokens, SpotifyLink, SpotifyProfile
from echo_listening.domain.spotify_imports import ImportedPart, SpotifyImport
from echo_listening.domain.spotify_transfers import MAXIMUM_DEFERRALS

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def defer(task: SpotifyImport) -> None:
    task.defer(task.claim("worker", 15), NOW, 1.0, "SPOTIFY_UNAVAILABLE", "Try again.")


def test_an_import_fails_after_many_deferrals_in_a_row() -> None:
    task = SpotifyImport(id="import_1", user_id="usr_1", parts=(ImportedPart.SAVED_TRACKS,))
    for _ in range(MAXIMUM_DEFERRALS):
        defer(task)
        assert task.status is JobStatus.PENDING
    task.advance(task.claim("worker", 15), 50, 0, 120)
    task.release(task.attempt)
    defer(task)
    assert (task.status, task.deferrals) == (JobStatus.PENDING, 1)
    for _ in range(MAXIMUM_DEFERRALS):
        defer(task)

    assert (task.status, task.error_code) == (JobStatus.FAILED, "SPOTIFY_UNAVAILABLE")


def test_an_import_has_its_playlists_before_its_parts() -> None:
    task = SpotifyImport(id="import_1", user_id="usr_1", playlists=("p", "q"), parts=(ImportedPart.TOP_ARTISTS,))
    attempt = task.claim("worker", 15)
    task.advance(attempt, 49, 1, 60, ["a"])
    task.advance(attempt, 10, 0, 60, ["b"])

    assert [step.playlist or step.part for step in task.steps] == ["p", "q", "top_artists"]
    assert (task.offset, task.imported, task.skipped, task.total, task.track_ids) == (60, 59, 1, 60, ("a", "b"))
    task.finish_part(attempt)
    task.advance(attempt, 2, 0, 2)
    assert (task.part, task.offset, task.total, task.track_ids) == (1, 2, 62, ())


def test_an_imported_playlist_keeps_the_items_of_tracks_that_stay() -> None:
    playlist = Playlist.create("usr_1", "Evening", None, ["a", "b", "a"])
    first, _, last = (item.item_id for item in playlist.items)
    playlist.clear_pending()
    playlist.import_tracks("Night", "Slow", ["a", "c", "a"], "usr_1")

    assert [item.track_id for item in playlist.items] == ["a", "c", "a"]
    assert (playlist.items[0].item_id, playlist.items[2].item_id) == (first, last)
    assert (playlist.name, playlist.search, playlist.description) == ("Night", "night", "Slow")
    [event] = playlist.pending
    assert isinstance(event, PlaylistUpdated)
    assert (event.revision, event.type, event.track_ids) == (2, "import", ("c", "b"))
    playlist.clear_pending()
    playlist.import_tracks("Night", "Slow", ["a", "c", "a"], "usr_1")
    assert (playlist.revision, playlist.pending) == (2, ())


def test_a_link_announces_its_beginning_and_its_end() -> None:
    link = SpotifyLink(id="usr_1", spotify_user_id="ada", linked_at=NOW, top_artists=("Nina Simone",))
    tokens = EncryptedTokens(access_token="a", refresh_token="r", expiry=NOW)
    known = []
    for account in ("ada", "eve"):
        link.link(SpotifyProfile(spotify_user_id=account, display_name=None), tokens, (), NOW)
        known.append(link.top_artists)
    link.unlink()

    assert known == [("Nina Simone",), ()]
    assert link.erased
    assert [type(event) for event in link.pending] == [SpotifyLinked, SpotifyLinked, SpotifyUnlinked]


def test_an_old_refresh_does_not_replace_the_tokens_of_a_new_link() -> None:
    link = SpotifyLink(id="usr_1", spotify_user_id="ada", linked_at=NOW, refresh_token="new", access_token="access")
    link.finish_refresh("old", EncryptedTokens(access_token="late", refresh_token="late", expiry=NOW))
    link.expire("old")

    assert (link.access_token, link.refresh_token) == ("access", "new")
