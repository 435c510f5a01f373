"""Members, codes and commands of a group session."""

from collections.abc import Callable

import pytest

from echo_common.clock import now
from echo_common.contracts.errors.group_sessions import (
    GroupMemberNotFoundError,
    GroupSessionEndedError,
    GroupSessionFullError,
    GroupSessionNotFoundError,
    HostRequiredError,
    JoinCodeNotFoundError,
)
from echo_common.contracts.values import GroupRole, PlaybackState
from echo_listening.domain.group_sessions import GroupMember, GroupSession, new_join_code, normalized_join_code
from echo_listening.domain.live_errors import SessionItemNotFoundError
from echo_listening.domain.playback import SessionItem
from echo_listening.domain.session_clock import ClockSteps

ITEMS = [SessionItem(item_id=name, track_id=f"track_{name}", duration=10_000) for name in "abc"]


def session() -> GroupSession:
    host = GroupMember(user_id="usr_ada", display_name="Ada", joined_at=now())
    return GroupSession.create("Friday", host, "playlist_1", ITEMS, 3, time=1_000, clock=0)


def joined(*names: str) -> GroupSession:
    found = session()
    for name in names:
        found.join(str(found.code), f"usr_{name}", name.title(), most=10)
    return found


def topics(found: GroupSession) -> list[str]:
    return [event.topic.removeprefix("listening.group_session_") for event in found.pending]


def test_a_session_starts_paused_at_its_first_item() -> None:
    found = session()

    assert (found.playback.state, found.playback.item_id, found.playback.at) == (PlaybackState.PAUSED, "a", 1_000)
    assert (found.role_of("usr_ada"), found.active_playlist_id, topics(found)) == (GroupRole.HOST, "playlist_1", ["started"])


def test_codes_are_random_and_forgive_how_they_are_written() -> None:
    codes = {new_join_code() for _ in range(50)}

    assert len(codes) == 50
    assert all(normalized_join_code(f" {code[:4].lower()}-{code[4:]} ") == code for code in codes)
    assert normalized_join_code("oil") == "011"


def test_members_join_with_the_code_alone() -> None:
    found = session()
    with pytest.raises(JoinCodeNotFoundError):
        found.join("WRONG", "usr_eve", "Eve", most=10)
    found.join(str(found.code), "usr_eve", "Eve", most=2)
    found.join(str(found.code), "usr_eve", "Evelyn", most=2)

    assert [(member.user_id, member.display_name) for member in found.members] == [("usr_ada", "Ada"), ("usr_eve", "Evelyn")]
    with pytest.raises(GroupSessionFullError):
        found.join(str(found.code), "usr_bob", "Bob", most=2)


def test_the_member_who_joined_first_follows_the_host() -> None:
    found = joined("eve", "bob")
    found.leave("usr_ada")

    assert (found.host_id, found.active) == ("usr_eve", True)
    with pytest.raises(GroupSessionNotFoundError):
        found.role_of("usr_ada")


def test_a_session_without_members_ends_and_is_deleted() -> None:
    found = session()
    found.leave("usr_ada")

    assert (found.active, found.erased, found.active_playlist_id, found.code) == (False, True, None, None)
    assert topics(found) == ["started", "ended", "changed"]


def test_a_removed_member_needs_a_new_code() -> None:
    found = joined("eve")
    earlier = str(found.code)
    found.remove_member("usr_eve")
    with pytest.raises(JoinCodeNotFoundError):
        found.join(earlier, "usr_eve", "Eve", most=10)
    found.replace_code()
    with pytest.raises(JoinCodeNotFoundError):
        found.join(earlier, "usr_eve", "Eve", most=10)
    found.join(str(found.code), "usr_eve", "Eve", most=10)

    assert found.has_member("usr_eve")


@pytest.mark.parametrize("user_id", ["usr_nobody", "usr_ada"])
def test_the_host_can_remove_other_members_only(user_id: str) -> None:
    with pytest.raises(GroupMemberNotFoundError):
        joined("eve").remove_member(user_id)


