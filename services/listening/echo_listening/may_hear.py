"""Port of the permission to hear a track of another user."""

from typing import Protocol

from echo_listening.domain.tracks import Track


class MayHear(Protocol):
    """Rule that permits users to hear tracks that they do not own. A part of the service that shares tracks adds one."""

    async def __call__(self, track: Track, user_id: str) -> bool:
        """Return whether this rule permits a user to hear a track of another user. Raises `StoreUnavailableError`."""
