"""Limit on failed logins, lookups and registrations against guessing, counted in the database for all replicas together."""

from collections.abc import Mapping
from enum import StrEnum

from echo_common.failed_attempts import FailedAttempts
from echo_common.http.addresses import network_of
from echo_common.store.port import Collection

# "account" limits guesses from many networks; the networks of the owner are exempt, so that no attacker can lock the owner out
_LIMITS = {"account and network": 10, "account": 200}


class Attempt(StrEnum):
    """Kinds of attempts; each has counters of its own, so that a name sent to a login never meets those of another kind."""

    GUEST = "guest"
    LOGIN = "login"
    LOOKUP = "lookup"
    PASSWORD_RESET = "password reset"  # noqa: S105 - a kind
    REGISTRATION = "registration"
    SECOND_FACTOR = "second factor"
    UPGRADE = "upgrade"


class Throttle:
    """A limit on an account's failed attempts per window, from one network and from all. Unknown accounts count too.

    Attempts from a known network, from which the account's owner logs in, are subject to its own limit alone.
    """

    def __init__(self, failures: FailedAttempts) -> None:
        self._failures = failures

    @classmethod
    async def open(cls, collection: Collection) -> "Throttle":
        """Open the throttle; the database removes expired counts."""
        return cls(await FailedAttempts.open(collection))

    async def count_attempt(
        self, kind: Attempt, account: str, address: str | None, *, from_known_network: bool = False
    ) -> None:
        """Count an attempt before its outcome is known, as failed until reverted. Raises `TooManyAttemptsError` at a limit.

        Concurrent attempts cannot pass the limits together.
        """
        await self._failures.count(_limits(kind, account, address, from_known_network))

    async def require_attempts(self, kind: Attempt, account: str, address: str | None) -> None:
        """Raise `TooManyAttemptsError` if the account's limit for this network is reached; count nothing."""
        for key, limit in _limits(kind, account, address, True).items():
            await self._failures.require(key, limit)

    async def revert_attempt(
        self, kind: Attempt, account: str, address: str | None, *, from_known_network: bool = False
    ) -> None:
        """Remove a counted attempt that did not fail."""
        await self._failures.revert(_limits(kind, account, address, from_known_network))

    async def reset(self, kind: Attempt, account: str, address: str | None, *, from_known_network: bool = False) -> None:
        """Reset the account's count for this network, after a counted attempt that succeeded."""
        key, *others = _limits(kind, account, address, from_known_network)
        await self._failures.reset(key)
        await self._failures.revert(others)


def _limits(kind: Attempt, account: str, address: str | None, from_known_network: bool) -> Mapping[str, int]:
    """Return the limits of an attempt by the key of their counter, that of the account and the network first."""
    network = None if address is None else network_of(address)
    parts = {"account and network": f"{account.lower()}\n{network}"}
    if not from_known_network:
        parts["account"] = account.lower()
    return {f"{kind}\n{scope}\n{part}": _LIMITS[scope] for scope, part in parts.items()}
