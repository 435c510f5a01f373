"""Passkeys of users."""

from datetime import datetime

from echo_common.aggregate import Aggregate

MAXIMUM_PASSKEYS = 20
"""Passkeys of one user."""


class Passkey(Aggregate):
    """A WebAuthn credential of a user: its public key and its signature counter."""

    user_id: str
    credential_id: str
    """The id that the authenticator chose, in base64url."""
    public_key: bytes
    sign_count: int
    """The counter of the last accepted signature; 0 if the authenticator has none."""
    name: str
    backed_up: bool = False
    last_used_at: datetime | None = None

    def use(self, sign_count: int, at: datetime) -> None:
        """Record an accepted signature."""
        self.sign_count, self.last_used_at = sign_count, at
