"""Event handlers of users."""

from echo_common.contracts.events.auth import UserDeleted
from echo_feedback.dependencies import Dependencies


async def erase_user(event: UserDeleted, dependencies: Dependencies) -> None:
    """Queue the erasure of everything that the user owns here."""
    await dependencies.erasure.begin(event.user_id)
