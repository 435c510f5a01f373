"""The states, updates and events of playlists."""

import pytest

from echo_common.contracts.errors.playlists import PlaylistFullError
from echo_common.contracts.events.listening import PlaylistDeleted, PlaylistUpdated
from echo_common.contracts.values import PlaylistRole, PlaylistUpdateType
from echo_common.errors import ValidationError
from echo_common.outbox.documents import from_document, to_document
from echo_listening.domain.playlists import MOST_COLLABORATORS, Playlist, PlaylistState, PlaylistUpdate

OWNERS = {"a": "usr_1", "b": "usr_1", "c": "usr_2"}


def created(*track_ids: str) -> Playlist:
    playlist = Playlist.create("usr_1", "Evening", None, track_ids)
    playlist.clear_pending()
    return playlist


def track_ids(playlist: Playlist) -> str:
    return "".join(item.track_id for item in playlist.items)


def test_a_new_playlist_is_its_first_update() -> None:
    playlist = Playlist.create("usr_1", "Évening", "Quiet.", ["a", "b", "a"])

    [event] = playlist.pending
    assert isinstance(event, PlaylistUpdated)
    assert (event.revision, event.type, event.track_ids, event.user_id) == (1, "create", ("a", "b"), "usr_1")
    assert (playlist.search, playlist.track_count, playlist.user_ids) == ("évening", 3, ("usr_1",))
    update = PlaylistUpdate.of(playlist)
    assert (update.revision, update.timestamp, update.state) == (1, playlist.latest.timestamp, PlaylistState.of(playlist))


@pytest.mark.parametrize(("position", "expected"), [(None, "abcc"), (0, "ccab"), (1, "accb"), (9, "abcc")])
def test_tracks_are_added_at_a_position(position: int | None, expected: str) -> None:
    playlist = created("a", "b")
    playlist.add_tracks(["c", "c"], "usr_1", position=position, most=4)

    assert (track_ids(playlist), playlist.track_count, playlist.latest.track_ids) == (expected, 4, ("c",))
    with pytest.raises(PlaylistFullError):
        playlist.add_tracks(["c"], "usr_1", most=4)


@pytest.mark.parametrize(
    ("item", "position", "expected", "revision"),
    [(0, 1, "bac", 2), (0, 2, "bca", 2), (2, 0, "cab", 2), (1, 9, "acb", 2), (1, 1, "abc", 1)],
)
def test_items_are_moved(item: int, position: int, expected: str, revision: int) -> None:
    playlist = created("a", "b", "c")
    playlist.move(playlist.items[item].item_id, position, "usr_1")

    assert (track_ids(playlist), playlist.revision) == (expected, revision)
    with pytest.raises(ValidationError):
        playlist.move("item_unknown", 0, "usr_1")


def test_a_new_order_concerns_the_tracks_that_moved() -> None:
    playlist = created("a", "b", "c")
    first, second, third = [item.item_id for item in playlist.items]
    playlist.reorder([second, first, third], "usr_1")

    assert (track_ids(playlist), playlist.latest.track_ids) == ("bac", ("b", "a"))
    for wrong in ([first, second], [first, second, second], [first, second, "item_unknown"]):
        with pytest.raises(ValidationError):
            playlist.reorder(wrong, "usr_1")


def test_a_state_is_restored_with_its_items() -> None:
    playlist = created("a", "b")
    state = PlaylistState.of(playlist)
    items = playlist.items
    playlist.describe("Night", "Late.", "usr_1")
    playlist.remove_tracks(["a"])
    playlist.restore(state, OWNERS, "usr_1")

    assert (playlist.name, playlist.search, playlist.description, playlist.items) == ("Evening", "evening", None, items)
    assert (playlist.latest.type, playlist.latest.track_ids) == (PlaylistUpdateType.RESTORE, ("a",))


def test_a_restored_state_lacks_deleted_tracks_and_those_of_former_collaborators() -> None:
    playlist = created("a", "b")
    playlist.set_collaborator("usr_2", PlaylistRole.EDITOR)
    playlist.add_tracks(["c"], "usr_2", most=9)
    state = PlaylistState.of(playlist)
    playlist.remove_collaborator("usr_2", "usr_1")
    playlist.remove_tracks(["a"])
    playlist.restore(state, {"b": "usr_1", "c": "usr_2"}, "usr_1")

    assert (track_ids(playlist), playlist.revision) == ("b", 4)


def test_collaborators_have_one_role_each() -> None:
    playlist = created()
    playlist.set_collaborator("usr_2", PlaylistRole.EDITOR)
    playlist.set_collaborator("usr_3", PlaylistRole.VIEWER)
    playlist.set_collaborator("usr_2", PlaylistRole.VIEWER)

    roles = [playlist.role_of(user_id) for user_id in ("usr_1", "usr_2", "usr_3", "usr_4")]
    assert roles == [PlaylistRole.OWNER, PlaylistRole.VIEWER, PlaylistRole.VIEWER, None]
    assert playlist.user_ids == ("usr_1", "usr_2", "usr_3")
    assert playlist.revision == 1


def test_collaborators_are_limited() -> None:
    playlist = created()
    for number in range(MOST_COLLABORATORS):
        playlist.set_collaborator(f"usr_{number + 2}", PlaylistRole.VIEWER)
    playlist.set_collaborator("usr_2", PlaylistRole.EDITOR)

    with pytest.raises(PlaylistFullError):
        playlist.set_collaborator("usr_new", PlaylistRole.VIEWER)


def test_an_erased_user_is_forgotten_without_a_revision() -> None:
    playlist = created("a")
    playlist.set_collaborator("usr_2", PlaylistRole.EDITOR)
    playlist.describe("Night", None, "usr_2")
    playlist.forget_user("usr_1")
    assert playlist.latest.user_id == "usr_2"
    playlist.forget_user("usr_2")
    assert [playlist.latest.user_id, playlist.latest.type, playlist.revision] == [None, "rename", 2]


def test_a_deletion_is_published() -> None:
    playlist = created("a")
    playlist.delete()

    [event] = playlist.pending
    assert isinstance(event, PlaylistDeleted)
    assert playlist.erased


def test_playlists_and_updates_are_stored_completely() -> None:
    playlist = created("a", "b")
    playlist.set_collaborator("usr_2", PlaylistRole.EDITOR)
    update = PlaylistUpdate.of(playlist)

    assert from_document(Playlist, to_document(playlist)) == playlist
    assert from_document(PlaylistUpdate, to_document(update)) == update
