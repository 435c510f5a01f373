"""The status of members: who plays with the group. The group waits for nobody."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from echo_common.contracts.values import MemberStatus

_AWAY_MILLISECONDS: Final = 90_000


@dataclass(slots=True)
class ClientReports:
    """The reports of one connection. A report of `ready` counts for `stall_milliseconds`; times are on a monotonic clock."""

    stall_milliseconds: int
    _ready_at: int | None = None

    def report(self, status: MemberStatus, time: int) -> None:
        """Note a report of the client."""
        self._ready_at = time if status is MemberStatus.READY else None

    def status(self, time: int) -> MemberStatus:
        """Return the status of the connection."""
        late = self._ready_at is None or time - self._ready_at > self.stall_milliseconds
        return MemberStatus.STALLED if late else MemberStatus.READY


def best_status(statuses: Iterable[MemberStatus]) -> MemberStatus:
    """Return the status of a member with several connections: ready if one of them is, away without any."""
    found = set(statuses)
    return next((each for each in (MemberStatus.READY, MemberStatus.STALLED) if each in found), MemberStatus.AWAY)


def stored_status(status: MemberStatus, renewed_at: int, time: int) -> MemberStatus:
    """Return a status that a replica has stored: away if it has not renewed it, because it died."""
    return MemberStatus.AWAY if time - renewed_at > _AWAY_MILLISECONDS else status
