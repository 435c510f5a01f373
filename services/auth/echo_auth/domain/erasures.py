"""Erasures of deleted users, by pseudonym."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from echo_common.aggregate import Aggregate


class Erasure(Aggregate):
    """The erasure of a deleted user: the services that have confirmed, and those that have not. It outlives the user."""

    pseudonym: str
    waiting_for: Sequence[str]
    confirmed: Mapping[str, datetime] = {}
    completed_at: datetime | None = None

    @staticmethod
    def id_of(pseudonym: str) -> str:
        """Return the id of a user's erasure; there is one."""
        return f"era_{pseudonym}"

    @classmethod
    def request(cls, pseudonym: str, services: Sequence[str]) -> "Erasure":
        """Create an erasure that waits for services."""
        return cls(id=cls.id_of(pseudonym), pseudonym=pseudonym, waiting_for=services)

    def confirm(self, service: str, at: datetime) -> None:
        """Record that a service has erased everything; idempotent."""
        if service in self.waiting_for:
            self.waiting_for = [name for name in self.waiting_for if name != service]
            self.confirmed = {**self.confirmed, service: at}

    def complete(self, at: datetime) -> None:
        """Record that the account itself is erased; idempotent."""
        self.completed_at = self.completed_at or at
