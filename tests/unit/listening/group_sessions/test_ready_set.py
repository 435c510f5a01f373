"""The status of members of a group session."""

from echo_common.contracts.values import MemberStatus
from echo_listening.domain.ready_set import ClientReports, best_status, stored_status

READY, STALLED, AWAY = MemberStatus.READY, MemberStatus.STALLED, MemberStatus.AWAY


def test_a_client_is_ready_for_a_while_after_each_report() -> None:
    reports = ClientReports(stall_milliseconds=10_000)
    assert reports.status(0) is STALLED
    reports.report(READY, 5)
    assert [reports.status(time) for time in (5, 10_005, 10_006)] == [READY, READY, STALLED]
    reports.report(READY, 20_000)
    assert reports.status(20_001) is READY
    reports.report(STALLED, 20_002)
    assert reports.status(20_003) is STALLED


def test_a_member_has_the_best_status_of_their_connections() -> None:
    assert best_status([STALLED, READY]) is READY
    assert best_status([STALLED]) is STALLED
    assert best_status([]) is AWAY


def test_a_status_that_is_not_renewed_is_away() -> None:
    assert stored_status(READY, 1_000, 91_000) is READY
    assert stored_status(READY, 1_000, 91_001) is AWAY