def test_an_erased_user_is_nowhere_in_the_session() -> None:
    found = joined("eve", "bob")
    found.remove_member("usr_eve")
    for user_id in ("usr_eve", "usr_ada"):
        found.forget_user(user_id)

    assert "usr_eve" not in str(found)
    assert "usr_ada" not in str(found)
    assert found.host_id == "usr_bob"


def test_members_control_unless_the_host_reserves_it() -> None:
    found = joined("eve")
    found.require_control("usr_eve")
    found.describe("Friday", members_may_control=False)
    found.require_control("usr_ada")
    with pytest.raises(HostRequiredError):
        found.require_control("usr_eve")
    with pytest.raises(GroupSessionNotFoundError):
        found.require_control("usr_bob")


def test_a_session_that_has_ended_plays_nothing() -> None:
    found = session()
    found.apply(lambda timeline: timeline.play, time=2_000, clock=0)
    found.end()

    assert (found.items, found.playback.state, found.playback.item_id) == ((), PlaybackState.PAUSED, None)


@pytest.mark.parametrize("require", [GroupSession.require_control, GroupSession.require_host])
def test_a_session_that_has_ended_takes_no_commands(require: Callable[[GroupSession, str], None]) -> None:
    found = session()
    found.end()
    found.end()

    assert topics(found).count("ended") == 1
    with pytest.raises(GroupSessionEndedError):
        require(found, "usr_ada")


def test_a_command_takes_effect_at_its_time_and_never_before_the_one_it_replaces() -> None:
    found = session()
    assert found.apply(lambda timeline: timeline.play, time=5_000, clock=0)
    assert found.apply(lambda timeline: timeline.next("a"), time=4_000, clock=0)

    assert (found.revision, found.playback.item_id, found.playback.position, found.playback.at) == (3, "b", 0, 5_000)


def test_a_command_that_changes_nothing_makes_no_revision() -> None:
    found = session()
    found.clear_pending()

    assert not found.apply(lambda timeline: timeline.pause, time=5_000, clock=0)
    assert not found.apply(lambda timeline: timeline.next("b"), time=5_000, clock=0)
    assert (found.revision, found.pending) == (1, ())


def test_a_command_for_an_unknown_item_is_refused() -> None:
    with pytest.raises(SessionItemNotFoundError):
        session().apply(lambda timeline: timeline.seek("z", 0), time=5_000, clock=0)


def test_a_removed_item_gives_way_to_the_next_one() -> None:
    found = session()
    found.apply(lambda timeline: timeline.play, time=2_000, clock=0)
    found.follow_playlist(ITEMS[1:], 4, time=3_000, clock=0)

    assert (found.playback.item_id, found.playback.position, found.playback.at, found.playlist_revision) == ("b", 0, 3_000, 4)


def test_an_earlier_state_of_the_playlist_is_ignored() -> None:
    found = session()
    found.follow_playlist(ITEMS[1:], 2, time=3_000, clock=0)
    found.follow_playlist(ITEMS, 4, time=3_000, clock=0)

    assert (len(found.items), found.playlist_revision, found.revision) == (3, 4, 1)


def test_another_duration_of_the_same_revision_is_followed() -> None:
    found = session()
    longer = [ITEMS[0].model_copy(update={"duration": 20_000}), *ITEMS[1:]]
    found.follow_playlist(longer, 3, time=3_000, clock=0)

    assert (found.items[0].duration, found.revision) == (20_000, 2)


def test_a_step_of_the_clock_does_not_move_positions() -> None:
    found = session()
    found.apply(lambda timeline: timeline.play, time=2_000, clock=0)
    steps = ClockSteps((5_000,))
    found.move_to_clock(steps.number, steps.moved)
    found.move_to_clock(steps.number, steps.moved)

    assert (found.playback.at, found.clock, found.revision) == (7_000, 1, 2)
