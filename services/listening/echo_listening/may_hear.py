"""Port of the permission to hear tracks of other users."""

from collections.abc import Collection
from typing import Protocol


class MayHear(Protocol):
    """Rule that permits users to hear tracks that they do not own. A part of the service that shares tracks adds one."""

    async def __call__(self, track_ids: Collection[str], user_id: str) -> Collection[str]:
        """Return those of these tracks of other users that this rule permits a user to hear. Raises `StoreUnavailableError`."""
